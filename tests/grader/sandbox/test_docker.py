"""The container, asked from outside (what the engine holds) and from inside (what code can do)."""

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import docker
import numpy as np
import pytest

from grader.errors import SandboxUnavailable
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.docker import LABEL, DockerLauncher
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.limits import Limits
from grader.sandbox.profile import container_settings

pytestmark = pytest.mark.docker
LIMITS = Limits(memory_mib=256, scratch_mib=16, cpus=1.0, processes=32)

PROBE = b"""
import os, pathlib, socket
def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return int(line.split()[1], 16)
def uid(): return os.getuid()
def write(path):
    pathlib.Path(path, "x").write_text("x")
def connect():
    socket.create_connection(("1.1.1.1", 53), 1)
def interfaces(): return len(os.listdir("/sys/class/net"))
def fill(folder):
    with open(folder + "/fill", "wb") as file:
        for _ in range(64): file.write(bytes(1 << 20))
def environment(): raise LookupError(",".join(sorted(os.environ)))
def files():
    found = [str(p) for top in ("/", ) for p, _d, _f in os.walk(top)
             if not p.startswith(("/proc", "/sys", "/usr", "/lib", "/dev"))]
    raise LookupError("\\n".join(found)[:8000])
def find(word):
    hits = []
    for folder, _dirs, names in os.walk("/"):
        if folder.startswith(("/proc", "/sys")): continue
        hits += [os.path.join(folder, n) for n in names if word in n]
    raise LookupError(";".join(hits))
def run(*command):
    import subprocess
    raise LookupError(subprocess.run(command, capture_output=True, text=True).stderr)
"""

HOG = b"""
import os
def grow():
    hoard = []
    while True: hoard.append(bytearray(b"x" * (1 << 24)))
def pretend(): os._exit(137)
def grow_in_a_child():
    child = os.fork()
    if child == 0: grow()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

TALKER = b"""
import os, sys
def negative(x): return -x
def talk():
    print("to out")
    print("to err", file=sys.stderr)
    os.write(1, b"past Python")
def end(): os._exit(0)
def flood():
    while True: os.write(1, bytes(1 << 16))
