"""A runner without its engine gives its job back, takes none, and goes on when it is back."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection

from ..doubling import RIGHT
from ..waiting import wait_for
from .test_faults import attempts, scores

pytestmark = pytest.mark.docker
ENGINE = Path("/var/run/docker.sock")


class Line:
    """A way to the machine's engine that can be cut."""

    def __init__(self, path):
        self.path, self.open = path, []
        self.listener = None

    def join(self):
        """Let whoever asks reach the engine."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """As an engine that is killed: nobody answers, and no word comes on what was open."""
        self.path.unlink()
        self.listener.close()
        for end in self.open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.open = []

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(ENGINE))
            self.open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one, other):
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(tmp_path_factory, docker_launcher):
    """Joined; a path of a socket has to be short."""
    made = Line(tmp_path_factory.mktemp("e") / "s")
    made.join()
    yield made
    if made.path.exists():
        made.cut()


def ready(queues):
    """How many jobs lie in the queue that no runner has."""
    with Connection(queues.url()) as connection, connection.channel() as channel:
        return channel.queue_declare("grade.cpu", passive=True).message_count


def test_without_its_engine_a_runner_takes_nothing_and_costs_nothing(
    twice, relay, recording, runner, queues, service, line, tmp_path
):
    runner(sandbox="docker", DOCKER_HOST=f"unix://{line.path}")
    first = twice.hand_in(RIGHT)
    relay.publish_some()
    wait_for(lambda: scores(service), 240)  # it examines its machine before it takes the first
    line.cut()
    second = twice.hand_in(RIGHT + b"# 2\n")
    relay.publish_some()
    wait_for(lambda: "is ill" in (tmp_path / "runner-0.log").read_text(), 120)
    wait_for(lambda: attempts(service)[1].state == "queued", 30)
    assert attempts(service)[1].tries == 0
    relay.publish_some()
    wait_for(lambda: ready(queues) == 1, 30)
    assert not wait_a_little(lambda: ready(queues) == 0, 5)  # nobody takes it
    line.join()
    wait_for(lambda: len(scores(service)) == 2, 120)
    assert set(scores(service)) == {first.id, second.id}


def wait_a_little(condition, seconds):
    """Whether it holds within so long."""
    with suppress(AssertionError):
        return wait_for(condition, seconds)
    return False
