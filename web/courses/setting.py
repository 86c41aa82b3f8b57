"""How an assignment is set in a course: dates, limits, what students see, and more time for some.

Every function works in the caller's session, and leaves all standings as they follow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.report import Visibility
from web.accounts.models import User
from web.audit import log_act
from web.courses.models import (
    Counts,
    Course,
    CourseAssignment,
    Enrolment,
    Extension,
    Role,
    Version,
)
from web.courses.services import clean_title
from web.database import now
from web.errors import Conflict, Invalid, NotFound
from web.gradebook.models import Standing
from web.gradebook.standings import refresh_standings

_MOST_ATTEMPTS = 10_000
_LONGEST_REASON = 1000


@dataclass(frozen=True, kw_only=True)
class AssignmentSettings:
    """What an instructor sets; see `CourseAssignment` for what each means."""

    title: str
    opens_at: datetime | None = None
    due_at: datetime | None = None
    closes_at: datetime | None = None
    late_percent: float = 0.0
    attempts: int | None = None
    window_attempts: int | None = None
    window_hours: int | None = None
    counts: str = Counts.BEST.value
    held: bool = False
    shown: Mapping[str, str] = field(default_factory=dict)


def settings_of(assignment: CourseAssignment) -> AssignmentSettings:
    """As they are now."""
    names = AssignmentSettings.__dataclass_fields__
    return AssignmentSettings(**{name: getattr(assignment, name) for name in names})


def update_assignment(
    session: Session, actor_id: int, assignment: CourseAssignment, wanted: AssignmentSettings
) -> None:
    """Set it so.

    Raises:
        Invalid: A value makes no sense; nothing is changed.
    """
    _require_sense(wanted, session.get_one(Version, assignment.version_id))
    before = settings_of(assignment)
    after = replace(wanted, title=clean_title(wanted.title), shown=dict(wanted.shown))
    changed: dict[str, list[object]] = {}
    for name in AssignmentSettings.__dataclass_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changed[name] = [_plain(old), _plain(new)]
            setattr(assignment, name, new)
    if not changed:
        return
    log_act(
        session,
        actor_id,
        "change assignment",
        assignment.slug,
        course_id=assignment.course_id,
        changed=changed,
    )
    if changed.keys() & {"due_at", "late_percent", "counts"}:
        refresh_course(session, assignment.course_id)


def change_version(
    session: Session, actor_id: int, assignment: CourseAssignment, version_id: int
) -> None:
    """Grade new submissions by another version; what is graded stays as it is.

    Raises:
        NotFound: There is no such version of this assignment.
    """
    version = session.get(Version, version_id)
    if version is None or version.slug != assignment.slug:
        raise NotFound("There is no such version of this assignment.")
    if version.id == assignment.version_id:
        return
    assignment.version_id = version.id
    ids = {check["id"] for check in version.checks}
    assignment.shown = {name: value for name, value in assignment.shown.items() if name in ids}
    log_act(
        session,
        actor_id,
        "change version",
        assignment.slug,
        course_id=assignment.course_id,
        version=version.label,
        sha256=version.sha256,
    )
    refresh_course(session, assignment.course_id)


def release_scores(session: Session, actor_id: int, assignment: CourseAssignment) -> None:
    """Show scores that are held, from now on. Raises Conflict where none are held."""
    if not assignment.held or assignment.released_at is not None:
        raise Conflict("Scores of this assignment are shown already.")
    assignment.released_at = now()
    log_act(session, actor_id, "release scores", assignment.slug, course_id=assignment.course_id)


def extend(
    session: Session,
    actor_id: int,
    assignment: CourseAssignment,
    login: str,
    due_at: datetime,
    reason: str,
) -> Extension:
    """Give one student more time.

    Raises:
        NotFound: Nobody of this login is a student of the course.
        Conflict: The assignment has no deadline.
        Invalid: The new deadline is not later, or there is no reason.
    """
    student = student_in(session, assignment.course_id, login)
    if assignment.due_at is None:
        raise Conflict("This assignment has no deadline to extend.")
    if due_at <= assignment.due_at:
        raise Invalid("An extension ends after the deadline of everybody.")
    extension = Extension(
        assignment_id=assignment.id,
        user_id=student.id,
        due_at=due_at,
        reason=clean_reason(reason),
        actor_id=actor_id,
    )
    session.add(extension)
    log_act(
        session,
        actor_id,
        "extend",
        f"{assignment.slug} for {student.login}",
        course_id=assignment.course_id,
        due_at=due_at.isoformat(),
        reason=extension.reason,
    )
    refresh_standings(session, assignment.course_id, student.id)
    return extension


def update_course(
    session: Session, actor_id: int, course: Course, *, title: str, time_zone: str, grace_days: int
) -> None:
    """Set title, time zone and grace days. Raises Invalid."""
    if time_zone not in available_timezones():
        raise Invalid(f"There is no time zone {time_zone[:64]!r}: write it like Europe/Berlin.")
    if not 0 <= grace_days <= 365:
        raise Invalid("There are 0 to 365 grace days.")
    grace_changed = course.grace_days != grace_days
    course.title, course.time_zone = clean_title(title), time_zone
    course.grace_days = grace_days
    log_act(
        session,
        actor_id,
        "change course",
        course.slug,
        course_id=course.id,
        title=course.title,
        time_zone=time_zone,
        grace_days=grace_days,
    )
    if grace_changed:
        refresh_course(session, course.id)


def student_in(session: Session, course_id: int, login: str) -> User:
    """A student of the course. Raises NotFound."""
    student = session.scalar(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(
            Enrolment.course_id == course_id,
            Enrolment.role == Role.STUDENT.value,
            User.login == login.strip().lower(),
        )
    )
    if student is None:
        raise NotFound(f"There is no student {login[:64]!r} in this course.")
    return student


def clean_reason(reason: str) -> str:
    """Without space around it. Raises Invalid where there is none."""
    reason = reason.strip()
    if not 1 <= len(reason) <= _LONGEST_REASON:
        raise Invalid(f"Say why, in 1 to {_LONGEST_REASON} characters.")
    return reason


def refresh_course(session: Session, course_id: int) -> None:
    """Derive all standings of a course anew."""
    session.flush()
    concerned = select(Standing.user_id).join(
        CourseAssignment, CourseAssignment.id == Standing.assignment_id
    )
    refresh_all(
        session,
        course_id,
        session.scalars(concerned.where(CourseAssignment.course_id == course_id).distinct()),
    )


def refresh_all(session: Session, course_id: int, user_ids: Iterable[int]) -> None:
    """Derive the standings of some people anew."""
    for user_id in sorted(user_ids):  # in one order, so that no two wait for each other
        refresh_standings(session, course_id, user_id)


def _require_sense(wanted: AssignmentSettings, version: Version) -> None:
    times = [t for t in (wanted.opens_at, wanted.due_at, wanted.closes_at) if t is not None]
    if times != sorted(times):
        raise Invalid("An assignment opens, is due, and closes, in this order.")
    if wanted.closes_at is not None and wanted.due_at is None:
        raise Invalid("What closes has a deadline: set one, at the latest when it closes.")
    if not 0 <= wanted.late_percent <= 100:
        raise Invalid("Being late costs 0 to 100 percent of the points a day.")
    limits = (wanted.attempts, wanted.window_attempts, wanted.window_hours)
    if any(limit is not None and not 1 <= limit <= _MOST_ATTEMPTS for limit in limits):
        raise Invalid(f"A limit is a number from 1 to {_MOST_ATTEMPTS}; leave it empty for none.")
    if (wanted.window_attempts is None) != (wanted.window_hours is None):
        raise Invalid("A limit in time is a number of submissions and a number of hours.")
    if wanted.counts not in set(Counts):
        raise Invalid("The last, the best or the chosen submission counts.")
    known = {check["id"] for check in version.checks}
    for name, value in wanted.shown.items():
        if name not in known:
            raise Invalid(f"There is no check {name[:160]!r} in this version.")
        if value not in set(Visibility):
            raise Invalid("A check is public, hidden, or public after_deadline.")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
