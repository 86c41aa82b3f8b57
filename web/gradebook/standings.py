"""What a student's score is, derived from results, deadlines and people's decisions.

Standings are kept so that a class can be shown at once; they can be made anew at any time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from web.courses.deadlines import deadline_of, extensions_of, penalized
from web.courses.models import Counts, Course, CourseAssignment, Version
from web.database import now
from web.gradebook.models import Regrade, ScoreDecision, Standing
from web.grading.models import Attempt, Result
from web.submissions.models import Choice, Submission

_T = TypeVar("_T", Choice, ScoreDecision)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Graded:
    """A submission and the result of it that counts, if there is one."""

    submission: Submission
    late_days: int
    result: Result | None


def refresh_standings(session: Session, course_id: int, user_id: int) -> None:
    """Derive all standings of a student in a course; grace days are spent in order of deadline."""
    session.flush()
    course = session.get_one(Course, course_id)
    assignments = session.scalars(
        select(CourseAssignment).where(CourseAssignment.course_id == course_id)
    ).all()
    ids = [assignment.id for assignment in assignments]
    max_scores = dict(
        session.execute(
            select(Version.id, Version.max_score).where(
                Version.id.in_([assignment.version_id for assignment in assignments])
            )
        ).all()
    )
    extensions = extensions_of(session, user_id, ids)
    submissions = _submissions(session, ids, user_id)
    results = official_results(session, [s.id for group in submissions.values() for s in group])
    choices = _newest(
        session.scalars(
            select(Choice)
            .where(Choice.user_id == user_id, Choice.assignment_id.in_(ids))
            .order_by(Choice.id)
        ).all()
    )
    decisions = _newest(
        session.scalars(
            select(ScoreDecision)
            .where(ScoreDecision.user_id == user_id, ScoreDecision.assignment_id.in_(ids))
            .order_by(ScoreDecision.id)
        ).all()
    )
    grace = course.grace_days
    for assignment in sorted(assignments, key=lambda a: (a.due_at or _NEVER, a.id)):
        deadline = deadline_of(assignment, extensions.get(assignment.id))
        graded = [
            Graded(s, deadline.late_days(s.received_at), results.get(s.id))
            for s in submissions[assignment.id]
        ]
        choice = choices.get(assignment.id)
        counting = _counting(assignment, graded, grace, choice.submission_id if choice else None)
        standing = _standing(
            assignment, user_id, counting, grace, max_scores[assignment.version_id]
        )
        standing.submissions = len(graded)
        if counting is not None and counting.result is not None:
            grace -= standing.grace_days
        decision = decisions.get(assignment.id)
        if decision is not None and decision.kind == "override":
            standing.status, standing.score = "override", decision.score
        elif decision is not None and decision.kind == "excuse":
            standing.status, standing.score = "excused", None
        session.merge(standing)
    session.flush()


def official_results(session: Session, submission_ids: Sequence[int]) -> dict[int, Result]:
    """Of each submission the result of the latest epoch that counts.

    That of a regrade counts once the regrade is applied.
    """
    rows = session.scalars(
        select(Result)
        .join(Attempt, Attempt.id == Result.attempt_id)
        .outerjoin(Regrade, Regrade.id == Attempt.regrade_id)
        .where(
            Result.submission_id.in_(submission_ids),
            or_(Attempt.regrade_id.is_(None), Regrade.state == "applied"),
        )
        .order_by(Result.epoch)
    )
    return {result.submission_id: result for result in rows}


def _submissions(
    session: Session, assignment_ids: Sequence[int], user_id: int
) -> dict[int, list[Submission]]:
    found: dict[int, list[Submission]] = defaultdict(list)
    for submission in session.scalars(
        select(Submission)
        .where(Submission.user_id == user_id, Submission.assignment_id.in_(assignment_ids))
        .order_by(Submission.received_at, Submission.id)
    ):
        found[submission.assignment_id].append(submission)
    return found


def _newest(rows: Sequence[_T]) -> dict[int, _T]:
    return {row.assignment_id: row for row in rows}


def _counting(
    assignment: CourseAssignment, graded: Sequence[Graded], grace: int, chosen: int | None
) -> Graded | None:
    """Which of them counts; one that is not graded only where the rule says so."""
    if not graded:
        return None
    if assignment.counts == Counts.CHOSEN:
        for each in graded:
            if each.submission.id == chosen:
                return each
    if assignment.counts == Counts.BEST:
        done = [each for each in graded if each.result is not None]
        if not done:
            return graded[-1]
        return max(done, key=lambda each: _final(assignment, each, grace)[0])
    return graded[-1]


def _final(assignment: CourseAssignment, graded: Graded, grace: int) -> tuple[float, int]:
    """The score with its penalty, and how many grace days went into it."""
    assert graded.result is not None  # noqa: S101 - who has no result has no score
    used = min(grace, graded.late_days) if assignment.late_percent > 0 else 0
    late = graded.late_days - used
    return penalized(graded.result.score, assignment.late_percent, late), used


def _standing(
    assignment: CourseAssignment,
    user_id: int,
    counting: Graded | None,
    grace: int,
    max_score: float,
) -> Standing:
    standing = Standing(
        assignment_id=assignment.id,
        user_id=user_id,
        submission_id=None,
        epoch=None,
        raw=None,
        max_score=max_score,
        late_days=0,
        grace_days=0,
        score=None,
        status="none",
        updated_at=now(),
    )
    if counting is None:
        return standing
    standing.submission_id = counting.submission.id
    standing.late_days = counting.late_days
    if counting.result is None:
        standing.status = "pending"
        return standing
    standing.epoch = counting.result.epoch
    standing.raw = counting.result.score
    standing.score, standing.grace_days = _final(assignment, counting, grace)
    standing.status = "graded"
    return standing
