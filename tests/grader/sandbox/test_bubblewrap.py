import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox.bubblewrap import BubblewrapLauncher
from grader.sandbox.command import agent_environment
from grader.sandbox.limits import Limits

LIMITS = Limits(memory_mib=256, processes=16, scratch_mib=8)

pytestmark = [pytest.mark.bubblewrap, pytest.mark.usefixtures("bubblewrap_launcher")]


@pytest.fixture
def launch(probing_bubblewrap):
    """Launches sandboxes that are closed at the end of the test."""
    launched = []

    def launch(limits=LIMITS):
        launched.append(probing_bubblewrap.launch(limits))
        return launched[-1]

    yield launch
    for sandbox in launched:
        sandbox.close()


@pytest.fixture
def sandbox(launch):
    return launch()


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def host_status(process, key):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line.split(":\t")[1] for line in lines if line.startswith(f"{key}:"))


def test_the_description_names_the_content_of_the_file_system(probing_bubblewrap):
    description = probing_bubblewrap.describe()
    assert description.kind == "bubblewrap"
    assert description.image_digest.startswith("sha256:")
    assert len(description.image_digest) == len("sha256:") + 64


# What it can see.


def test_neither_environment_nor_descriptors_of_the_grader_come_in(
    probing_bubblewrap, ask, monkeypatch
):
    monkeypatch.setenv("SECRET", "hunter2")
    with tempfile.TemporaryFile() as file:
        os.set_inheritable(file.fileno(), True)
        sandbox = probing_bubblewrap.launch(LIMITS)
    environment = eval(ask(sandbox, "import os; print(dict(os.environ))"))
    assert environment.pop("PWD") == "/scratch"  # bubblewrap's own
    assert environment == agent_environment(LIMITS, "/scratch")
    assert ask(sandbox, "print(repr(open('/proc/1/environ').read()))") == "''"
    # Standard streams, two sockets, the inbox, and the one that lists the folder.
    assert ask(sandbox, "print(len(os.listdir('/proc/self/fd')))") == "7"
    sandbox.close()


def test_no_file_of_the_machine_or_the_repository_is_visible(sandbox, ask, tmp_path):
    canary = tmp_path / "canary-7f3a"
    canary.write_text("EXPECTED")
    places = [canary, Path(__file__), Path.home(), Path(sys.prefix), Path("/etc/hostname")]
    code = (
        f"import os; print([path for path in {[str(p) for p in places]} if os.path.exists(path)])"
    )
    assert ask(sandbox, code) == "[]"
    code = """
        for parent, folders, names in os.walk("/"):
            folders[:] = [name for name in folders if parent != "/" or name != "proc"]
            for name in names:
                if "canary" in name or "grader" in name or "solution" in name:
                    print(parent, name)
    """
    assert ask(sandbox, code) == ""


def test_no_process_of_the_machine_is_visible(sandbox, ask):
    code = "import os; print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))"
    assert ask(sandbox, code) == "[1, 2]"


def test_there_is_no_network_and_no_socket_of_the_machine(sandbox, ask):
    code = "print([line.split(':')[0].strip() for line in open('/proc/net/dev')][2:])"
    assert ask(sandbox, code) == "['lo']"
    code = """
        import socket
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_VSOCK, socket.AF_NETLINK):
            try:
                socket.socket(family, socket.SOCK_STREAM)
                print("open")
            except PermissionError:
                print("refused")
    """
    assert ask(sandbox, code).split() == ["refused"] * 4
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0onebyone-canary")
        listener.listen()
        code = """
            try:
                socket.socket(socket.AF_UNIX).connect("\\0onebyone-canary")
            except OSError as error:
                print(type(error).__name__)
        """
        assert ask(sandbox, code) == "ConnectionRefusedError"


