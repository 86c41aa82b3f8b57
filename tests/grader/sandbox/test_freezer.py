"""Sandboxes that are stopped and go on, in every kind."""

import os
import time

import numpy as np
import pytest

from grader.errors import InfrastructureFault
from grader.sandbox import docker as docker_sandbox
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.failures import StudentError
from grader.sandbox.freezer import answer, find_by_container, find_freezer
from grader.sandbox.limits import Limits

CODE = b"""
import os, threading, time
import numpy as np

class Counter:
    def __init__(self):
        self.n = 0
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        while True:
            self.n += 1
            time.sleep(0.001)

class Dense:
    def forward(self, x):
        return x @ self.kernel

    def spoil(self, x):
        x[...] = 0
        return x

    def cores(self):
        return np.array(sorted(os.sched_getaffinity(0)))

    def hoard(self, mib):
        self.kept = np.ones(mib << 20, np.uint8)
        return None
"""


@pytest.fixture
def client(any_launcher):
    client = AgentClient(any_launcher.launch(Limits()), Limits())
    client.hello()
    client.start(time.monotonic() + 60)
    client.load("layers.py", {"layers.py": CODE})
    yield client
    client.close()


def test_nothing_in_a_stopped_sandbox_runs(client):
    counter = client.construct(MODULE, "Counter", (), {})
    client.result(client.get(counter, "n"))
    client.freeze()
    time.sleep(0.2)
    asked = client.get(counter, "n")
    client.thaw()
    first = client.result(asked)
    time.sleep(0.2)
    # Within the pause at most what was on its way; after it, some 200 rounds.
    assert client.result(client.get(counter, "n")) > first + 20
    client.freeze()
    before = time.monotonic()
    time.sleep(0.3)
    asked = client.get(counter, "n")
    client.thaw()
    assert client.result(asked) < first + (before - time.monotonic() + 0.9) * 1000


def test_a_stopped_sandbox_can_be_stopped_again_and_closed(client):
    client.freeze()
    client.freeze()
    started = time.monotonic()
    client.close()
    client.freeze()
    client.thaw()
    assert time.monotonic() - started < 5


def test_a_timed_call_brings_the_answers_and_leaves_the_sandbox_stopped(client):
    layer = client.construct(MODULE, "Dense", (), {})
    client.set(layer, "kernel", np.eye(3, dtype=np.float32))
    placed = client.place("<f4", (2, 3), 4096)
    client.settle()
    for value in (1, 2):
        client.freeze()
        client.inbox.write(4096, np.full((2, 3), value, np.float32))
        seconds, (y, kernel) = client.timed(
            lambda: [client.call(layer, "forward", (placed,), {}), client.get(layer, "kernel")]
        )
        assert seconds > 0
        assert np.array_equal(y, np.full((2, 3), value))
        assert np.array_equal(kernel, np.eye(3))
        client.thaw()


def test_what_is_placed_cannot_be_written_by_student_code(client):
    layer = client.construct(MODULE, "Dense", (), {})
    placed = client.place("<f4", (2, 3), 0)
    with pytest.raises(StudentError, match="read-only"):
        client.result(client.call(layer, "spoil", (placed,), {}))


@pytest.mark.parametrize(
    ("dtype", "shape", "offset"),
    [("<f4", (1 << 30,), 0), ("<f4", (4,), 64 << 20), ("no such", (1,), 0)],
)
def test_a_place_that_does_not_exist_is_an_error_and_not_an_end(client, dtype, shape, offset):
    client.place(dtype, shape, offset)
    with pytest.raises(StudentError):
        client.settle()
    layer = client.construct(MODULE, "Dense", (), {})
    client.result(client.call(layer, "cores", (), {}))


def test_a_pinned_sandbox_runs_where_it_should(client):
    layer = client.construct(MODULE, "Dense", (), {})
    core = max(os.sched_getaffinity(0))
    client.pin(frozenset({core}))
    assert list(client.result(client.call(layer, "cores", (), {}))) == [core]


