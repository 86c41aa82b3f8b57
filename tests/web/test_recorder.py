"""Results: the first stands, and what contradicts it is kept."""

from dataclasses import replace

import pytest

from grader.report import Outcome
from web.gradebook.models import Standing
from web.grading import recorder
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict, State
from web.grading.recorder import NotRecordable, record_report

from .conftest import report_of


@pytest.fixture
def database_url(each_database_url):
    return each_database_url


@pytest.fixture
def record(service):
    def put(submission, report):
        with service.database.writing() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
            return record_report(rows, attempt.id, report)

    return put


def test_a_report_becomes_a_score(hand_in, record, service, course):
    submission = hand_in()
    assert record(submission, report_of(submission, (0,)))
    with service.database.reading() as rows:
        standing = rows.get(Standing, (course.assignment_id, course.people["sam"].id))
        assert (standing.score, standing.status, standing.submissions) == (6.0, "graded", 1)
        assert rows.query(Attempt).one().state == State.DONE


def test_the_same_report_twice_is_one_result(hand_in, record, service):
    submission = hand_in()
    report = report_of(submission, (0,))
    assert record(submission, report)
    assert not record(submission, replace(report, durations={"total": 99.0}))
    with service.database.reading() as rows:
        assert rows.query(Result).count() == 1
        assert rows.query(ResultConflict).count() == 0


def test_a_result_of_before_digests_were_of_compact_json_is_no_contradiction(
    hand_in, record, service
):
    submission = hand_in()
    report = report_of(submission, (0,))
    assert record(submission, report)
    with service.database.writing() as rows:
        rows.query(Result).one().digest = recorder._older_digest_of(report)
    assert not record(submission, report)
    assert not record(submission, report_of(submission, (0, 1)))
    with service.database.reading() as rows:
        assert rows.query(ResultConflict).count() == 1  # the one that says otherwise


def test_all_checks_of_a_report_have_their_rows(hand_in, record, service):
    submission = hand_in()
    report = report_of(submission, (0,))
    record(submission, report)
    with service.database.reading() as rows:
        found = {
            each.check_id: (each.status, each.points, each.max_points, each.hint, each.speed_ratio)
            for each in rows.query(CheckOutcome)
        }
    assert found == {
        check.id: (
            check.status.value,
            check.points,
            check.max_points,
            check.hint and check.hint.id,
            check.speed and check.speed.ratio,
        )
        for check in report.checks
    }


def test_another_report_is_evidence_and_no_score(hand_in, record, service):
    submission = hand_in()
    assert record(submission, report_of(submission, (0,)))
    assert not record(submission, report_of(submission, (0, 1)))
    with service.database.reading() as rows:
        assert rows.query(Result).one().score == 6.0
        assert rows.query(ResultConflict).count() == 1


def test_what_is_no_grade_is_never_recorded(hand_in, record):
    submission = hand_in()
    report = report_of(submission)
    fault = replace(
        report,
        outcome=Outcome.INFRASTRUCTURE_FAULT,
        score=None,
        max_score=None,
        groups=(),
        checks=(),
    )
    with pytest.raises(NotRecordable):
        record(submission, fault)
    with pytest.raises(NotRecordable, match="another"):
        record(submission, report_of(hand_in(code=b"x = 1\n")))
