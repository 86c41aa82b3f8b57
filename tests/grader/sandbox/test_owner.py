"""Dead owners are told from living ones, and in doubt they live."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent

import pytest

from grader.sandbox import owner
from grader.sandbox.owner import identity, is_gone


def fields():
    return identity().split("/")


def identity_of(*command):
    """The identity of another process, which has ended when this returns."""
    script = "from grader.sandbox.owner import identity; print(identity())"
    return subprocess.run(
        [*command, sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


def test_a_living_process_is_not_gone():
    assert not is_gone(identity())


def test_an_identity_stays_the_same():
    assert identity() == identity()


def test_a_process_that_has_ended_is_gone():
    other = identity_of().stdout.strip()
    assert other.split("/")[:2] == fields()[:2]
    assert is_gone(other)


def test_a_child_that_forked_is_somebody_else():
    script = """
        import os
        from grader.sandbox.owner import identity, is_gone
        own = identity()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, identity().encode())
            os._exit(0)
        label = os.read(read, 1000).decode()
        os.waitpid(child, 0)
        print(label != own, is_gone(label), is_gone(own))
    """
    answer = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "True True False\n"


def test_a_number_that_another_process_got_since_is_gone():
    boot, namespace, process, started = fields()
    assert is_gone(f"{boot}/{namespace}/{process}/{int(started) - 1}")


def test_nothing_outlives_a_boot():
    _boot, *rest = fields()
    assert is_gone("/".join(["00000000-0000-0000-0000-000000000000", *rest]))


def test_another_process_namespace_cannot_be_judged_from_here():
    boot, namespace, _process, _started = fields()
    assert not is_gone(f"{boot}/{int(namespace) + 1}/999999999/1")


def test_a_grader_in_a_namespace_of_its_own_is_left_alone():
    apart = identity_of("unshare", "--pid", "--fork")
    if apart.returncode != 0:
        pytest.skip(f"no process namespaces here: {apart.stderr}")
    assert apart.stdout.split("/")[1] != fields()[1]
    assert not is_gone(apart.stdout.strip())


def test_a_name_that_looks_like_the_rest_of_a_line_misleads_nobody(tmp_path):
    program = tmp_path / "x) S 1 (y"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "60"]) as process:
        boot, namespace, *_ = fields()
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        assert "x) S 1 (y" in stat
        started = stat.rsplit(")", 1)[1].split()[19]
        living = is_gone(f"{boot}/{namespace}/{process.pid}/{started}")
        process.kill()
    assert not living
    assert is_gone(f"{boot}/{namespace}/{process.pid}/{started}")


@pytest.mark.parametrize(
    "label",
    ["", "/", "///", "x", "a/b/c/d", "a/b/1", "a/b/1/2/3", "a/b/\x00/1", "a/b/1e9/1", "a/b/٣x/1"],
)
def test_what_is_no_label_of_ours_is_left_alone(label):
    assert not is_gone(label)


@pytest.mark.parametrize("process", ["-1", "0", "9" * 400])
def test_a_number_that_no_process_has_is_gone(process):
    boot, namespace, *_ = fields()
    assert is_gone(f"{boot}/{namespace}/{process}/1")


def test_a_process_that_nobody_has_collected_is_gone():
    ends = subprocess.Popen(
        [sys.executable, "-c", f"from {owner.__name__} import identity; print(identity())"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with ends:
        label = ends.stdout.read().strip()
        state = Path(f"/proc/{ends.pid}/stat")
        while state.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        assert is_gone(label)


def test_folders_of_the_dead_are_swept_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = owner.new_folder("onebyone-test-")
    orphan = owner.new_folder("onebyone-test-")
    other = owner.new_folder("onebyone-other-")
    for folder in (orphan, other):
        _boot, *rest = identity().split("/")
        (folder / "owner").write_text("/".join(["0" * 8, *rest]))
    unmarked = tmp_path / "onebyone-test-new"
    unmarked.mkdir()
    owner.sweep_folders("onebyone-test-")
    assert set(tmp_path.iterdir()) == {kept, other, unmarked}
