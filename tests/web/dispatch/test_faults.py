"""What dies, and what becomes of the submissions: each is graded once, or waits for a person."""

import os
import signal
import threading
import time

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError

from grader.worker.broker import make_celery
from web.database import now
from web.dispatch.relay import Relay, RelaySettings
from web.dispatch.topology import DELIVERY_LIMIT
from web.grading import queue
from web.grading.models import Attempt, Result, ResultConflict

from ..doubling import RIGHT
from ..rabbitmq import Broker
from ..waiting import free_port, wait_for
from .conftest import recording_on

SLOW = b"import time\ntime.sleep(3)\n" + RIGHT


def scores(service):
    with service.database.reading() as rows:
        return {result.submission_id: result.score for result in rows.query(Result)}


def attempts(service):
    with service.database.reading() as rows:
        return rows.query(Attempt).order_by(Attempt.id).all()


def kill(process):
    """As a machine that loses its power: the runner and what it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def relaying(relay):
    """The relay at work."""
    stopping = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stopping,), daemon=True)
    thread.start()
    yield relay
    stopping.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_runner_that_is_killed_in_mid_grading_costs_nothing(
    twice, relay, recording, runner, service
):
    submission = twice.hand_in(SLOW)
    first = runner()
    relay.publish_some()
    wait_for(lambda: attempts(service)[0].phase == "running checks", 60)
    kill(first)
    runner()
    wait_for(lambda: scores(service), 60)
    assert scores(service) == {submission.id: 3.0}
    assert [attempt.state for attempt in attempts(service)] == ["done"]


def test_a_runner_that_is_told_to_stop_finishes_what_it_has(
    twice, relay, recording, runner, service
):
    submission = twice.hand_in(SLOW)
    process = runner()
    relay.publish_some()
    wait_for(lambda: attempts(service)[0].phase == "running checks", 60)
    process.terminate()
    assert process.wait(60) == 0
    wait_for(lambda: scores(service), 10)
    assert scores(service) == {submission.id: 3.0}
    assert attempts(service)[0].tries == 1


def test_while_the_recorder_is_down_reports_wait(twice, relay, recorder, runner, queues, service):
    submissions = [twice.hand_in(RIGHT + b"# %d\n" % number) for number in range(3)]
    runner()
    relay.publish_some()

    def waiting():
        with Connection(queues.url()) as connection, connection.channel() as channel:
            return channel.queue_declare("reports", passive=True).message_count

    wait_for(lambda: waiting() >= 2 * len(submissions), 60)
    assert scores(service) == {}
    with recording_on(recorder, queues):
        wait_for(lambda: len(scores(service)) == 3, 30)
    with service.database.reading() as rows:
        assert rows.query(ResultConflict).count() == 0


def test_a_grading_that_was_cancelled_is_not_begun(twice, relay, recording, runner, service):
    twice.hand_in(RIGHT)
    relay.publish_some()
    with service.database.writing() as rows:
        attempt = rows.query(Attempt).one()
        attempt.state, attempt.worker = "cancelled", None
    runner()
    kept = twice.hand_in(RIGHT + b"# 2\n")
    relay.publish_some()
    wait_for(lambda: scores(service), 60)
    assert list(scores(service)) == [kept.id]


def test_a_stored_file_that_has_changed_is_no_grade(twice, relay, recording, runner, service):
    submission = twice.hand_in(RIGHT)
    digest = submission.archive
    path = service.settings.data / "blobs" / digest[:2] / digest[2:4] / digest
    path.write_bytes(b"something else")
    runner()
    relay.publish_some()
    wait_for(lambda: attempts(service)[0].fault, 60)
    assert attempts(service)[0].state == "queued"
    assert scores(service) == {}


def test_a_job_that_ends_every_runner_waits_for_a_person(
    twice, relay, recording, runner, queues, service, tmp_path
):
    """As one that takes a whole machine down; it is not tried for ever, and no score."""
    twice.hand_in(SLOW)
    relay.publish_some()
    for number in range(DELIVERY_LIMIT + 1):
        process = runner()
        log = tmp_path / f"runner-{number}.log"
        wait_for(lambda log=log: "phase" in log.read_text(), 60)
        kill(process)
    wait_for(lambda: attempts(service)[0].state == "waiting", 60)
    assert "Runners ended in mid-grading" in attempts(service)[0].fault
    assert scores(service) == {}


def test_a_machine_without_room_gives_its_job_back(
    twice, relay, recording, runner, service, tmp_path
):
    room = tmp_path / "room"
    room.mkdir()
    runner(TMPDIR=str(room))
    first = twice.hand_in(RIGHT)
    relay.publish_some()
    wait_for(lambda: scores(service), 60)
    room.rename(tmp_path / "gone")
    second = twice.hand_in(RIGHT + b"# 2\n")
    relay.publish_some()
    wait_for(lambda: attempts(service)[1].state == "queued", 60)
    assert attempts(service)[1].tries == 0  # it says nothing of the submission
    runner()
    relay.publish_some()
    wait_for(lambda: len(scores(service)) == 2, 60)
    assert set(scores(service)) == {first.id, second.id}


def test_a_runner_may_be_started_before_all_else(
    tmp_path, twice, tokens, address, recorder, service, runner
):
    port = free_port()
    broker = Broker(port, tmp_path / "late")
    runner(broker=broker)
    log = tmp_path / "runner-0.log"
    wait_for(lambda: "cannot be used yet" in log.read_text(), 60)
    broker.start()
    broker.add_users()
    try:
        wait_for(lambda: "no queue grade.cpu yet" in log.read_text(), 60)
        submission = twice.hand_in(RIGHT)
        relay = Relay(
            service.database,
            make_celery(broker.url()),
            tokens,
            RelaySettings(address, window=4, lease_s=60),
        )
        with recording_on(recorder, broker):  # before the queues are there, as well
            relay.prepare()
            relay.publish_some()
            wait_for(lambda: scores(service), 60)
        assert list(scores(service)) == [submission.id]
    finally:
        broker.stop()


def test_the_broker_may_die_with_its_disk(tmp_path, twice, tokens, address, recorder, service):
    """Its queues are gone; whoever had a turn loses it when the lease ends, and gets another."""
    folder = tmp_path / "broker"
    broker = Broker(free_port(), folder).start()
    broker.add_users()
    relay = Relay(
        service.database,
        make_celery(broker.url()),
        tokens,
        RelaySettings(address, window=4, lease_s=60),
    )
    relay.prepare()
    submissions = [twice.hand_in(RIGHT + b"# %d\n" % number) for number in range(3)]
    relay.publish_some()
    broker.kill()
    while_down = twice.hand_in(RIGHT + b"# while it is down\n")
    with pytest.raises((OSError, OperationalError, AMQPError)):
        relay.publish_some()
    assert attempts(service)[-1].state == "queued"
    fresh = Broker(free_port(), tmp_path / "fresh").start()
    fresh.add_users()
    try:
        relay = Relay(
            service.database,
            make_celery(fresh.url()),
            tokens,
            RelaySettings(address, window=4, lease_s=60),
        )
        relay.prepare()
        with service.database.writing() as rows:
            for attempt in rows.query(Attempt).filter_by(state="running"):
                attempt.leased_until = now()
        time.sleep(0.01)
        assert relay.reconcile() == 3
        assert relay.publish_some() == 4
        with Connection(fresh.url()) as connection, connection.channel() as channel:
            assert channel.queue_declare("grade.cpu", passive=True).message_count == 4
    finally:
        fresh.stop()
    assert {attempt.submission_id for attempt in attempts(service)} == {
        *(submission.id for submission in submissions),
        while_down.id,
    }


def test_a_burst_with_two_runners_and_kills_loses_nothing_and_doubles_nothing(
    twice, relaying, recording, runner, service
):
    submissions = [
        twice.hand_in(RIGHT + b"# %d\n" % number, ("sam", "tess")[number % 2])
        for number in range(16)
    ]
    runners = [runner(), runner()]
    for number in range(3):
        wait_for(lambda done=number: len(scores(service)) > 3 * done, 90)
        kill(runners[number % 2])
        runners[number % 2] = runner()
    wait_for(lambda: len(scores(service)) == len(submissions), 120)
    assert set(scores(service).values()) == {3.0}
    with service.database.reading() as rows:
        assert rows.query(Result).count() == len(submissions)
        assert queue.depth(rows) == {}