"""


@pytest.fixture
def sandbox(docker_launcher):
    sandbox = docker_launcher.launch(LIMITS)
    yield sandbox
    sandbox.close()


@pytest.fixture
def ask(sandbox):
    client = AgentClient(sandbox, LIMITS)
    client.hello()
    client.load("probe.py", {"probe.py": PROBE})
    return lambda name, *args: client.result(client.call(MODULE, name, args, {}))


@contextlib.contextmanager
def engine():
    client = docker.from_env()
    yield client
    client.close()


def inspect(sandbox):
    with engine() as client:
        return client.api.inspect_container(sandbox.container_id)


def ours():
    with engine() as client:
        listed = client.containers.list(all=True, filters={"label": LABEL})
    return {container.id for container in listed}


def test_the_engine_holds_the_hardened_profile(sandbox):
    found = inspect(sandbox)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "65534:65534"
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert any(option.startswith("seccomp={") for option in host["SecurityOpt"])
    assert host["PidsLimit"] == 32
    assert host["Memory"] == host["MemorySwap"] == 256 << 20
    assert host["NanoCpus"] == 1_000_000_000
    assert host["IpcMode"] == "private"
    assert host["PidMode"] == ""
    assert host["ShmSize"] == 16 << 20
    assert host["LogConfig"]["Type"] == "none"
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} | {"cpu": 0} == {
        "nofile": 256,
        "core": 0,
        "fsize": 16 << 20,
        "memlock": 0,
        "msgqueue": 0,
        "cpu": 0,
    }
    assert list(host["Tmpfs"]) == ["/scratch"]
    (mount,) = [mount for mount in found["Mounts"] if mount["Type"] == "bind"]
    assert mount["Destination"] == "/channel"
    assert mount["RW"] is False
    assert os.listdir(mount["Source"]) == ["inbox"]  # what the trusted side places


def test_code_inside_has_no_privilege(ask):
    assert ask("uid") == 65534
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert ask("status", key) == 0
    assert ask("status", "NoNewPrivs") == 1
    assert ask("status", "Seccomp") == 2


def test_code_inside_has_no_network(ask):
    assert ask("interfaces") == 1
    with pytest.raises(StudentError):
        ask("connect")


@pytest.mark.parametrize(
    "folder", ["/", "/agent", "/usr/lib", "/etc", "/tmp", "/var/tmp", "/channel"]
)
def test_nothing_but_scratch_is_writable(ask, folder):
    with pytest.raises(StudentError, match=r"Read-only|Permission"):
        ask("write", folder)


def test_scratch_is_bounded(ask):
    ask("write", "/scratch")
    for folder in ("/scratch", "/dev/shm"):
        with pytest.raises(StudentError, match=r"No space left|File too large"):
            ask("fill", folder)


def test_the_environment_is_ours_alone(ask):
    with pytest.raises(StudentError) as names:
        ask("environment")
    found = set(names.value.text.split("\n")[0].split(","))
    assert found <= {
        "HOME",
        "HOSTNAME",
        "LANG",
        "LC_CTYPE",
        "PATH",
        "TMPDIR",
        "GPG_KEY",  # the base image's own facts
        "PYTHON_SHA256",
        "PYTHON_VERSION",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    }


@pytest.mark.parametrize(
    "word", ["oracle", "solution", "test_forward", "assignment.toml", "grading"]
)
def test_no_reference_check_or_repository_file_is_inside(ask, word):
    with pytest.raises(StudentError) as hits:
        ask("find", word)
    found = hits.value.text.split("\n")[0]
    assert [hit for hit in found.split(";") if hit and not hit.startswith("/usr/")] == []


def test_closing_removes_the_container_and_its_folder(docker_launcher):
    sandbox = docker_launcher.launch(LIMITS)
    (mount,) = [m for m in inspect(sandbox)["Mounts"] if m["Type"] == "bind"]
    sandbox.close()
    sandbox.close()
    with pytest.raises(docker.errors.NotFound):
        inspect(sandbox)
    assert not Path(mount["Source"]).exists()


def test_what_a_dead_grader_left_is_swept_and_what_a_live_one_uses_is_not(docker_launcher):
    script = (
        "import os, signal\n"
        "from grader.sandbox.docker import DockerLauncher\n"
        "from grader.sandbox.limits import Limits\n"
        "sandbox = DockerLauncher().launch(Limits())\n"
        "print(sandbox.container_id, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    dead = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert dead.returncode == -signal.SIGKILL
    live = docker_launcher.launch(LIMITS)
    DockerLauncher().close()
    remaining = ours()
    assert dead.stdout.strip() not in remaining
    assert live.container_id in remaining
    live.close()


def test_a_gpu_is_requested_by_its_own_id():
    settings = container_settings(
        LIMITS, image="sha256:0", channel_folder="/x", labels={}, device="GPU-3"
    )
    (request,) = settings["device_requests"]
    assert request["DeviceIDs"] == ["GPU-3"]
    assert request["Capabilities"] == [["gpu"]]
    assert request["Count"] in (0, None)
    without = container_settings(
        LIMITS, image="sha256:0", channel_folder="/x", labels={}, device=None
    )
    assert without["device_requests"] is None


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused_honestly_and_leaves_nothing(docker_launcher):
    launcher = DockerLauncher(device="0")
    before = ours()
    with pytest.raises(SandboxUnavailable, match="GPU 0"):
        launcher.launch(LIMITS)
    launcher.close()
    assert ours() == before


def test_without_an_engine_the_message_says_what_to_start(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with warnings.catch_warnings():
        # The SDK forgets to close a socket that did not connect.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(SandboxUnavailable, match="start Docker"):
            DockerLauncher()
        gc.collect()


def test_a_warm_container_uses_no_processor(sandbox):
    state = inspect(sandbox)["State"]
    assert state["Running"]
    stat = Path(f"/proc/{state['Pid']}/stat").read_text().split()
    time.sleep(0.2)
    again = Path(f"/proc/{state['Pid']}/stat").read_text().split()
    assert int(again[13]) - int(stat[13]) <= 1


@pytest.mark.parametrize(("name", "is_kill"), [("grow", True), ("pretend", False)])
def test_a_kill_for_memory_is_told_from_an_exit_code(docker_launcher, name, is_kill):
    sandbox = docker_launcher.launch(LIMITS)
    try:
        client = AgentClient(sandbox, LIMITS)
        client.hello()
        client.load("probe.py", {"probe.py": HOG})
        client.call(MODULE, name, (), {})
        with engine() as other:
            assert other.containers.get(sandbox.container_id).wait()["StatusCode"] == 137
        assert sandbox.evidence(ended=True).out_of_memory is is_kill
        # As on an engine that forgets its own flag, after the kernel's count has gone.
        state = {**inspect(sandbox)["State"], "OOMKilled": False}
        assert sandbox._out_of_memory(state) is is_kill
    finally:
        sandbox.close()


def test_a_child_that_is_killed_for_memory_is_counted_while_the_parent_lives(docker_launcher):
    sandbox = docker_launcher.launch(LIMITS)
    try:
        client = AgentClient(sandbox, LIMITS)
        client.hello()
        client.load("probe.py", {"probe.py": HOG})
        assert not sandbox.evidence().out_of_memory
        assert client.result(client.call(MODULE, "grow_in_a_child", (), {})) == -9
        assert sandbox.evidence().out_of_memory
    finally:
        sandbox.close()


@pytest.fixture(scope="module")
def attached_launcher(docker_launcher):
    """By the engine's ordinary runtime, over standard streams, as those without sockets take it."""
    launcher = DockerLauncher(oci_runtime="runc")
    yield launcher
    launcher.close()


def test_over_standard_streams_it_answers_prints_and_leaves_nothing(attached_launcher):
    before = ours()
    sandbox = attached_launcher.launch(LIMITS)
    try:
        client = AgentClient(sandbox, LIMITS)
        client.hello()
        client.load("probe.py", {"probe.py": TALKER})
        large = np.arange(1 << 20, dtype=np.float32)
        answer = client.result(client.call(MODULE, "negative", (large,), {}))
        np.testing.assert_array_equal(answer, -large)
        assert client.result(client.call(MODULE, "talk", (), {})) is None
        deadline = time.monotonic() + 5
        printed = ""
        while "to err" not in printed or "to out" not in printed:
            printed += client.take_output()
            assert time.monotonic() < deadline
    finally:
        sandbox.close()
    assert ours() == before


def test_over_standard_streams_an_end_and_a_flood_are_told(attached_launcher):
    for name, failure in (("end", Failure.EXITED), ("flood", Failure.OUTPUT_LIMIT)):
        sandbox = attached_launcher.launch(LIMITS)
        try:
            client = AgentClient(sandbox, LIMITS)
            client.hello()
            client.load("probe.py", {"probe.py": TALKER})
            with pytest.raises(SandboxEnded) as ended:
                client.result(client.call(MODULE, name, (), {}))
            assert ended.value.failure is failure
        finally:
            sandbox.close()


def test_a_runtime_that_the_engine_does_not_know_is_refused():
    with pytest.raises(SandboxUnavailable, match="does not know the runtime 'no-such'"):
        DockerLauncher(oci_runtime="no-such")