def test_sandboxes_have_users_of_their_own_and_cannot_see_each_other(launch, ask):
    first, second = launch(), launch()
    ask(first, "import os; open('/scratch/left', 'w').write('x'); open('/dev/shm/left', 'w')")
    assert ask(second, "import os; print(os.listdir('/scratch'), os.listdir('/dev/shm'))") == (
        "[] []"
    )
    users = {host_status(min(s.cgroup.processes()), "Uid").split()[0] for s in (first, second)}
    if os.geteuid() == 0:
        assert len(users) == 2
        assert all(int(user) >= 1_900_000_000 for user in users)
    else:
        assert users == {str(os.geteuid())}


# What it can do.


def test_it_is_nobody_without_any_privilege_behind_a_filter(sandbox, ask):
    code = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())"
    assert ask(sandbox, code).startswith("(65534, 65534, 65534) (65534, 65534, 65534)")
    status = dict(
        line.split(":\t")
        for line in ask(sandbox, "print(open('/proc/self/status').read())").split("\n")
        if ":\t" in line
    )
    assert {status[f"Cap{which}"].strip("0") for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {
        ""
    }
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_only_scratch_and_shared_memory_can_be_written(sandbox, ask):
    code = """
        import os
        for folder in ("/", "/etc", "/usr/local/lib", "/agent", "/tmp", "/dev", "/proc", "/lib"):
            try:
                open(folder + "/x", "w")
                print(folder, "OPEN")
            except OSError as error:
                pass
        for name in ("sys/kernel/core_pattern", "sysrq-trigger", "self/uid_map"):
            kernel = "/proc/" + name
            try:
                open(kernel, "wb", buffering=0).write(b"0 0 1")
                print(kernel, "OPEN")
            except OSError:
                pass
        open("/scratch/x", "w")
        open("/dev/shm/x", "w")
    """
    assert ask(sandbox, code) == ""


def test_scratch_and_shared_memory_are_bounded(sandbox, ask):
    code = """
        import os
        def fill(folder):
            written = 0
            try:
                for number in range(1000):
                    with open(f"{folder}/{number}", "wb", buffering=0) as file:
                        written += file.write(bytes(1 << 20))
            except OSError:
                pass
            return written >> 20
        print(fill("/scratch"), fill("/dev/shm"))
    """
    assert ask(sandbox, code) == "8 16"
    assert sandbox.evidence().exit_code is None


def test_neither_namespaces_nor_mounts_can_be_made(sandbox, ask):
    code = """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.unshare(0x10000000), errno.errorcode[ctypes.get_errno()])
        print(libc.mount(None, b"/tmp", b"tmpfs", 0, None), errno.errorcode[ctypes.get_errno()])
    """
    assert ask(sandbox, code).split("\n") == ["-1 EPERM"] * 2


def test_descriptors_files_and_core_dumps_are_limited(sandbox, ask):
    code = """
        import resource as r
        for which in (r.RLIMIT_NOFILE, r.RLIMIT_CORE, r.RLIMIT_FSIZE, r.RLIMIT_MEMLOCK,
                      r.RLIMIT_MSGQUEUE, r.RLIMIT_CPU):
            print(*r.getrlimit(which))
    """
    limits = ask(sandbox, code).split("\n")
    assert limits == ["256 256", "0 0", f"{8 << 20} {8 << 20}", "0 0", "0 0", "125 126"]


def test_numpy_threads_and_subprocesses_work(launch, ask):
    code = """
        import os, subprocess, sys, threading
        import numpy as np
        thread = threading.Thread(target=print, args=("thread",))
        thread.start(); thread.join()
        print((np.ones((300, 300)) @ np.ones(300)).sum())
        print(subprocess.check_output([sys.executable, "-c", "print(7)"], text=True))
    """
    assert ask(launch(replace(LIMITS, cpus=2.0)), code).split() == ["thread", "90000.0", "7"]


# What it uses, and how it ends.


def test_a_memory_hog_is_killed_and_the_kernel_says_so(sandbox, ask):
    assert ask(sandbox, "x = [b'x' * (1 << 20) for _ in range(4000)]") is None
    evidence = sandbox.evidence(ended=True)
    assert evidence.out_of_memory
    assert evidence.exit_code == -9
    assert not evidence.process_limit_hit
    sandbox.close()
    assert sandbox.evidence() == evidence


def test_a_child_that_runs_out_of_memory_is_seen_too(sandbox, ask):
    code = """
        import os
        child = os.fork()
        if child == 0:
            x = [b'x' * (1 << 20) for _ in range(4000)]
        print(os.waitpid(child, 0)[1])
    """
    answer = ask(sandbox, code)
    # Version 2 of control groups ends the whole group.
    assert answer in ("9", None)
    assert sandbox.evidence(ended=answer is None).out_of_memory


def test_scratch_files_count_as_memory(launch, ask):
    sandbox = launch(replace(LIMITS, memory_mib=64, scratch_mib=256))
    code = "for i in range(200): open(f'/scratch/{i}', 'wb').write(bytes(1 << 20))"
    ask(sandbox, code)
    assert sandbox.evidence(ended=True).out_of_memory


def test_a_fork_bomb_hits_the_limit_and_dies_with_its_sandbox(sandbox, ask, is_dead):
    code = """
        import os, time
        while True:
            try:
                os.fork()
            except BlockingIOError:
                time.sleep(0.01)
    """
    message = textwrap.dedent(code).encode()
    sandbox.channel.sendall(len(message).to_bytes(8, "big") + message)
    wait_until(lambda: sandbox.evidence().process_limit_hit)
    processes = sandbox.cgroup.processes()
    assert len(processes) == LIMITS.processes + 2  # bubblewrap and its first process
    sandbox.close()
    wait_until(lambda: all(map(is_dead, processes)))
    assert sandbox.evidence().process_limit_hit


def test_a_thread_bomb_hits_the_limit(sandbox, ask):
    code = """
        import threading
        stop = threading.Event()
        try:
            for count in range(1, 100):
                threading.Thread(target=stop.wait, daemon=True).start()
        except RuntimeError:
            print(count)
        stop.set()
    """
    assert int(ask(sandbox, code)) == LIMITS.processes
    assert sandbox.evidence().process_limit_hit


def test_a_daemon_in_a_session_of_its_own_dies_with_its_sandbox(sandbox, ask, is_dead):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 256)
                time.sleep(600)
            os._exit(0)
        os.wait()
    """
    ask(sandbox, code)
    processes = sandbox.cgroup.processes()
    assert len(processes) == 4
    sandbox.close()
    wait_until(lambda: all(map(is_dead, processes)))


def test_a_daemon_does_not_outlive_its_agent(sandbox, ask):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            os.closerange(0, 256)
            time.sleep(600)
        os._exit(0)
    """
    assert ask(sandbox, code) is None
    assert sandbox.evidence(ended=True).exit_code == 0
    wait_until(lambda: not sandbox.cgroup.processes())


