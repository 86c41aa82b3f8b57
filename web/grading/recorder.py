"""Recording what a grading found: once, whatever comes twice."""

import hashlib
from dataclasses import replace

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from grader.report import Outcome, Report, to_compact_json, to_json, without_times
from web.courses.models import CourseAssignment, Version
from web.database import now
from web.gradebook.standings import refresh_standings
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict, State
from web.grading.tallies import count_result
from web.submissions.models import Submission

log = structlog.get_logger()


class NotRecordable(Exception):
    """The report is not one of this attempt, or holds no score."""


def record_report(session: Session, attempt_id: int, report: Report) -> bool:
    """Record an attempt's report; the first one stands.

    Args:
        session: The caller's.
        attempt_id: Which attempt.
        report: Whole, with a score.

    Returns:
        Whether it was recorded; False where another was before it. If that one says otherwise, this
        one is kept as evidence.

    Raises:
        NotRecordable: It is another submission's, or holds no score.
    """
    attempt = session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        raise NotRecordable(f"There is no attempt {attempt_id}.")
    submission = session.get_one(Submission, attempt.submission_id)
    if report.outcome is not Outcome.GRADED or report.score is None or report.max_score is None:
        raise NotRecordable(f"A report that is {report.outcome} has no score to record.")
    if report.submission is None or report.submission["sha256"] != submission.sha256:
        raise NotRecordable("The report is of another submission.")
    digest = digest_of(report)
    known = session.scalar(
        select(Result.digest).where(
            Result.submission_id == submission.id, Result.epoch == attempt.epoch
        )
    )
    if known is not None:
        if known not in (digest, _older_digest_of(report)):
            log.warning("a report contradicts the result", submission=submission.receipt)
            session.add(
                ResultConflict(
                    submission_id=submission.id,
                    epoch=attempt.epoch,
                    digest=digest,
                    report=to_compact_json(report),
                )
            )
        return False
    session.add(
        Result(
            submission_id=submission.id,
            epoch=attempt.epoch,
            attempt_id=attempt.id,
            score=report.score,
            max_score=report.max_score,
            failure=None if report.failure is None else report.failure.value,
            report=to_compact_json(report),
            digest=digest,
        )
    )
    session.flush()
    _add_checks(session, submission.id, attempt.epoch, report)
    moment = now()
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt.id)
        .values(
            state=State.DONE.value,
            ended_at=moment,
            worker=None,
            leased_until=None,
            fault=None,
            phase="",
        )
    )
    session.flush()
    course_id = session.get_one(CourseAssignment, submission.assignment_id).course_id
    refresh_standings(session, course_id, submission.user_id)
    count_result(
        session,
        report,
        device=session.get_one(Version, attempt.version_id).device,
        is_regrade=attempt.regrade_id is not None,
        queued_at=attempt.created_at,
        begun_at=attempt.started_at,
        ended_at=moment,
    )
    return True


def digest_of(report: Report) -> str:
    """Of all that the same submission, seed and limits give again; times are left out."""
    return hashlib.sha256(to_compact_json(_steady(report)).encode()).hexdigest()


def _older_digest_of(report: Report) -> str:
    """As results have it that were recorded before 2026-11-27."""
    return hashlib.sha256(to_json(_steady(report)).encode()).hexdigest()


def _steady(report: Report) -> Report:
    steady = without_times(report)
    return replace(steady, checks=tuple(replace(check, output=None) for check in steady.checks))


def _add_checks(session: Session, submission_id: int, epoch: int, report: Report) -> None:
    rows = [
        {
            "submission_id": submission_id,
            "epoch": epoch,
            "check_id": check.id,
            "status": check.status.value,
            "points": check.points,
            "max_points": check.max_points,
            "hint": None if check.hint is None else check.hint.id,
            "speed_ratio": None if check.speed is None else check.speed.ratio,
        }
        for check in report.checks
    ]
    if rows:  # an insert of no rows would be one of defaults
        session.execute(insert(CheckOutcome.__table__), rows)  # type: ignore[arg-type]
