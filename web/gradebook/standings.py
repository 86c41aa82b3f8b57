"""What a student's score is, derived from results, deadlines and people's decisions.

Standings are kept so that a class can be shown at once; they can be made anew at any time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from web.courses.deadlines import Deadline, extended, penalized
from web.courses.models import Counts, Course, CourseAssignment, Enrolment, Extension, Version
from web.database import now, upsert
from web.gradebook.models import Regrade, ScoreDecision, Standing
from web.grading.models import Attempt, Result
from web.submissions.models import Choice, Submission

_NEVER = datetime.max.replace(tzinfo=UTC)

# Statements are made once: this runs twice for each submission, and to make one anew costs more
# than to execute it.
_COURSE: BindParameter[int] = bindparam("of_course")
_USER: BindParameter[int] = bindparam("of_user")


def _newest(table: type[Choice | Extension | ScoreDecision]) -> ColumnElement[bool]:
    theirs = aliased(table)
    newest = (
        select(func.max(theirs.id))
        .where(theirs.assignment_id == CourseAssignment.id, theirs.user_id == _USER)
        .correlate(CourseAssignment)
    )
    return table.id == newest.scalar_subquery()


_DERIVED = tuple(each.name for each in Standing.__table__.columns if each.name != "updated_at")
_is_official = or_(Attempt.regrade_id.is_(None), Regrade.state == "applied")
_STUDENT = (
    select(Enrolment.id)
    .where(Enrolment.course_id == _COURSE, Enrolment.user_id == _USER)
    .with_for_update()
)
_TERMS = (
    select(
        CourseAssignment.id,
        CourseAssignment.due_at,
        CourseAssignment.closes_at,
        CourseAssignment.late_percent,
        CourseAssignment.counts,
        Course.grace_days,
        Version.max_score,
        Extension.due_at.label("extended_to"),
        Choice.submission_id.label("chosen"),
        ScoreDecision.kind,
        ScoreDecision.score.label("decided"),
        *(getattr(Standing, name).label(f"was_{name}") for name in _DERIVED),
    )
    .join(Course, Course.id == CourseAssignment.course_id)
    .join(Version, Version.id == CourseAssignment.version_id)
    .outerjoin(Extension, _newest(Extension))
    .outerjoin(Choice, _newest(Choice))
    .outerjoin(ScoreDecision, _newest(ScoreDecision))
    .outerjoin(
        Standing,
        (Standing.assignment_id == CourseAssignment.id) & (Standing.user_id == _USER),
    )
    .where(CourseAssignment.course_id == _COURSE)
)
_HANDED_IN = (
    select(
        Submission.id,
        Submission.assignment_id,
        Submission.received_at,
        Result.epoch,
        Result.score,
        _is_official.label("is_official"),
    )
    .join(CourseAssignment, CourseAssignment.id == Submission.assignment_id)
    .outerjoin(Result, Result.submission_id == Submission.id)
    .outerjoin(Attempt, Attempt.id == Result.attempt_id)
    .outerjoin(Regrade, Regrade.id == Attempt.regrade_id)
    .where(CourseAssignment.course_id == _COURSE, Submission.user_id == _USER)
    .order_by(Submission.received_at, Submission.id, Result.epoch)
)


@dataclass(frozen=True)
class _HandedIn:
    """A submission and, of its result that counts, epoch and score; None where there is none."""

    submission_id: int
    received_at: datetime
    epoch: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class _Terms:
    """What an assignment's score depends on, besides what was handed in."""

    deadline: Deadline
    late_percent: float
    counts: str
    grace: int

    def late_days(self, handed_in: _HandedIn) -> int:
        return self.deadline.late_days(handed_in.received_at)

    def final(self, handed_in: _HandedIn, score: float) -> tuple[float, int]:
        """A score with its penalty, and how many grace days go into it."""
        late, percent = self.late_days(handed_in), self.late_percent
        used = min(self.grace, late) if percent > 0 else 0
        return penalized(score, percent, late - used), used