def test_closing_leaves_no_group_no_process_and_no_descriptor(probing_bubblewrap, ask, is_dead):
    probing_bubblewrap.launch(LIMITS).close()  # the first starts the thread that starts them all
    before = descriptors()
    sandbox = probing_bubblewrap.launch(LIMITS)
    ask(sandbox, "print(1)")
    folders, processes = sandbox.cgroup.folders.values(), sandbox.cgroup.processes()
    assert all(folder.is_dir() for folder in folders)
    assert len(processes) == 3
    sandbox.close()
    assert not any(folder.exists() for folder in folders)
    wait_until(lambda: all(map(is_dead, processes)))
    assert descriptors() == before
    sandbox.close()  # again, without harm


@pytest.mark.parametrize(
    ("last_words", "exit_code"),
    [
        ("import os; os._exit(0)", 0),
        ("import os; os._exit(3)", 3),
        ("import os; os.kill(os.getpid(), 11)", -11),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(-1, 9)", None),
    ],
)
def test_the_exit_code_is_told_and_is_never_taken_for_a_lack_of_memory(
    launch, ask, last_words, exit_code
):
    sandbox = launch()
    assert sandbox.evidence().exit_code is None
    answer = ask(sandbox, last_words)
    evidence = sandbox.evidence(ended=answer is None)
    assert evidence.exit_code == exit_code
    assert not evidence.out_of_memory


