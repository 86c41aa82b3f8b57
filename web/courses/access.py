"""Who may do what: the one place where a role is asked for."""

from dataclasses import dataclass

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload, load_only

from web.accounts.models import User
from web.courses.models import Course, CourseAssignment, Enrolment, Role, Version
from web.database import now
from web.errors import Forbidden, NotFound
from web.submissions.models import Submission

STAFF = frozenset({Role.INSTRUCTOR, Role.ASSISTANT})
ANYBODY = frozenset(Role)

# Made once: most requests ask for them, and to make one anew costs more than to execute it.
_PLACE = (
    select(Course, Enrolment.role)
    .join(Enrolment, Enrolment.course_id == Course.id)
    .where(
        Course.slug == bindparam("at"),
        Enrolment.user_id == bindparam("of_user"),
        Enrolment.dropped_at.is_(None),
    )
)
_ANY_ASSIGNMENT = select(CourseAssignment).where(
    CourseAssignment.course_id == bindparam("of_course"),
    CourseAssignment.slug == bindparam("at"),
)
_ASSIGNMENT = _ANY_ASSIGNMENT.options(
    joinedload(CourseAssignment.version), joinedload(CourseAssignment.course)
)
_ENTRANCE = _ANY_ASSIGNMENT.options(
    load_only(
        CourseAssignment.course_id,
        CourseAssignment.version_id,
        CourseAssignment.title,
        CourseAssignment.opens_at,
        CourseAssignment.due_at,
        CourseAssignment.closes_at,
        CourseAssignment.attempts,
        CourseAssignment.window_attempts,
        CourseAssignment.window_hours,
        raiseload=True,
    ),
    joinedload(CourseAssignment.version).load_only(Version.module, raiseload=True),
)


@dataclass(frozen=True)
class Place:
    """A person in a course.

    Attributes:
        user: Who.
        course: Where.
        role: As what.
    """

    user: User
    course: Course
    role: Role

    @property
    def is_staff(self) -> bool:
        """Whether they see what others handed in."""
        return self.role in STAFF


def enter(
    session: Session, user: User, course_slug: str, roles: frozenset[Role] = ANYBODY
) -> Place:
    """The person's place in a course.

    Raises:
        NotFound: There is no such course, or they are not in it.
        Forbidden: They are in it, in another role than asked for.
    """
    row = session.execute(_PLACE, {"of_user": user.id, "at": course_slug}).one_or_none()
    if row is None:
        raise NotFound("There is no such course, or you are not in it.")
    place = Place(user, row[0], Role(row[1]))
    if place.role not in roles:
        raise Forbidden(f"This is for {' and '.join(sorted(roles))}s of the course.")
    return place


def assignment_in(session: Session, place: Place, slug: str) -> CourseAssignment:
    """An assignment of the course, its version loaded.

    Raises:
        NotFound: There is none, or it is not open to students yet.
    """
    return _found(session, place, slug, _ASSIGNMENT)


def entrance_to(session: Session, place: Place, slug: str) -> CourseAssignment:
    """The same, with no more of it than is asked for where somebody hands in."""
    return _found(session, place, slug, _ENTRANCE)


def _found(
    session: Session, place: Place, slug: str, statement: Select[CourseAssignment]
) -> CourseAssignment:
    assignment = session.scalar(statement, {"of_course": place.course.id, "at": slug})
    if assignment is None or not (place.is_staff or is_open(assignment)):
        raise NotFound("There is no such assignment in this course.")
    return assignment


def submission_for(
    session: Session, user: User, receipt: str, *, staff_only: bool = False
) -> tuple[Submission, Place]:
    """A submission that is theirs, or of a course whose staff they are.

    Raises:
        NotFound: There is none, or it is not theirs to see.
    """
    submission = session.scalar(
        select(Submission)
        .options(
            joinedload(Submission.user),
            joinedload(Submission.assignment).joinedload(CourseAssignment.course),
            joinedload(Submission.assignment).joinedload(CourseAssignment.version),
        )
        .where(Submission.receipt == receipt)
    )
    if submission is not None:
        try:
            place = enter(session, user, submission.assignment.course.slug)
        except NotFound:
            place = None
        if place is not None and (
            place.is_staff or (submission.user_id == user.id and not staff_only)
        ):
            return submission, place
    raise NotFound("There is no such submission, or it is not yours to see.")


def is_open(assignment: CourseAssignment) -> bool:
    """Whether students see it yet."""
    return assignment.opens_at is not None and assignment.opens_at <= now()