def lock_student(session: Session, course_id: int, user_id: int) -> None:
    """Let nobody else change what a student's standings are derived from, to the caller's end.

    Without it, two who record or receive something of one student at the same moment do not see
    each other's, and who is later writes a standing without it.
    """
    session.flush()
    locked = session.info.setdefault("locked students", set())
    if (course_id, user_id) not in locked:
        session.connection().execute(_STUDENT, {"of_course": course_id, "of_user": user_id})
        locked.add((course_id, user_id))


def refresh_standings(session: Session, course_id: int, user_id: int) -> None:
    """Derive all standings of a student in a course; grace days are spent in order of deadline."""
    lock_student(session, course_id, user_id)
    of = {"of_course": course_id, "of_user": user_id}
    handed_in = _handed_in(session, of)
    found = session.connection().execute(_TERMS, of)
    rows = sorted(found, key=lambda row: (row.due_at or _NEVER, row.id))
    grace = rows[0].grace_days if rows else 0
    changed = []
    for row in rows:
        deadline = extended(row.due_at, row.closes_at, row.extended_to)
        terms = _Terms(deadline, row.late_percent, row.counts, grace)
        mine = handed_in[row.id]
        values = _standing(terms, _counting(terms, mine, row.chosen)) | {
            "assignment_id": row.id,
            "user_id": user_id,
            "max_score": row.max_score,
            "submissions": len(mine),
        }
        grace -= values["grace_days"]
        if row.kind == "override":
            values |= {"status": "override", "score": row.decided}
        elif row.kind == "excuse":
            values |= {"status": "excused", "score": None}
        if any(getattr(row, f"was_{name}") != values[name] for name in _DERIVED):
            changed.append(values | {"updated_at": now()})
    upsert(session, Standing, changed, ("assignment_id", "user_id"))


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
            _is_official,
        )
        .order_by(Result.epoch)
    )
    return {result.submission_id: result for result in rows}


def _handed_in(session: Session, of: dict[str, int]) -> dict[int, list[_HandedIn]]:
    """By assignment, in the order of receipt."""
    found: dict[int, dict[int, _HandedIn]] = defaultdict(dict)
    for row in session.connection().execute(_HANDED_IN, of):
        mine = found[row.assignment_id]
        mine.setdefault(row.id, _HandedIn(row.id, row.received_at))
        if row.epoch is not None and row.is_official:  # the latest epoch comes last
            mine[row.id] = _HandedIn(row.id, row.received_at, row.epoch, row.score)
    return defaultdict(list, {key: list(mine.values()) for key, mine in found.items()})


def _counting(
    terms: _Terms, handed_in: Sequence[_HandedIn], chosen: int | None
) -> _HandedIn | None:
    """Which of them counts; one that is not graded only where the rule says so."""
    if not handed_in:
        return None
    if terms.counts == Counts.CHOSEN:
        for each in handed_in:
            if each.submission_id == chosen:
                return each
    if terms.counts == Counts.BEST:
        done = [
            (terms.final(each, each.score)[0], each) for each in handed_in if each.score is not None
        ]
        if done:
            return max(done, key=lambda pair: pair[0])[1]
    return handed_in[-1]


def _standing(terms: _Terms, counting: _HandedIn | None) -> dict[str, Any]:
    """What follows from the submission that counts."""
    values: dict[str, Any] = {
        "submission_id": None,
        "epoch": None,
        "raw": None,
        "late_days": 0,
        "grace_days": 0,
        "score": None,
        "status": "none",
    }
    if counting is None:
        return values
    values |= {
        "submission_id": counting.submission_id,
        "late_days": terms.late_days(counting),
        "status": "pending",
    }
    if counting.score is not None:
        score, grace_days = terms.final(counting, counting.score)
        values |= {
            "epoch": counting.epoch,
            "raw": counting.score,
            "score": score,
            "grace_days": grace_days,
            "status": "graded",
        }
    return values
