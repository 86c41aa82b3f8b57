"""What can be done with courses and assignments. Every function works in the caller's session."""

import re
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.audit import log_act
from web.courses.models import Course, CourseAssignment, Enrolment, Role, Version
from web.errors import Conflict, Invalid, NotFound

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def create_course(
    session: Session, actor_id: int | None, slug: str, title: str, *, time_zone: str = "UTC"
) -> Course:
    """Add a course without anybody in it. Raises Invalid or Conflict."""
    if not _SLUG.fullmatch(slug) or len(slug) > 60:
        raise Invalid("A course's short name has letters a to z, digits and hyphens between them.")
    title = clean_title(title)
    if time_zone not in available_timezones():
        raise Invalid(f"There is no time zone {time_zone[:64]!r}: write it like Europe/Berlin.")
    if session.scalar(select(Course.id).where(Course.slug == slug)) is not None:
        raise Conflict(f"There is a course {slug} already.")
    course = Course(slug=slug, title=title, time_zone=time_zone)
    session.add(course)
    session.flush()
    log_act(session, actor_id, "add course", slug, course_id=course.id)
    return course


def clean_title(title: str) -> str:
    """Without needless spaces. Raises Invalid."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= 160 or not title.isprintable():
        raise Invalid("A title has 1 to 160 characters.")
    return title


def enrol(
    session: Session, course_id: int, user_id: int, role: Role, section: str = ""
) -> Enrolment:
    """Put a person into a course, or change their role there."""
    enrolment = session.scalar(
        select(Enrolment).where(Enrolment.course_id == course_id, Enrolment.user_id == user_id)
    )
    if enrolment is None:
        enrolment = Enrolment(course_id=course_id, user_id=user_id)
        session.add(enrolment)
    enrolment.role, enrolment.section, enrolment.dropped_at = role.value, section, None
    session.flush()
    return enrolment


def set_assignment(
    session: Session, actor_id: int | None, course_id: int, version_id: int
) -> CourseAssignment:
    """Set a version of an assignment in a course; students do not see it before it is opened.

    Raises:
        NotFound: There is no such version.
        Conflict: The course has this assignment: give that another version instead.
    """
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("There is no such version of an assignment.")
    taken = select(CourseAssignment.id).where(
        CourseAssignment.course_id == course_id, CourseAssignment.slug == version.slug
    )
    if session.scalar(taken) is not None:
        raise Conflict(f"The course has {version.slug} already: give it another version there.")
    assignment = CourseAssignment(
        course_id=course_id, version_id=version.id, slug=version.slug, title=version.title
    )
    session.add(assignment)
    session.flush()
    log_act(
        session,
        actor_id,
        "set assignment",
        version.slug,
        course_id=course_id,
        version=version.label,
        sha256=version.sha256,
    )
    return assignment
