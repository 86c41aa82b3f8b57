"""Recording what a grading found: once, whatever comes twice."""

import json
from collections.abc import Mapping
from typing import Any, cast

import structlog
from sqlalchemy import BindParameter, Table, bindparam, select, update
from sqlalchemy.orm import Session

from grader.report import (
    CheckResult,
    Outcome,
    Report,
    is_measured,
    to_compact_json,
    to_document,
)
from web.courses.models import CourseAssignment, Version
from web.database import add, add_new, now
from web.gradebook.standings import lock_student, refresh_standings
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict, State
from web.grading.tallies import count_result
from web.submissions.models import Submission

log = structlog.get_logger()


_ATTEMPT: BindParameter[int] = bindparam("of_attempt")

# Made once: to make a statement anew costs more than to execute it.
_ABOUT = (
    select(
        Attempt.submission_id,
        Attempt.epoch,
        Attempt.regrade_id,
        Attempt.created_at,
        Attempt.started_at,
        Submission.receipt,
        Submission.sha256,
        Submission.user_id,
        CourseAssignment.course_id,
        Version.device,
    )
    .join(Submission, Submission.id == Attempt.submission_id)
    .join(CourseAssignment, CourseAssignment.id == Submission.assignment_id)
    .join(Version, Version.id == Attempt.version_id)
    .where(Attempt.id == _ATTEMPT)
)
_END = (
    update(cast("Table", Attempt.__table__))
    .where(Attempt.id == _ATTEMPT)
    .values(
        state=State.DONE.value,
        ended_at=bindparam("at"),
        worker=None,
        leased_until=None,
        fault=None,
        phase="",
    )
)


class NotRecordable(Exception):
    """The report is not one of this attempt, or holds no score."""


def record_report(
    session: Session, attempt_id: int, report: Report, document: Mapping[str, Any] | None = None
) -> bool:
    """Record an attempt's report; the first one stands.

    Args:
        session: The caller's.
        attempt_id: Which attempt.
        report: Whole, with a score.
        document: What the report was made of, by `grader.report.from_document`; it is kept as it
            came. Made of the report where it is not given.

    Returns:
        Whether it was recorded; False where another was before it. If that one says otherwise, this
        one is kept as evidence.

    Raises:
        NotRecordable: It is another submission's, or holds no score.
    """
    about = session.connection().execute(_ABOUT, {"of_attempt": attempt_id}).one_or_none()
    if about is None:
        raise NotRecordable(f"There is no attempt {attempt_id}.")
    if report.outcome is not Outcome.GRADED or report.score is None or report.max_score is None:
        raise NotRecordable(f"A report that is {report.outcome} has no score to record.")
    if report.submission is None or report.submission["sha256"] != about.sha256:
        raise NotRecordable("The report is of another submission.")
    lock_student(session, about.course_id, about.user_id)
    document = to_document(report) if document is None else document
    text = to_compact_json(document)
    which = {"submission_id": about.submission_id, "epoch": about.epoch}
    moment = now()
    result = {
        **which,
        "attempt_id": attempt_id,
        "score": report.score,
        "max_score": report.max_score,
        "failure": None if report.failure is None else report.failure.value,
        "report": text,
        "recorded_at": moment,
    }
    if not add_new(session, Result, result, ("submission_id", "epoch")):
        known = session.get_one(Result, tuple(which.values())).report
        if _steady(json.loads(known)) != _steady(document):
            log.warning("a report contradicts the result", submission=about.receipt)
            session.add(ResultConflict(**which, report=text))
        return False
    add(session, CheckOutcome, [which | _outcome(check) for check in report.checks])
    session.connection().execute(_END, {"of_attempt": attempt_id, "at": moment})
    refresh_standings(session, about.course_id, about.user_id)
    count_result(
        session,
        report,
        device=about.device,
        is_regrade=about.regrade_id is not None,
        queued_at=about.created_at,
        begun_at=about.started_at,
        ended_at=moment,
    )
    return True


def _steady(document: Mapping[str, Any]) -> dict[str, Any]:
    """All that the same submission, seed and limits give again.

    As `grader.report.without_times`, and without what the student's code printed.
    """
    checks = [
        {
            **check,
            "metrics": {k: v for k, v in check["metrics"].items() if not is_measured(k)},
            "output": None,
            "speed": None,
        }
        for check in document["checks"]
    ]
    return {**document, "checks": checks, "durations": {}}


def _outcome(check: CheckResult) -> dict[str, Any]:
    return {
        "check_id": check.id,
        "status": check.status.value,
        "points": check.points,
        "max_points": check.max_points,
        "hint": None if check.hint is None else check.hint.id,
        "speed_ratio": None if check.speed is None else check.speed.ratio,
    }
