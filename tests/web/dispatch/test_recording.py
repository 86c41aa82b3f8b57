"""What runners say is believed only as far as it was checked."""

import json

import pytest
import structlog

from grader.worker.jobs import LARGEST_REPORT
from web.dispatch.recording import Verdict
from web.dispatch.tokens import JobTokens, Turn
from web.grading import queue
from web.grading.models import Attempt, Result, ResultConflict

from .saying import HOLDER, attempt_of, message, report


def results(service):
    with service.database.reading() as rows:
        return {each.submission_id: each.score for each in rows.query(Result)}


def test_a_report_is_recorded_once_whatever_comes_later(recorder, given, service):
    submission, token = given()
    assert recorder.take(report(token, submission, 0)) is Verdict.DONE
    assert recorder.take(report(token, submission, 0)) is Verdict.DONE
    assert recorder.take(report(token, submission, 0, 1)) is Verdict.DONE
    assert results(service) == {submission.id: 6.0}
    with service.database.reading() as rows:
        assert rows.query(ResultConflict).count() == 1  # the one that says otherwise


def test_a_report_of_an_earlier_turn_counts_if_it_is_the_first(recorder, given, service):
    submission, token = given()
    with service.database.writing() as rows:
        queue.give_back(rows, attempt_of(service, submission).id, HOLDER)
        queue.claim(rows, "broker-2", 60)
    assert recorder.take(report(token, submission, 0)) is Verdict.DONE
    assert results(service) == {submission.id: 6.0}
    assert attempt_of(service, submission).state == "done"


def test_a_token_is_good_for_its_own_submission_only(recorder, given, service):
    mine, token = given()
    other, _theirs = given("tess", b"n = 2\n")
    assert recorder.take(report(token, other, 0, 1)) is Verdict.REFUSED
    assert results(service) == {}
    assert attempt_of(service, mine).state == attempt_of(service, other).state == "running"


def test_a_forged_or_old_token_is_refused(recorder, given, service):
    submission, token = given()
    forged = JobTokens("another key", 60).make(
        Turn(attempt_of(service, submission).id, HOLDER, submission.receipt, submission.trace)
    )
    for bad in (forged, token[:-1], token + "x", "", "x" * 2000):
        assert recorder.take(report(bad, submission, 0, 1)) is Verdict.REFUSED
    recorder._tokens._max_age_s = -1
    assert recorder.take(report(token, submission, 0, 1)) is Verdict.REFUSED
    assert results(service) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"token": "x"}',
        b" " * (LARGEST_REPORT + 1),
        json.dumps(  # a task of Celery's, which nobody here carries out
            [[{}], {}, {"callbacks": [{"task": "onebyone.grade"}], "chain": None}]
        ).encode(),
    ],
)
def test_what_is_no_report_is_refused(recorder, content):
    assert recorder.take(content) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("report", {}),
        ("report", {"report": None}),
        ("report", {"report": {"score": 10}}),
        ("check", {"checks": "many", "total": 1}),
        ("check", {"checks": [], "total": -1}),
        ("check", {"checks": [{"id": "a", "title": "b" * 1000, "status": "c"}], "total": 1}),
        ("check", {"checks": [], "total": 1, "more": 1}),
        ("grade", {}),
    ],
)
def test_a_body_that_is_not_of_its_kind_changes_nothing(recorder, given, service, kind, body):
    submission, token = given()
    before = attempt_of(service, submission)
    assert recorder.take(message(token, kind, **body)) is Verdict.REFUSED
    after = attempt_of(service, submission)
    assert (after.state, after.phase, after.checks) == (before.state, before.phase, before.checks)
    assert results(service) == {}


@pytest.mark.parametrize("kind", ["check", "report"])
def test_a_refusal_is_logged_with_whom_it_is_about(recorder, given, kind):
    submission, token = given()
    set_up = structlog.get_config()["processors"]
    with structlog.testing.capture_logs(processors=set_up[:1]) as lines:
        recorder.take(message(token, kind, more=1))
    (line,) = [each for each in lines if each["event"] == "a report was refused"]
    assert (line["submission"], line["trace"]) == (submission.receipt, submission.trace)


def test_who_watches_sees_how_far_it_is(recorder, given, service):
    submission, token = given()
    before = attempt_of(service, submission).leased_until
    recorder.take(message(token, "phase", name="running checks"))
    check = {"id": "a", "title": "A.", "status": "passed"}
    assert recorder.take(message(token, "check", checks=[check], total=7)) is Verdict.DONE
    attempt = attempt_of(service, submission)
    assert (attempt.phase, attempt.checks, attempt.checks_total) == ("running checks", [check], 7)
    assert attempt.leased_until > before


def test_a_fault_is_tried_again_then_left_to_a_person_and_never_a_score(recorder, given, service):
    submission, token = given()
    recorder.take(message(token, "fault", message="The engine is gone.", author=False))
    attempt = attempt_of(service, submission)
    assert (attempt.state, attempt.fault) == ("queued", "The engine is gone.")
    with service.database.writing() as rows:
        rows.get(Attempt, attempt.id).not_before = None
        queue.claim(rows, HOLDER, 60)
    recorder.take(message(token, "fault", message="The check is broken.", author=True))
    assert attempt_of(service, submission).state == "waiting"
    assert results(service) == {}


def test_an_ill_runner_costs_no_try(recorder, given, service):
    submission, token = given()
    assert recorder.take(message(token, "unwell", message="no engine")) is Verdict.DONE
    attempt = attempt_of(service, submission)
    assert (attempt.state, attempt.tries) == ("queued", 0)


def test_a_word_of_who_lost_the_lease_changes_nothing(recorder, given, service):
    submission, token = given()
    with service.database.writing() as rows:
        queue.give_back(rows, attempt_of(service, submission).id, HOLDER)
        queue.claim(rows, "broker-2", 60)
    for kind, body in (
        ("fault", {"message": "late", "author": True}),
        ("unwell", {"message": "late"}),
        ("phase", {"name": "late"}),
    ):
        recorder.take(message(token, kind, **body))
    attempt = attempt_of(service, submission)
    assert (attempt.state, attempt.worker, attempt.phase) == ("running", "broker-2", "preparing")


def test_while_the_database_is_away_a_report_waits(recorder, given, service, monkeypatch):
    submission, token = given()
    away = OSError("the database is away")

    def refuse():
        raise away

    with monkeypatch.context() as patch:
        patch.setattr(service.database, "writing", refuse)
        assert recorder.take(report(token, submission, 0)) is Verdict.LATER
    assert recorder.take(report(token, submission, 0)) is Verdict.DONE


def test_a_job_that_killed_its_runners_waits_for_a_person(recorder, given, service):
    submission, token = given()
    job = {
        "token": token,
        "receipt": submission.receipt,
        "trace": submission.trace,
        "archive_url": "http://h/a",
        "archive_sha256": "0" * 64,
        "assignment_url": "http://h/b",
        "assignment_sha256": "0" * 64,
        "seed": 1,
    }
    assert recorder.bury(None) is Verdict.DONE
    assert recorder.bury({**job, "seed": "one"}) is Verdict.DONE
    assert recorder.bury({**job, "trace": "0" * 32}) is Verdict.DONE
    assert attempt_of(service, submission).state == "running"
    assert recorder.bury(job) is Verdict.DONE
    attempt = attempt_of(service, submission)
    assert (attempt.state, "again and again" in attempt.fault) == ("waiting", True)
