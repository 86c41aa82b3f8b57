"""A real broker, the service over HTTP, and what stands between them."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from kombu import Connection

from grader.worker.broker import make_celery
from web.accounts.services import create_user
from web.courses.models import Role
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.dispatch.recording import Recorder, RecorderService
from web.dispatch.relay import Relay, RelaySettings
from web.dispatch.tokens import JobTokens, Turn
from web.dispatch.topology import declare
from web.dispatch.views import TOKEN_AGE_S
from web.grading import queue
from web.grading.versions import add_version
from web.security import secret_key
from web.submissions.receiving import Upload

from ..conftest import receive_from
from ..doubling import write_doubling
from ..rabbitmq import SCRIPTS, Broker
from ..waiting import free_port
from .saying import HOLDER


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A RabbitMQ. Without it, a laptop skips and CI fails."""
    if not SCRIPTS.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs RabbitMQ", pytrace=False)
        pytest.skip("no RabbitMQ")
    made = Broker(free_port(), tmp_path_factory.mktemp("rabbitmq")).start()
    made.add_users()
    yield made
    made.stop()


@pytest.fixture
def queues(broker):
    """Declared, and empty."""
    with Connection(broker.url()) as connection:
        declare(connection)
        with connection.channel() as channel:
            for name in ("grade.cpu", "grade.gpu", "reports", "dead", "reports.dead"):
                channel.queue_purge(name)
    return broker


@pytest.fixture
def settings(settings, broker):
    return replace(settings, broker_url=broker.url(), workers=1)


@pytest.fixture
def twice(service, tmp_path):
    """The small assignment in a course, and students who can hand in."""
    version = add_version(service.database, service.settings.data, write_doubling(tmp_path))
    people = {}
    with service.database.writing() as rows:
        made = create_course(rows, None, "two", "Twice")
        for login in ("sam", "tess"):
            people[login] = create_user(rows, login, login.title())
            enrol(rows, made.id, people[login].id, Role.STUDENT)
        set_assignment(rows, None, made.id, version.id).opens_at = now() - timedelta(days=1)

    def hand_in(code, login="sam"):
        upload = Upload([("double.py", code)], "web")
        return receive_from(service, people[login], "two", "doubling", upload)

    return SimpleNamespace(hand_in=hand_in, version=version, people=people)


@pytest.fixture
def tokens(service):
    return JobTokens(secret_key(service.settings), TOKEN_AGE_S)


@pytest.fixture
def relay(service, queues, tokens, address):
    """One that works when it is asked to."""
    return Relay(
        service.database,
        make_celery(queues.url()),
        tokens,
        RelaySettings(address, window=4, lease_s=60),
    )


@pytest.fixture
def given(hand_in, service, tokens):
    """A function that hands in, and gives the submission with the token of its grading."""

    def give(login="sam", code=b"n = 1\n"):
        submission = hand_in(login, code)
        with service.database.writing() as rows:
            order = queue.claim(rows, HOLDER, 60)
        assert order.receipt == submission.receipt
        return submission, tokens.make(Turn.of(order))

    return give


@pytest.fixture
def recorder(service, tokens):
    return Recorder(service.database, tokens, lease_s=60, most_tries=3)


@pytest.fixture
def recording(recorder, queues):
    """The recorder at work on the broker's queues."""
    with recording_on(recorder, queues):
        yield recorder


@contextmanager
def recording_on(recorder, broker):
    with Connection(broker.url("recorder"), heartbeat=0) as connection:
        made = RecorderService(connection, recorder)
        thread = threading.Thread(target=made.serve, daemon=True)
        thread.start()
        yield made
        made.should_stop = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def runner(queues, tmp_path):
    """A function that starts a runner, as on a machine of its own; gives its process.

    What it says is in `runner-N.log`, by the order of starting.
    """
    started = []

    def start(queue="cpu", broker=queues, sandbox="process", **environment):
        number = len(started)
        with (tmp_path / f"runner-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "grader", "worker", "--sandbox", sandbox),
                    *("--queue", queue, "--cache", tmp_path / f"cache-{number}"),
                ],
                env={
                    **os.environ,
                    "GRADER_BROKER": broker.url(f"runner-{queue}"),
                    **environment,
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
    for process in started:
        process.wait(60)