def test_the_kernel_counts_what_a_call_needs(client):
    layer = client.construct(MODULE, "Dense", (), {})
    client.settle()
    before = client.memory()
    client.result(client.call(layer, "hoard", (64,), {}))
    after = client.memory()
    assert 60 << 20 < after.peak - before.now < 90 << 20


def test_version_1_is_switched_by_a_word_and_version_2_by_a_number(tmp_path):
    (tmp_path / "freezer.state").write_text("THAWED\n")
    first = find_freezer(tmp_path)
    first.freeze()
    assert (tmp_path / "freezer.state").read_text() == "FROZEN"
    first.thaw()
    assert (tmp_path / "freezer.state").read_text() == "THAWED"
    second = tmp_path / "second"
    second.mkdir()
    (second / "cgroup.freeze").write_text("0")
    (second / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    found = find_freezer(second)
    found.freeze()
    assert (second / "cgroup.freeze").read_text() == "1"
    found.thaw()
    assert (second / "cgroup.freeze").read_text() == "0"


def test_a_group_without_a_switch_has_none(tmp_path):
    assert find_freezer(tmp_path) is None


def test_a_group_that_is_gone_or_does_not_stop_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.sandbox.freezer._SECONDS", 0.05)
    (tmp_path / "cgroup.freeze").write_text("0")
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    found = find_freezer(tmp_path)
    with pytest.raises(TimeoutError, match="do not stop"):
        found.freeze()
    (tmp_path / "cgroup.events").unlink()
    with pytest.raises(FileNotFoundError):
        found.freeze()


@pytest.fixture
def without_right(monkeypatch):
    """As a user in the engine's group: the kernel's switches may not be written."""
    monkeypatch.setattr(docker_sandbox, "_freezer", lambda _container: None)


@pytest.mark.docker
@pytest.mark.usefixtures("without_right")
def test_where_the_grader_may_not_stop_a_sandbox_a_container_does(docker_launcher):
    sandbox = docker_launcher.launch(Limits())
    client = AgentClient(sandbox, Limits())
    try:
        client.hello()
        client.start(time.monotonic() + 60)
        client.load("layers.py", {"layers.py": CODE})
        counter = client.construct(MODULE, "Counter", (), {})
        for _ in range(300):  # the engine's own pause is refused after some dozens
            client.freeze()
            asked = client.get(counter, "n")
            client.thaw()
            client.result(asked)
        client.freeze()
        assert sandbox.stopper is not None
        time.sleep(0.2)
        asked = client.get(counter, "n")
        client.thaw()
        first = client.result(asked)
        time.sleep(0.2)
        assert client.result(client.get(counter, "n")) > first + 20
    finally:
        client.close()


@pytest.mark.docker
@pytest.mark.usefixtures("without_right")
def test_a_container_that_stops_others_and_has_ended_is_replaced(docker_launcher):
    first = docker_launcher.launch(Limits())
    second = docker_launcher.launch(Limits())
    try:
        first.freeze()
        first.stopper._container.kill()
        with pytest.raises(InfrastructureFault, match="Try again"):
            first.thaw()
        second.freeze()
        assert second.stopper is not None
        second.thaw()
    finally:
        first.close()
        second.close()


def test_a_containers_group_is_found_by_its_id(tmp_path):
    ours = tmp_path / "freezer" / "docker" / ("a" * 64)
    ours.mkdir(parents=True)
    (ours / "freezer.state").write_text("THAWED\n")
    assert find_by_container("a" * 64, tmp_path).switch == ours / "freezer.state"
    with pytest.raises(FileNotFoundError):
        find_by_container("b" * 64, tmp_path)
    second = tmp_path / "v2" / "system.slice" / f"docker-{'c' * 64}.scope"
    second.mkdir(parents=True)
    (second / "cgroup.freeze").write_text("0")
    assert find_by_container("c" * 64, tmp_path / "v2").switch == second / "cgroup.freeze"


@pytest.mark.parametrize("request_", ["", "freeze", "freeze a b", "thaw " + "d" * 64])
def test_a_request_that_cannot_be_done_is_answered(request_):
    assert answer(request_, {}) not in ("", "ok")
    assert "\n" not in answer(request_, {})
