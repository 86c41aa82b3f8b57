import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox import owner
from grader.sandbox.cgroups import JobCgroup, find_hierarchy, sweep
from grader.sandbox.limits import Limits

LIMITS = Limits(memory_mib=64, processes=8, cpus=0.5)


@pytest.fixture
def hierarchy():
    try:
        return find_hierarchy()
    except SandboxUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture
def group(hierarchy):
    group = JobCgroup.create(hierarchy, LIMITS)
    yield group
    group.remove()


@pytest.fixture
def run_inside(group):
    started = []

    def run_inside(code):
        join = 'for file in $1; do echo $$ > "$file"; done; shift; exec "$@"'
        entrances = " ".join(map(str, group.entrances))
        process = subprocess.Popen(
            ["/bin/sh", "-c", join, "sh", entrances, sys.executable, "-I", "-S", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        return process

    yield run_inside
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def dead_owner():
    """The label of a process that has ended."""
    code = "from grader.sandbox import owner; print(owner.identity())"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


@pytest.mark.bubblewrap
def test_memory_beyond_the_limit_kills_and_is_counted(group, run_inside):
    assert not group.out_of_memory()
    assert run_inside("x = b'x' * (256 << 20)").wait(30) == -9
    assert group.out_of_memory()
    assert not group.process_limit_hit()


@pytest.mark.bubblewrap
def test_a_fork_beyond_the_limit_is_refused_and_counted(group, run_inside):
    code = "import os, time\nfor _ in range(20):\n if not os.fork(): time.sleep(60)"
    assert run_inside(code).wait(30) == 1
    assert group.process_limit_hit()
    assert not group.out_of_memory()
    assert len(group.processes()) == LIMITS.processes - 1


@pytest.mark.bubblewrap
def test_processes_may_be_allowed_on_top_of_the_limit(hierarchy):
    group = JobCgroup.create(hierarchy, LIMITS, spare_processes=2)
    assert (group.folders["pids"] / "pids.max").read_text() == "10\n"
    group.remove()


@pytest.mark.bubblewrap
def test_half_a_processor_is_half_a_processor(run_inside):
    code = (
        "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass\n"
        "print(time.process_time())"
    )
    process = run_inside(code)
    assert float(process.communicate(timeout=30)[0]) < 1.1


@pytest.mark.bubblewrap
def test_killing_ends_every_process_and_removing_leaves_nothing(group, run_inside, is_dead):
    process = run_inside(
        "import os, time\nfor _ in range(3): os.fork()\nos.setsid() if os.getpid() % 2 else 0\n"
        "print(1, flush=True)\ntime.sleep(600)"
    )
    process.stdout.readline()
    while len(group.processes()) < 8:
        time.sleep(0.01)
    processes = group.processes()
    group.remove()
    # The kernel takes a process out of its group a moment before it calls it dead.
    deadline = time.monotonic() + 5.0
    while not all(map(is_dead, processes)):
        assert time.monotonic() < deadline
    assert not any(folder.exists() for folder in group.folders.values())
    group.remove()  # again, without harm
    assert group.processes() == set()


@pytest.mark.bubblewrap
def test_counters_of_a_group_that_is_gone_are_an_infrastructure_fault(group):
    group.remove()
    with pytest.raises(InfrastructureFault, match="cannot be read"):
        group.out_of_memory()


@pytest.mark.bubblewrap
def test_groups_of_dead_graders_are_swept_and_those_of_living_ones_stay(
    hierarchy, group, dead_owner
):
    name = f"onebyone-{dead_owner.replace('/', '.')}-0"
    stale = [parent / name for parent in set(hierarchy.parents.values())]
    for folder in stale:
        folder.mkdir()
    foreign = hierarchy.parents["pids"] / "onebyone-somebody-else"
    foreign.mkdir()
    try:
        sweep(hierarchy)
        assert not any(folder.exists() for folder in stale)
        assert all(folder.exists() for folder in group.folders.values())
        assert foreign.exists()
    finally:
        foreign.rmdir()


def test_nowhere_to_write_is_said_with_a_remedy(tmp_path):
    with pytest.raises(SandboxUnavailable, match=r"systemd-run --user --scope -p Delegate=yes"):
        find_hierarchy(tmp_path, "/")


# Version 2 cannot be mounted where version 1 is in use, so what follows runs on a folder with
# the same files. It shows which paths are taken and what is written where, not what a kernel does.


def fake_group(folder, *, controllers="cpuset cpu memory pids", switched_on="", processes=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers + "\n")
    (folder / "cgroup.subtree_control").write_text(switched_on + "\n")
    (folder / "cgroup.procs").write_text(processes)
    (folder / "cgroup.type").write_text("domain\n")
    return folder


def test_version_2_groups_are_made_under_the_root_where_it_is_writable(tmp_path):
    root = fake_group(tmp_path / "fs", switched_on="cpu memory pids")
    (root / "cgroup.type").unlink()
    hierarchy = find_hierarchy(root, "/session.scope")
    assert hierarchy.version == 2
    assert set(hierarchy.parents.values()) == {root}


def test_version_2_groups_are_made_in_a_delegated_scope_whose_processes_move_to_a_leaf(tmp_path):
    root = fake_group(tmp_path / "fs", controllers="")
    scope = fake_group(root / "user.slice/run.scope", processes="4711\n")
    hierarchy = find_hierarchy(root, "/user.slice/run.scope")
    assert set(hierarchy.parents.values()) == {scope}
    assert (scope / "onebyone.graders/cgroup.procs").read_text() == "4711"
    assert set((scope / "cgroup.subtree_control").read_text().split()) == {
        "+cpu",
        "+memory",
        "+pids",
    }


def test_a_process_that_starts_in_the_leaf_makes_its_groups_beside_it(tmp_path):
    root = fake_group(tmp_path / "fs", controllers="")
    scope = fake_group(root / "run.scope", switched_on="cpu memory pids")
    fake_group(scope / "onebyone.graders")
    hierarchy = find_hierarchy(root, "/run.scope/onebyone.graders")
    assert set(hierarchy.parents.values()) == {scope}


def test_a_scope_without_the_processor_controller_is_refused(tmp_path):
    root = fake_group(tmp_path / "fs", controllers="")
    fake_group(root / "run.scope", controllers="memory pids")
    with pytest.raises(SandboxUnavailable, match="Delegate=cpu memory pids"):
        find_hierarchy(root, "/run.scope")


def test_a_version_2_group_gets_its_limits_and_is_asked_for_its_counters(tmp_path):
    root = fake_group(tmp_path / "fs", switched_on="cpu memory pids")
    hierarchy = find_hierarchy(root, "/")
    group = JobCgroup.create(hierarchy, replace(LIMITS, cpus=1.5), spare_processes=2)
    (folder,) = set(group.folders.values())
    assert group.entrances == (folder / "cgroup.procs",)
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "10",
        "cpu.max": "150000 100000",
    }
    events = "low 0\nhigh 0\nmax 7\noom 1\noom_kill {}\noom_group_kill 1\n"
    (folder / "memory.events").write_text(events.format(0))
    (folder / "pids.events").write_text("max 0\n")
    assert (group.out_of_memory(), group.process_limit_hit()) == (False, False)
    (folder / "memory.events").write_text(events.format(1))
    (folder / "pids.events").write_text("max 3\n")
    assert (group.out_of_memory(), group.process_limit_hit()) == (True, True)


def test_a_kernel_that_does_not_count_is_an_infrastructure_fault(tmp_path):
    root = fake_group(tmp_path / "fs", switched_on="cpu memory pids")
    group = JobCgroup.create(find_hierarchy(root, "/"), LIMITS)
    (Path(group.folders["memory"]) / "memory.events").write_text("low 0\n")
    with pytest.raises(InfrastructureFault, match="too old"):
        group.out_of_memory()


def test_the_label_of_this_process_is_part_of_its_groups_name(tmp_path):
    root = fake_group(tmp_path / "fs", switched_on="cpu memory pids")
    first, second = (JobCgroup.create(find_hierarchy(root, "/"), LIMITS) for _ in range(2))
    assert first.folders["pids"] != second.folders["pids"]
    assert owner.identity().replace("/", ".") in first.folders["pids"].name
