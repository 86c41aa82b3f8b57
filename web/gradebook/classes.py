"""A class at a glance: everything about one assignment, in a fixed number of queries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, case, cast, func, select
from sqlalchemy.orm import Session

from web.accounts.models import User
from web.courses.models import CourseAssignment, Enrolment, Role, Version
from web.gradebook.models import Standing
from web.grading.models import Attempt, CheckOutcome, State
from web.submissions.models import Submission

BARS = 10
"""Of a histogram of scores."""

_RUNGS = (1.25, 2.0, 4.0, 15.0, 100.0)


@dataclass(frozen=True)
class StudentLine:
    """One student's standing."""

    login: str
    name: str
    section: str
    status: str
    score: float | None
    late_days: int
    submissions: int
    receipt: str | None


@dataclass(frozen=True)
class CheckLine:
    """How the submissions that count did in one check."""

    title: str
    group: str
    failed: int
    graded: int


@dataclass(frozen=True)
class SpeedLine:
    """Ratios of student to reference in one timed check; counts up to each bound, and above."""

    title: str
    bounds: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ClassSummary:
    """Of one assignment.

    Attributes:
        students: Everybody in the course, by name.
        histogram: Count of scores in each tenth of the points.
        checks: Those that fail most come first.
        hints: Known mistakes, and how many hold them; the most common first.
        speeds: Of each timed check.
        activity: Submissions on each day on which there were some, in the course's time zone.
        queue: How many gradings of this assignment are in each state that is not final.
        mean: Of all scores; None where there are none.
    """

    students: tuple[StudentLine, ...]
    histogram: tuple[tuple[str, int], ...]
    checks: tuple[CheckLine, ...]
    hints: tuple[tuple[str, int], ...]
    speeds: tuple[SpeedLine, ...]
    activity: tuple[tuple[str, int], ...]
    queue: dict[str, int]
    mean: float | None


def class_summary(
    session: Session, assignment: CourseAssignment, version: Version, zone: ZoneInfo
) -> ClassSummary:
    """See `ClassSummary`.

    Args:
        session: The caller's.
        assignment: Which.
        version: That new submissions are graded by.
        zone: In which days begin.
    """
    students = student_lines(session, assignment)
    scores = [line.score for line in students if line.score is not None]
    titles = {check["id"]: check for check in version.checks}
    return ClassSummary(
        students=students,
        histogram=_histogram(scores, version.max_score),
        checks=_checks(session, assignment, titles),
        hints=_hints(session, assignment),
        speeds=_speeds(session, assignment, titles),
        activity=_activity(session, assignment, zone),
        queue=_queue(session, assignment),
        mean=sum(scores) / len(scores) if scores else None,
    )


def student_lines(session: Session, assignment: CourseAssignment) -> tuple[StudentLine, ...]:
    """All students of the course with their standings, by name."""
    rows = session.execute(
        select(
            User.login,
            User.name,
            Enrolment.section,
            Standing.status,
            Standing.score,
            Standing.late_days,
            Standing.submissions,
            Submission.receipt,
        )
        .join(Enrolment, Enrolment.user_id == User.id)
        .outerjoin(
            Standing, (Standing.user_id == User.id) & (Standing.assignment_id == assignment.id)
        )
        .outerjoin(Submission, Submission.id == Standing.submission_id)
        .where(
            Enrolment.course_id == assignment.course_id,
            Enrolment.role == Role.STUDENT.value,
            Enrolment.dropped_at.is_(None),
        )
        .order_by(User.name, User.login)
    )
    return tuple(
        StudentLine(
            row.login,
            row.name,
            row.section,
            row.status or "none",
            row.score,
            row.late_days or 0,
            row.submissions or 0,
            row.receipt,
        )
        for row in rows
    )


def _histogram(scores: Sequence[float], highest: float) -> tuple[tuple[str, int], ...]:
    width = highest / BARS if highest else 1.0
    counts = Counter(min(int(score / width), BARS - 1) for score in scores)
    return tuple(
        (f"{round(k * width, 1):g}-{round((k + 1) * width, 1):g}", counts[k]) for k in range(BARS)
    )


