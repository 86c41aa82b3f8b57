"""Reports that are reports by their form, and that PostgreSQL will never take."""

import json
from dataclasses import replace

import pytest

from web.dispatch.recording import Verdict

from .saying import attempt_of, message, report


@pytest.fixture
def database_url(postgresql_url):
    """SQLite minds neither what a text holds nor how long it is."""
    return postgresql_url


def spoiled(change):
    """A report that is one by its form, until it is changed."""

    def make(token, submission):
        found = json.loads(report(token, submission, 0))
        change(found["body"]["report"])
        return json.dumps(found).encode()

    return make


@pytest.mark.parametrize(
    "make",
    [
        spoiled(lambda found: found.update(score=11.0)),  # of 10
        spoiled(lambda found: found["checks"].append(found["checks"][0])),
        spoiled(lambda found: found["checks"][0].update(id="a\0b")),
        spoiled(lambda found: found["checks"][0].update(id="\ud800")),
        spoiled(lambda found: found["checks"][0].update(id="a" * 161)),
    ],
)
def test_a_report_that_no_database_takes_is_refused_and_keeps_nobody_waiting(
    recorder, given, service, make
):
    submission, token = given()
    assert recorder.take(make(token, submission)) is Verdict.REFUSED
    assert attempt_of(service, submission).state == "running"
    assert recorder.take(report(token, submission, 0)) is Verdict.DONE


@pytest.mark.parametrize("kind", ["phase", "report", "fault"])
@pytest.mark.parametrize("token", ["\ud800", "\0", "a.b.c", "x" * 1000])
def test_whatever_stands_for_a_token_it_is_refused(recorder, kind, token):
    assert recorder.take(message(token, kind, name="checking")) is Verdict.REFUSED


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 1000])
def test_whatever_a_phase_is_called_it_can_be_told(recorder, given, service, name):
    submission, token = given()
    assert recorder.take(message(token, "phase", name=name)) is Verdict.DONE
    assert attempt_of(service, submission).phase != "preparing"
    assert recorder.take(message(token, "fault", message=name)) is Verdict.DONE
    assert attempt_of(service, submission).state == "queued"


def test_words_that_no_database_takes_do_not_keep_others_out(recorder, given, service):
    (mine, token), (other, theirs) = given(), given("tess", b"n = 2\n")
    good = recorder.read(message(token, "phase", name="checking")).told
    bad = replace(recorder.read(message(theirs, "phase", name="x")).told, phase="a\0b")
    assert recorder.tell([bad, good]) is not Verdict.LATER
    assert attempt_of(service, mine).phase == "checking"
    assert attempt_of(service, other).phase == "preparing"
