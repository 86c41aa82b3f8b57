"""Which submission counts, where students choose."""

from sqlalchemy.orm import Session

from web.courses.models import Counts
from web.database import now
from web.errors import Conflict, Forbidden
from web.gradebook.standings import refresh_standings
from web.submissions.models import Choice, Submission


def choose(session: Session, user_id: int, submission: Submission) -> None:
    """Let a submission count.

    Args:
        session: The caller's.
        user_id: Who chooses.
        submission: With its assignment loaded.

    Raises:
        Forbidden: It is not theirs.
        Conflict: The assignment has another rule.
    """
    assignment = submission.assignment
    if submission.user_id != user_id:
        raise Forbidden("Only who handed it in chooses.")
    if assignment.counts != Counts.CHOSEN:
        raise Conflict(f"In this assignment the {assignment.counts} submission counts.")
    session.add(
        Choice(
            assignment_id=assignment.id,
            user_id=user_id,
            submission_id=submission.id,
            created_at=now(),
        )
    )
    refresh_standings(session, assignment.course_id, user_id)
