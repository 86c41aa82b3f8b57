"""Results: the first stands, and what contradicts it is kept."""

import json
import math
import threading
from dataclasses import replace

import pytest

from grader.report import Outcome, from_json, to_compact_json, to_document
from web.courses.models import CourseAssignment
from web.errors import TooMany
from web.gradebook.models import Standing
from web.gradebook.standings import lock_student
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict, State
from web.grading.recorder import NotRecordable, record_report

from .conftest import report_of


@pytest.fixture
def database_url(each_database_url):
    return each_database_url


@pytest.fixture
def record(service):
    def put(submission, report, document=None):
        with service.database.writing() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
            return record_report(rows, attempt.id, report, document)

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


@pytest.mark.parametrize(
    ("change", "contradicts"),
    [
        ({"metrics": {"forward_s": 0.1}}, False),
        ({"metrics": {"worst": 2.0}}, True),
        ({"metrics": {"worst": math.nan}}, True),
        ({"output": "Hello."}, False),
        ({"title": "Another."}, True),
    ],
)
def test_times_and_output_contradict_no_result(hand_in, record, service, change, contradicts):
    submission = hand_in()
    report = report_of(submission, (0,))
    assert record(submission, report)
    first, *others = report.checks
    other = replace(report, checks=(replace(first, **change), *others))
    for _ in range(2):
        assert not record(submission, other)
    with service.database.reading() as rows:
        conflicts = rows.query(ResultConflict).all()
        assert [each.report for each in conflicts] == [to_compact_json(to_document(other))] * (
            2 if contradicts else 0
        )


def test_a_report_is_kept_as_it_came(hand_in, record, service):
    submission = hand_in()
    report = report_of(submission, (0,))
    document = to_document(report) | {"score": 6}  # a whole number, which JSON may write so
    assert record(submission, report, document)
    assert not record(submission, report)
    with service.database.reading() as rows:
        kept = rows.query(Result).one().report
        assert rows.query(ResultConflict).count() == 0
    assert json.loads(kept) == document
    assert from_json(kept) == report


def test_two_results_of_a_student_at_the_same_moment_are_both_seen(
    hand_in, record, service, course
):
    first, second = hand_in(), hand_in()
    other = threading.Thread(target=record, args=(second, report_of(second, (0,))))
    with service.database.writing() as rows:
        attempt = rows.query(Attempt).filter_by(submission_id=first.id).one()
        assert record_report(rows, attempt.id, report_of(first, (0, 1)))
        other.start()
        other.join(0.3)
        assert other.is_alive()  # it waits for this one's end
    other.join()
    with service.database.reading() as rows:
        standing = rows.get(Standing, (course.assignment_id, course.people["sam"].id))
        assert (standing.score, standing.submission_id, standing.submissions) == (10.0, first.id, 2)


def test_two_uploads_at_the_same_moment_do_not_both_get_the_last_attempt(hand_in, service, course):
    with service.database.writing() as rows:
        rows.get_one(CourseAssignment, course.assignment_id).attempts = 1
    answers = []

    def upload(number):
        try:
            answers.append(hand_in(code=b"class Dense: ...\n# %d\n" % number))
        except TooMany as refusal:
            answers.append(refusal)

    uploads = [threading.Thread(target=upload, args=(number,)) for number in range(2)]
    with service.database.writing() as rows:
        lock_student(rows, course.id, course.people["sam"].id)
        for each in uploads:
            each.start()
        for each in uploads:
            each.join(0.3)
            assert each.is_alive()
    for each in uploads:
        each.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Submission", "TooMany"]


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
