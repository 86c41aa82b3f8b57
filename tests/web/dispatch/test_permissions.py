"""With a runner's credentials one reports, and nothing else."""

import json
import re

import pytest
import requests
from amqp.exceptions import AccessRefused
from kombu import Connection

from grader.worker.broker import Reporter, make_celery
from grader.worker.jobs import TASK, Said
from web.dispatch.tokens import Turn
from web.grading import queue

from ..waiting import wait_for

RUNNER = "runner-cpu"


@pytest.fixture
def channel(queues):
    """Of a runner."""
    with Connection(queues.url(RUNNER), transport_options={"confirm_publish": True}) as connection:
        yield connection.channel()


@pytest.mark.parametrize("exchange", ["grade", "grade.dlx", "", "amq.direct"])
def test_it_publishes_no_job(channel, exchange):
    with pytest.raises(AccessRefused):
        channel.basic_publish_confirm(
            channel.prepare_message(b"{}"), exchange, routing_key="grade.cpu"
        )


@pytest.mark.parametrize("name", ["reports", "dead", "reports.dead", "grade.gpu"])
def test_it_reads_no_report_and_no_other_queue(channel, name):
    with pytest.raises(AccessRefused):
        channel.basic_get(name)


def test_it_makes_and_removes_nothing(channel):
    with pytest.raises(AccessRefused):
        channel.queue_declare("mine")


def test_it_removes_no_queue(channel):
    with pytest.raises(AccessRefused):
        channel.queue_delete("grade.cpu")


def test_it_reports(queues):
    reporter = Reporter(queues.url(RUNNER))
    reporter.say(Said(token="t", kind="phase", body={}, runner="r"))
    reporter.close()
    with Connection(queues.url()) as connection, connection.channel() as channel:
        assert channel.basic_get("reports") is not None


def test_celery_itself_cannot_publish_with_it(queues):
    with pytest.raises(Exception, match="ACCESS_REFUSED"):
        make_celery(queues.url(RUNNER)).send_task(TASK, args=[{}], queue="grade.cpu", retry=False)


def test_a_message_of_celerys_that_asks_for_others_is_a_refused_report(
    queues, channel, recording, given_job
):
    """Celery's workers publish what a message's `callbacks` name; a recorder reads reports."""
    signature = {"task": TASK, "args": [given_job], "options": {"queue": "grade.cpu"}}
    embedded = {"callbacks": [signature], "errbacks": [signature], "chain": [signature]}
    body = json.dumps([[given_job], {}, embedded]).encode()
    message = channel.prepare_message(
        body,
        content_type="application/json",
        content_encoding="utf-8",
        headers={"task": TASK, "id": "1", "lang": "py", "callbacks": [signature]},
    )
    channel.basic_publish_confirm(message, "reports", routing_key="reports")
    with Connection(queues.url()) as connection, connection.channel() as control:
        dead = wait_for(lambda: control.basic_get("reports.dead", no_ack=True), 30)
        assert dead.body.encode() == body
        for name in ("grade.cpu", "grade.gpu", "dead", "reports"):
            assert control.basic_get(name) is None, name


@pytest.fixture
def given_job():
    """The fields of a job, as somebody would write them who wants it graded."""
    return {
        "token": "forged",
        "receipt": "receipt",
        "trace": "a" * 32,
        "archive_url": "http://127.0.0.1:1/archive",
        "archive_sha256": "a" * 64,
        "assignment_url": "http://127.0.0.1:1/assignment",
        "assignment_sha256": "a" * 64,
        "seed": 1,
    }


@pytest.fixture
def turn_of(service, hand_in, tokens):
    """A function that hands in and gives a token."""

    def make(login):
        hand_in(login)
        with service.database.writing() as rows:
            order = queue.claim(rows, f"broker-{login}", 60)
        return order, tokens.make(Turn.of(order))

    return make


def fetch(address, what, token):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return requests.get(f"{address}/runner/{what}", headers=headers, timeout=10)


def test_a_token_fetches_its_own_submission_while_it_is_wanted(turn_of, address, service):
    order, token = turn_of("sam")
    _other, theirs = turn_of("tess")
    mine = fetch(address, "archive", token)
    assert mine.content == service.blobs.get(order.archive)
    assert fetch(address, "archive", theirs).status_code == 200
    with service.database.writing() as rows:
        queue.give_back(rows, order.attempt_id, "broker-sam")
    assert fetch(address, "archive", token).status_code == 410
    assert fetch(address, "assignment", token).status_code == 410


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "é"])
def test_without_a_token_nothing_is_fetched(address, course, token):
    for what in ("archive", "assignment"):
        if token is not None:
            token = token.encode("latin-1", "replace").decode("latin-1")
        assert fetch(address, what, token).status_code == 401


def test_of_a_file_that_is_gone_the_log_says_whose_it_was(turn_of, address, service, capfd):
    order, token = turn_of("sam")
    service.blobs.delete_older(order.archive, -1)
    assert fetch(address, "archive", token).status_code == 500
    said = "".join(capfd.readouterr())
    assert re.search(rf"cannot be given to a runner.*trace=\S*{order.trace}", said)


def test_a_token_opens_nothing_else(turn_of, address):
    _order, token = turn_of("sam")
    for path in ("/api/v1/me", "/api/v1/courses", "/"):
        answer = requests.get(
            address + path,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
            allow_redirects=False,
        )
        assert answer.status_code in (401, 302)
