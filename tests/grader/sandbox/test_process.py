import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader.sandbox.client import AgentClient
from grader.sandbox.command import agent_environment
from grader.sandbox.failures import StudentError
from grader.sandbox.limits import Limits
from grader.sandbox.process import ProcessLauncher

LIMITS = Limits()


@pytest.fixture
def launcher(probe_agent):
    return ProcessLauncher(agent=probe_agent)


@pytest.fixture
def sandbox(launcher):
    sandbox = launcher.launch(LIMITS)
    yield sandbox
    sandbox.close()


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_it_says_plainly_that_there_is_no_isolation(launcher):
    description = launcher.describe()
    assert description.kind == "process"
    assert description.image_digest is None
    assert description.isolation.startswith("none")
    assert "own code" in description.isolation


def test_the_agent_gets_exactly_the_agreed_environment_and_no_other_descriptors(
    sandbox, ask, monkeypatch
):
    scratch = ask(sandbox, "print(scratch)")
    environment = ask(sandbox, "import os; print(dict(os.environ))")
    assert eval(environment) == agent_environment(LIMITS, scratch)
    # Standard streams, two sockets, and the one that lists the folder.
    assert ask(sandbox, "print(len(os.listdir('/proc/self/fd')))") == "6"


def test_the_scratch_folder_is_empty_at_first_and_gone_at_the_end(sandbox, ask):
    scratch = Path(ask(sandbox, "import os; print(scratch)"))
    assert ask(sandbox, "print(os.listdir(scratch), os.getcwd() == scratch)") == "[] True"
    ask(sandbox, "os.makedirs('a/b'); open('a/b/c', 'w').write('x'); os.symlink('/', 'root')")
    assert (scratch / "a/b/c").exists()
    sandbox.close()
    assert not scratch.exists()
    assert not scratch.parent.exists()
    assert Path("/etc").exists()


def test_the_agent_runs_from_its_own_folder_and_nothing_of_it_is_left_there(
    sandbox, ask, probe_agent
):
    assert Path(ask(sandbox, "import sys; print(sys.path[0])")) == probe_agent
    scratch = Path(ask(sandbox, "print(scratch)"))
    assert {path.name for path in scratch.parent.iterdir()} == {"scratch", "owner", "inbox"}
    assert {path.name for path in probe_agent.iterdir()} == {"__main__.py"}


@pytest.mark.parametrize("name", ["wire", "objects", "main", "child", "freezer"])
def test_what_lies_in_and_beside_the_agents_folder_cannot_be_imported_by_its_name(name):
    client = AgentClient(ProcessLauncher().launch(LIMITS), LIMITS)
    try:
        client.hello()
        with pytest.raises(StudentError, match=f"ModuleNotFoundError: No module named '{name}'"):
            client.load("layers.py", {"layers.py": f"import {name}\n".encode()})
    finally:
        client.close()


def test_closing_kills_the_agent_and_its_children(sandbox, ask, is_dead):
    code = "import subprocess; print(subprocess.Popen(['/bin/sleep', '600']).pid)"
    child = int(ask(sandbox, code))
    agent = int(ask(sandbox, "import os; print(os.getpid())"))
    assert not is_dead(child)
    sandbox.close()
    assert is_dead(agent)
    wait_until(lambda: is_dead(child))
    sandbox.close()  # again, without harm


@pytest.mark.parametrize(
    ("last_words", "exit_code"),
    [
        ("import os; os._exit(0)", 0),
        ("import os; os._exit(137)", 137),
        ("import os; os.kill(os.getpid(), 11)", -11),
    ],
)
def test_the_exit_code_is_told(sandbox, ask, last_words, exit_code):
    assert sandbox.evidence().exit_code is None
    assert ask(sandbox, last_words) is None
    evidence = sandbox.evidence(ended=True)
    assert evidence.exit_code == exit_code
    assert not evidence.out_of_memory
    sandbox.close()
    assert sandbox.evidence().exit_code == exit_code


def test_an_agent_that_closes_its_channel_and_lives_on_is_waited_for_only_briefly(sandbox, ask):
    ask(sandbox, "import os, time; os.closerange(3, 64); time.sleep(600)")
    start = time.monotonic()
    assert sandbox.evidence(ended=True).exit_code is None
    assert time.monotonic() - start < 2.0


def test_memory_far_beyond_the_limit_is_refused(sandbox, ask):
    answer = ask(sandbox, "print(len(bytearray(64 << 30)))")
    assert answer.endswith("MemoryError")


def test_numpy_with_threads_fits_into_the_smallest_memory_limit(launcher, ask):
    sandbox = launcher.launch(replace(LIMITS, memory_mib=64, cpus=4.0))
    assert ask(sandbox, "import numpy as np; print((np.ones((256, 256)) @ np.ones(256))[0])") == (
        "256.0"
    )
    sandbox.close()


def test_core_dumps_are_off_and_processor_time_is_bounded(sandbox, ask):
    code = """
        import resource
        print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_CPU))
    """
    assert ask(sandbox, code) == "(0, 0) (125, 125)"


def test_a_sandbox_outlives_the_thread_that_launched_it(launcher, ask):
    launched = []
    thread = threading.Thread(target=lambda: launched.append(launcher.launch(LIMITS)))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert ask(launched[0], "print('alive')") == "alive"
    launched[0].close()


def test_what_is_written_before_the_agent_takes_over_is_output(tmp_path):
    (tmp_path / "__main__.py").write_text("raise RuntimeError('a broken agent')")
    sandbox = ProcessLauncher(agent=tmp_path).launch(LIMITS)
    assert sandbox.channel.recv(1) == b""
    assert sandbox.evidence(ended=True).exit_code == 1
    assert b"a broken agent" in sandbox.output.recv(1 << 16)
    sandbox.close()


def test_a_killed_grader_leaves_no_agent_and_its_folder_is_swept(
    probe_agent, sandbox, ask, is_dead
):
    script = f"""
        import os, signal
        from pathlib import Path
        from grader.sandbox.limits import Limits
        from grader.sandbox.process import ProcessLauncher
        sandbox = ProcessLauncher(agent=Path({str(probe_agent)!r})).launch(Limits())
        code = b"import os; print(os.getpid(), os.getcwd())"
        sandbox.channel.sendall(len(code).to_bytes(8, "big") + code)
        sandbox.channel.recv(8)
        print(sandbox.channel.recv(4096).decode(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == -9, answer.stderr
    agent, scratch = answer.stdout.split()
    wait_until(lambda: is_dead(agent))
    assert Path(scratch).exists()
    ProcessLauncher(agent=probe_agent)
    assert not Path(scratch).parent.exists()
    assert ask(sandbox, "print(os.listdir(scratch))") is not None  # a living grader's stays
