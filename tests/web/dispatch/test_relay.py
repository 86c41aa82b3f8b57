"""The relay publishes each attempt, a few at a time, and loses none."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from grader.worker.broker import make_celery
from grader.worker.jobs import job_of
from web.courses.models import Version
from web.database import now
from web.dispatch.relay import Relay, RelaySettings
from web.grading.models import Attempt


@pytest.fixture
def address():
    """Nobody fetches anything here."""
    return "http://service.example"


@pytest.fixture
def jobs(queues):
    """A function that takes all jobs from a queue."""

    def take(name="grade.cpu"):
        found = []
        with Connection(queues.url()) as connection, connection.channel() as channel:
            while (message := channel.basic_get(name, no_ack=True)) is not None:
                found.append(job_of(json.loads(message.body)[0][0]))
        return found

    return take


def states(service):
    with service.database.reading() as rows:
        return [attempt.state for attempt in rows.query(Attempt).order_by(Attempt.id)]


def test_a_job_names_what_to_fetch_and_holds_no_secret(relay, jobs, hand_in, service, tokens):
    submission = hand_in()
    assert relay.publish_some() == 1
    (job,) = jobs()
    assert job.receipt == submission.receipt
    assert job.archive_sha256 == submission.archive
    assert job.archive_url == "http://service.example/runner/archive"
    assert job.assignment_sha256 == "a" * 64
    assert states(service) == ["running"]
    with service.database.reading() as rows:
        attempt = rows.query(Attempt).one()
    turn = tokens.read(job.token)
    assert (turn.attempt_id, turn.holder) == (attempt.id, attempt.worker)


def test_only_so_many_are_out_and_students_take_turns(relay, jobs, hand_in):
    burst = [hand_in("sam", f"n = {number}\n".encode()) for number in range(9)]
    late = hand_in("tess")
    assert relay.publish_some() == 4
    assert relay.publish_some() == 0
    receipts = [job.receipt for job in jobs()]
    assert receipts == [burst[0].receipt, late.receipt, burst[1].receipt, burst[2].receipt]


def test_what_needs_a_gpu_goes_to_its_own_queue(relay, jobs, hand_in, service, course):
    with service.database.writing() as rows:
        rows.get(Version, course.version_id).device = "cuda"
    submission = hand_in()
    assert relay.publish_some() == 1
    assert jobs("grade.cpu") == []
    assert [job.receipt for job in jobs("grade.gpu")] == [submission.receipt]


def test_what_nobody_speaks_of_is_published_again_under_another_token(
    relay, jobs, hand_in, service
):
    hand_in()
    relay.publish_some()
    with service.database.writing() as rows:
        rows.query(Attempt).one().leased_until = now() - timedelta(seconds=1)
    assert relay.reconcile() == 1
    assert relay.publish_some() == 1
    first, second = jobs()
    assert first.receipt == second.receipt
    assert first.token != second.token


def test_without_a_broker_attempts_stay_queued_and_nothing_counts(
    service, tokens, hand_in, settings
):
    hand_in()
    hand_in("tess")
    nowhere = make_celery("amqp://nobody:x@127.0.0.1:9//")
    relay = Relay(service.database, nowhere, tokens, RelaySettings("http://s", 4, 60))
    with pytest.raises((OSError, OperationalError)):
        relay.publish_some()
    with service.database.reading() as rows:
        attempts = rows.query(Attempt).all()
    assert [(each.state, each.tries, each.fault) for each in attempts] == [("queued", 0, None)] * 2


def test_a_service_with_a_broker_grades_nothing_itself(service, settings):
    assert settings.broker_url
    service.workers.start()
    try:
        names = [thread.name for thread in service.workers._threads]
    finally:
        service.workers.stop()
    assert names == ["reconcile"]
    assert replace(settings, broker_url="").workers == 1