def _checks(
    session: Session, assignment: CourseAssignment, titles: dict[str, dict[str, object]]
) -> tuple[CheckLine, ...]:
    failed = func.sum(case((CheckOutcome.status == "passed", 0), else_=1))
    rows = session.execute(
        select(CheckOutcome.check_id, failed, func.count())
        .join(Standing, _counts())
        .where(Standing.assignment_id == assignment.id)
        .group_by(CheckOutcome.check_id)
    )
    lines = [
        CheckLine(
            str(titles[row[0]]["title"]) if row[0] in titles else row[0],
            str(titles[row[0]]["group"]) if row[0] in titles else "",
            int(row[1]),
            int(row[2]),
        )
        for row in rows
    ]
    return tuple(sorted(lines, key=lambda line: (-line.failed, line.title)))


def _hints(session: Session, assignment: CourseAssignment) -> tuple[tuple[str, int], ...]:
    rows = session.execute(
        select(CheckOutcome.hint, func.count(CheckOutcome.submission_id.distinct()))
        .join(Standing, _counts())
        .where(
            Standing.assignment_id == assignment.id,
            CheckOutcome.hint.is_not(None),
            CheckOutcome.status != "passed",
        )
        .group_by(CheckOutcome.hint)
    )
    found = [(str(row[0]), int(row[1])) for row in rows]
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def _speeds(
    session: Session, assignment: CourseAssignment, titles: dict[str, dict[str, object]]
) -> tuple[SpeedLine, ...]:
    bound = case(
        *((CheckOutcome.speed_ratio <= rung, k) for k, rung in enumerate(_RUNGS)),
        else_=len(_RUNGS),
    )
    rows = session.execute(
        select(CheckOutcome.check_id, bound, func.count())
        .join(Standing, _counts())
        .where(Standing.assignment_id == assignment.id, CheckOutcome.speed_ratio.is_not(None))
        .group_by(CheckOutcome.check_id, bound)
    )
    found: dict[str, Counter[int]] = {}
    for check_id, k, count in rows:
        found.setdefault(check_id, Counter())[int(k)] = count
    names = [*(f"up to {rung:g}" for rung in _RUNGS), f"above {_RUNGS[-1]:g}"]
    lines = [
        SpeedLine(
            str(titles[check_id]["title"]) if check_id in titles else check_id,
            tuple((name, counts[k]) for k, name in enumerate(names)),
        )
        for check_id, counts in found.items()
    ]
    return tuple(sorted(lines, key=lambda line: line.title))


def _activity(
    session: Session, assignment: CourseAssignment, zone: ZoneInfo
) -> tuple[tuple[str, int], ...]:
    """By the hour from the database, which knows no time zones, and by the day from there."""
    hour = func.substr(cast(Submission.received_at, String), 1, 13)
    rows = session.execute(
        select(hour, func.count()).where(Submission.assignment_id == assignment.id).group_by(hour)
    )
    days: Counter[str] = Counter()
    for text, count in rows:
        moment = datetime.fromisoformat(f"{text}:00:00+00:00").astimezone(zone)
        days[f"{moment:%Y-%m-%d}"] += count
    return tuple(sorted(days.items()))


def _queue(session: Session, assignment: CourseAssignment) -> dict[str, int]:
    unfinished = [State.QUEUED.value, State.RUNNING.value, State.WAITING.value]
    rows = session.execute(
        select(Attempt.state, func.count())
        .join(Submission, Submission.id == Attempt.submission_id)
        .where(Submission.assignment_id == assignment.id, Attempt.state.in_(unfinished))
        .group_by(Attempt.state)
    )
    return {row[0]: row[1] for row in rows}


def _counts() -> ColumnElement[bool]:
    """An outcome is of the result that counts for its student."""
    return (Standing.submission_id == CheckOutcome.submission_id) & (
        Standing.epoch == CheckOutcome.epoch
    )
