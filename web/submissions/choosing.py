"""Which submission counts, where students choose."""

from sqlalchemy.orm import Session

from web.audit import log_act
from web.courses.models import Counts
from web.database import now
from web.errors import Conflict
from web.gradebook.standings import refresh_standings
from web.submissions.models import Choice, Submission


def choose(session: Session, user_id: int, submission: Submission) -> None:
    """Let a submission count.

    Args:
        session: The caller's.
        user_id: Who chooses.
        submission: With its assignment loaded.

    Raises:
        Conflict: It is not theirs, or the assignment has another rule.
    """
    assignment = submission.assignment
    if assignment.counts != Counts.CHOSEN or submission.user_id != user_id:
        raise Conflict("Which submission counts is not chosen in this assignment.")
    session.add(
        Choice(
            assignment_id=assignment.id,
            user_id=user_id,
            submission_id=submission.id,
            created_at=now(),
        )
    )
    refresh_standings(session, assignment.course_id, user_id)
    log_act(
        session,
        user_id,
        "choose submission",
        submission.receipt,
        course_id=assignment.course_id,
    )