def test_student_code_cannot_pass_its_end_off_as_a_fault_of_ours(sandbox, ask):
    code = """
        import contextlib, os
        for process in (1, 2):
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    file = os.open(f"/proc/{process}/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
                    os.write(file, b'{ "exit-code": 0 }\\nbwrap: setting up uid map failed\\n')
        for signal in (1, 2, 3, 6, 9, 11, 15, 19):
            with contextlib.suppress(OSError):
                os.kill(1, signal)
        os._exit(5)
    """
    assert ask(sandbox, code) is None
    assert sandbox.evidence(ended=True).exit_code == 5


def test_a_sandbox_outlives_the_thread_that_launched_it(launch, ask):
    launched = []
    thread = threading.Thread(target=lambda: launched.append(launch()))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert ask(launched[0], "print('alive')") == "alive"


def test_a_killed_grader_leaves_no_process_and_its_groups_are_swept(probe_agent, is_dead):
    script = f"""
        import os, signal
        from pathlib import Path
        from grader.sandbox.bubblewrap import BubblewrapLauncher
        from grader.sandbox.limits import Limits
        sandbox = BubblewrapLauncher(agent=Path({str(probe_agent)!r})).launch(Limits())
        code = b"import os; os.setsid() if os.fork() else 0"
        sandbox.channel.sendall(len(code).to_bytes(8, "big") + code)
        sandbox.channel.recv(8)
        print(*sandbox.cgroup.folders.values(), *sandbox.cgroup.processes(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == -9, answer.stderr
    *folders, first, second, third, fourth = answer.stdout.split()
    for process in (first, second, third, fourth):
        wait_until(lambda process=process: is_dead(process))
    assert all(Path(folder).exists() for folder in folders)
    BubblewrapLauncher(agent=probe_agent)
    assert not any(Path(folder).exists() for folder in folders)


def test_a_sandbox_answers_soon_after_its_launch(launch, ask):
    seconds = []
    for _ in range(5):
        start = time.monotonic()
        assert ask(launch(), "print(1)") == "1"
        seconds.append(time.monotonic() - start)
    assert statistics.median(seconds) < 0.25


# What it refuses.


def test_without_bubblewrap_the_message_says_what_to_install(monkeypatch, tmp_path, probe_agent):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"bwrap and setpriv.*apt install bubblewrap"):
        BubblewrapLauncher(agent=probe_agent)


def test_a_bubblewrap_that_cannot_bound_scratch_space_is_refused(
    monkeypatch, tmp_path, probe_agent
):
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho '    --tmpfs DEST    Mount new tmpfs on DEST'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match=r"version 0\.8"):
        BubblewrapLauncher(agent=probe_agent)


def test_a_machine_that_forbids_namespaces_is_refused(monkeypatch, tmp_path, probe_agent):
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\n[ \"$1\" = --help ] && echo '--size BYTES --disable-userns' && exit 0\n"
        "echo 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    tmp_path.chmod(0o755)
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match=r"exit code 1.*user\.max_user_namespaces"):
        BubblewrapLauncher(agent=probe_agent)


def test_a_sandbox_that_cannot_be_set_up_is_an_infrastructure_fault(probe_agent):
    # Not pytest's folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="onebyone-test-"))
    try:
        folder.chmod(0o755)
        launcher = BubblewrapLauncher(agent=probe_agent, cache=folder / "cache")
        for tree in (folder / "cache").glob("root-*/"):
            shutil.rmtree(tree)
        sandbox = launcher.launch(LIMITS)
        assert sandbox.channel.recv(1) == b""
        with pytest.raises(InfrastructureFault, match="could not set up the sandbox"):
            sandbox.evidence(ended=True)
        sandbox.close()
        assert not any(group.exists() for group in sandbox.cgroup.folders.values())
    finally:
        shutil.rmtree(folder)
