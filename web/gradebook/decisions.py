"""A person's word on a score: it stands above what was graded, and says why."""

import math

from sqlalchemy.orm import Session

from web.audit import log_act
from web.courses.models import CourseAssignment, Version
from web.courses.setting import clean_reason, student_in
from web.errors import Invalid
from web.gradebook.models import ScoreAct, ScoreDecision
from web.gradebook.standings import refresh_standings


def override(
    session: Session,
    actor_id: int,
    assignment: CourseAssignment,
    login: str,
    score: float,
    comment: str,
) -> ScoreDecision:
    """Set a student's score.

    Raises:
        NotFound: Nobody of this login is a student of the course.
        Invalid: The score is none, or there is no comment.
    """
    highest = session.get_one(Version, assignment.version_id).max_score
    # More than everything is an instructor's to give, within reason.
    if not math.isfinite(score) or not 0 <= score <= 2 * highest:
        raise Invalid(f"A score is a number from 0 to {2 * highest:g}.")
    return _decide(session, actor_id, assignment, login, ScoreAct.OVERRIDE, score, comment)


def excuse(
    session: Session, actor_id: int, assignment: CourseAssignment, login: str, comment: str
) -> ScoreDecision:
    """Let a student have no score here, and none missing. Raises NotFound or Invalid."""
    return _decide(session, actor_id, assignment, login, ScoreAct.EXCUSE, None, comment)


def clear(
    session: Session, actor_id: int, assignment: CourseAssignment, login: str, comment: str
) -> ScoreDecision:
    """Take an override or excuse back. Raises NotFound or Invalid."""
    return _decide(session, actor_id, assignment, login, ScoreAct.CLEAR, None, comment)


def _decide(
    session: Session,
    actor_id: int,
    assignment: CourseAssignment,
    login: str,
    kind: ScoreAct,
    score: float | None,
    comment: str,
) -> ScoreDecision:
    student = student_in(session, assignment.course_id, login)
    decision = ScoreDecision(
        assignment_id=assignment.id,
        user_id=student.id,
        kind=kind.value,
        score=score,
        comment=clean_reason(comment),
        actor_id=actor_id,
    )
    session.add(decision)
    log_act(
        session,
        actor_id,
        kind.value,
        f"{assignment.slug} of {student.login}",
        course_id=assignment.course_id,
        score=score,
        comment=decision.comment,
    )
    refresh_standings(session, assignment.course_id, student.id)
    return decision
