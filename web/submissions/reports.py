"""What a person may see of submissions and their reports. Pages and programs ask here."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grader.report import Report, Visibility, from_json, student_view
from web.courses.access import Place
from web.courses.deadlines import deadline_for
from web.courses.models import CourseAssignment
from web.database import now
from web.errors import Conflict
from web.gradebook.models import Regrade
from web.gradebook.standings import official_results
from web.grading.models import Attempt, Result, State
from web.submissions.models import Submission


def are_scores_shown(assignment: CourseAssignment, place: Place) -> bool:
    """Whether a person may see scores of an assignment now."""
    released = assignment.released_at is not None and assignment.released_at <= now()
    return place.is_staff or released or not assignment.held


def report_for(session: Session, submission: Submission, place: Place) -> Report:
    """What a person may see of a submission's report.

    Args:
        session: The caller's.
        submission: With its assignment loaded.
        place: The person's.

    Raises:
        Conflict: There is none yet, or it is not shown yet.
    """
    result = official_results(session, [submission.id]).get(submission.id)
    if result is None:
        raise Conflict("This submission is not graded yet.")
    assignment = submission.assignment
    if not are_scores_shown(assignment, place):
        raise Conflict("Scores of this assignment are not shown yet.")
    text = session.scalar(
        select(Result.report).where(
            Result.submission_id == submission.id, Result.epoch == result.epoch
        )
    )
    report = from_json(text or "")
    if place.is_staff:
        return report
    deadline = deadline_for(session, assignment, submission.user_id)
    end = deadline.closes_at or deadline.due_at
    over = end is not None and end < now()

    def visibility(check_id: str, authors: Visibility) -> Visibility:
        found = Visibility(assignment.shown.get(check_id, authors))
        return Visibility.PUBLIC if found is Visibility.AFTER_DEADLINE and over else found

    checks = tuple(
        replace(check, visibility=visibility(check.id, check.visibility)) for check in report.checks
    )
    return student_view(replace(report, checks=checks))


def newest_attempts(session: Session, submission_ids: Sequence[int]) -> dict[int, Attempt]:
    """Of each submission the newest attempt; regrades that are not applied are left out."""
    rows = session.scalars(
        select(Attempt)
        .outerjoin(Regrade, Regrade.id == Attempt.regrade_id)
        .where(
            Attempt.submission_id.in_(submission_ids),
            or_(Attempt.regrade_id.is_(None), Regrade.state == "applied"),
        )
        .order_by(Attempt.epoch)
    )
    return {attempt.submission_id: attempt for attempt in rows}


def state_of(attempt: Attempt | None, result: Result | None) -> State:
    """Where a submission's grading is; who has a result is done, whatever else goes on."""
    if result is not None:
        return State.DONE
    return State(attempt.state) if attempt is not None else State.QUEUED
