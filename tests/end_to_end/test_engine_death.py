"""An engine that dies in the middle of a grading is a fault of ours, never a grade.

A second engine is started for this, with folders of its own, so that the machine's is left alone.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from grader.sandbox.docker import LABEL
from grader.sandbox.image import image_tag

pytestmark = pytest.mark.docker
SLOW = """
import time


class Dense:
    slept = False

    def __init__(self, in_features, units, use_bias=True):
        if not Dense.slept:
            Dense.slept = True
            time.sleep(4)
        self.kernel = self.bias = self.d_kernel = self.d_bias = None


Conv1x1 = Dense
"""


@pytest.fixture(scope="module")
def engine_folder():
    """Where the second engine lives; not below pytest's folder: socket paths are short."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs as root, on a machine with dockerd")
        pytest.skip("starting a second engine needs root and dockerd")
    folder = Path("/var/tmp") / f"onebyone-engine-{os.getpid()}"
    folder.mkdir()
    yield folder
    for line in subprocess.run(
        ["mount"], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        if str(folder) in line:
            subprocess.run(["umount", "-l", line.split()[2]], check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(engine_folder, docker_launcher):
    """A running second engine that has the sandbox image."""
    address = f"unix://{engine_folder}/docker.sock"
    with (engine_folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "dockerd",
                *("--host", address),
                *("--data-root", f"{engine_folder}/data"),
                *("--exec-root", f"{engine_folder}/exec"),
                *("--pidfile", f"{engine_folder}/pid"),
                # It needs no network, and must not touch the other engine's.
                *("--bridge", "docker0"),
                *("--iptables=false", "--ip-forward=false", "--ip-masq=false"),
            ],
            stdout=log,
            stderr=log,
        )
    wait_for(address, process, engine_folder / "log")
    client = docker.DockerClient(base_url=address)
    if not client.images.list():
        save = subprocess.Popen(["docker", "save", image_tag()], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "--host", address, "load"],
            stdin=save.stdout,
            check=True,
            capture_output=True,
        )
        save.stdout.close()
        assert save.wait() == 0
    yield process, address, client
    client.close()
    process.kill()
    process.wait()
    kill_what_is_left(engine_folder)


def wait_for(address, process, log):
    for _ in range(300):
        client = docker.DockerClient(base_url=address, version="1.41")
        try:
            client.ping()
        except Exception:
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        else:
            return
        finally:
            client.close()
    pytest.fail(f"the second engine does not answer: {log.read_text()[-2000:]}")


def kill_what_is_left(folder):
    """An engine that was killed leaves its helpers, and they their containers."""
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and int(proc.name) != os.getpid():
            for child in (proc / "task" / proc.name / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.kill(int(proc.name), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_killing_the_engine_in_mid_grade_is_no_grade(engine, tmp_path, death):
    process, address, client = engine
    (tmp_path / "layers.py").write_text(SLOW)
    grading = subprocess.Popen(
        [
            *(sys.executable, "-m", "grader", "grade", str(tmp_path / "layers.py")),
            *("--assignment", "dense-conv1x1", "--sandbox", "docker", "--format", "json"),
        ],
        env={**os.environ, "DOCKER_HOST": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not client.containers.list(filters={"label": LABEL}):
        assert time.monotonic() < deadline
        assert grading.poll() is None, grading.stderr.read()
        time.sleep(0.1)
    time.sleep(1.5)

    process.send_signal(death)
    out, err = grading.communicate(timeout=120)

    assert grading.returncode == 3, err
    report = json.loads(out)
    assert report["outcome"] == "infrastructure_fault"
    assert report["score"] is None
    assert report["checks"] == []
    assert "Try again" in report["message"]
