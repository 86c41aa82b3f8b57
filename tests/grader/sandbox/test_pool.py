"""Sandboxes that stand ready: counted, and looked for after they should be gone."""

import threading
import time

import pytest

from grader.errors import InfrastructureFault
from grader.sandbox.client import MODULE
from grader.sandbox.failures import Failure, SandboxEnded
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool
from grader.sandbox.process import ProcessLauncher

LIMITS = Limits()
WHO = {"who.py": b"import os\ndef who(): return os.getpid()\ndef leave(): os._exit(1)\n"}


class CountingLauncher:
    """Starts real sandboxes and remembers them; a fault in place of the ones named.

    Args:
        launcher: The real one.
        faults: Which launches fail, counted from 0.
    """

    def __init__(self, launcher, faults=()):
        self.sandboxes = []
        self.launches = 0
        self.runtime = launcher.runtime
        self._launcher = launcher
        self._faults = faults
        self._lock = threading.Lock()

    def describe(self):
        return self._launcher.describe()

    def launch(self, limits):
        with self._lock:
            number, self.launches = self.launches, self.launches + 1
        if number in self._faults:
            raise InfrastructureFault("the engine is gone")
        sandbox = self._launcher.launch(limits)
        self.sandboxes.append(sandbox)
        return sandbox

    def close(self):
        pass


@pytest.fixture
def launcher(process_launcher):
    return CountingLauncher(process_launcher)


@pytest.fixture
def scratch_folders(monkeypatch, tmp_path):
    """Where this test's sandboxes have their folders."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return lambda: list(tmp_path.iterdir())


def who(client):
    client.load("who.py", WHO)
    return client.result(client.call(MODULE, "who", (), {}))


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


@pytest.mark.parametrize("ahead", [1, 3])
def test_what_stands_ready_is_handed_out_without_starting_another(launcher, ahead):
    with SandboxPool(launcher, LIMITS, ahead=ahead) as pool:
        pool.wait_until_warm()
        assert launcher.launches == ahead
        clients = [pool.take() for _ in range(ahead)]
        assert launcher.launches == ahead
        for client in clients:
            pool.dispose(client)


def test_what_stands_ready_can_be_used_at_once(any_launcher):
    with SandboxPool(any_launcher, LIMITS) as pool:
        pool.wait_until_warm()
        client = pool.take()
        assert who(client) > 0
        pool.dispose(client)


def test_each_sandbox_is_handed_out_once(launcher, is_dead):
    with SandboxPool(launcher, LIMITS, ahead=2) as pool:
        clients = [pool.take() for _ in range(3)]  # the third is started when it is asked for
        processes = [who(client) for client in clients]
        for client in clients:
            pool.dispose(client)
    assert len(set(processes)) == launcher.launches == 3
    assert all(map(is_dead, processes))


def test_many_threads_get_one_each(launcher):
    found = []
    with SandboxPool(launcher, LIMITS, ahead=2, refill=True) as pool:

        def work():
            client = pool.take()
            found.append(who(client))
            pool.dispose(client)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(found)) == len(found) == 6


def test_a_pool_that_refills_replaces_what_it_hands_out(launcher):
    with SandboxPool(launcher, LIMITS, refill=True) as pool:
        for launches in (2, 3):
            pool.dispose(pool.take())
            pool.wait_until_warm()
            assert launcher.launches == launches


def test_a_pool_that_does_not_refill_starts_none_that_nobody_asked_for(launcher):
    with SandboxPool(launcher, LIMITS) as pool:
        pool.dispose(pool.take())
        pool.wait_until_warm()
        assert launcher.launches == 1


def test_nothing_is_started_ahead_on_request(launcher):
    with SandboxPool(launcher, LIMITS, ahead=0) as pool:
        pool.wait_until_warm()
        assert launcher.launches == 0
        pool.dispose(pool.take())
    assert launcher.launches == 1


def test_what_is_disposed_of_is_removed_soon(launcher, is_dead, scratch_folders):
    with SandboxPool(launcher, LIMITS) as pool:
        client = pool.take()
        process = who(client)
        pool.dispose(client)
        wait_until(lambda: is_dead(process) and not scratch_folders())


def test_disposing_does_not_wait(launcher):
    with SandboxPool(launcher, LIMITS) as pool:
        client = pool.take()
        start = time.monotonic()
        pool.dispose(client)
        assert time.monotonic() - start < 0.1


def test_a_sandbox_that_has_ended_can_be_disposed_of(launcher):
    with SandboxPool(launcher, LIMITS) as pool:
        client = pool.take()
        client.load("who.py", WHO)
        with pytest.raises(SandboxEnded) as ended:
            client.result(client.call(MODULE, "leave", (), {}))
        assert ended.value.failure is Failure.EXITED
        pool.dispose(client)


def test_closing_removes_what_was_never_handed_out(launcher, scratch_folders):
    pool = SandboxPool(launcher, LIMITS, ahead=3)
    pool.close()
    assert launcher.launches == 3
    assert scratch_folders() == []
    pool.close()  # again, without harm


def test_closing_removes_what_is_still_starting_and_refilling(launcher, scratch_folders):
    pool = SandboxPool(launcher, LIMITS, ahead=2, refill=True)
    pool.dispose(pool.take())
    pool.close()
    assert scratch_folders() == []


@pytest.mark.docker
def test_closing_leaves_no_container(docker_launcher):
    import docker

    launcher = CountingLauncher(docker_launcher)
    SandboxPool(launcher, LIMITS, ahead=2).close()
    client = docker.from_env()
    for sandbox in launcher.sandboxes:
        with pytest.raises(docker.errors.NotFound):
            client.containers.get(sandbox.container_id)
    client.close()
    assert len(launcher.sandboxes) == 2


def test_a_fault_at_starting_is_raised_where_a_sandbox_is_asked_for(process_launcher):
    launcher = CountingLauncher(process_launcher, faults=(0, 1))
    with SandboxPool(launcher, LIMITS) as pool:
        with pytest.raises(InfrastructureFault, match="the engine is gone"):
            pool.wait_until_warm()
        for _ in range(2):  # the one started ahead, and the one started when asked for
            with pytest.raises(InfrastructureFault, match="the engine is gone"):
                pool.take()
        pool.dispose(pool.take())  # the engine is back


def test_a_fault_that_nobody_asked_about_does_not_disturb_closing(
    process_launcher, scratch_folders
):
    SandboxPool(CountingLauncher(process_launcher, faults=(0, 2)), LIMITS, ahead=4).close()
    assert scratch_folders() == []


def test_an_agent_that_does_not_start_is_a_fault_of_ours_and_leaves_nothing(
    tmp_path_factory, scratch_folders
):
    agent = tmp_path_factory.mktemp("agent")
    (agent / "__main__.py").write_text("raise SystemExit('broken')")
    with SandboxPool(ProcessLauncher(agent=agent), LIMITS, ahead=0) as pool:
        with pytest.raises(InfrastructureFault, match="before any student code was loaded"):
            pool.take()
        assert scratch_folders() == []


def test_it_tells_what_its_sandboxes_are(launcher):
    with SandboxPool(launcher, LIMITS, ahead=0) as pool:
        assert pool.describe().kind == "process"
        assert pool.limits is LIMITS
