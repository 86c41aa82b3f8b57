"""Changing who is in a course: by a roster that was looked at, or one person at a time."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.accounts.models import User
from web.accounts.services import invite
from web.audit import log_act
from web.courses.models import Course, Enrolment, Role
from web.courses.roster import ADDED, Change, Joining, Roster, RosterPlan, correctable, plan_roster
from web.database import now
from web.errors import Conflict, NotFound


def import_roster(
    session: Session,
    actor_id: int,
    course: Course,
    roster: Roster,
    *,
    drop_missing: bool,
    digest: str,
) -> dict[str, str]:
    """Do what was looked at, if it is still what the file would change.

    Args:
        session: The caller's, writing.
        actor_id: Who.
        course: Where.
        roster: What the file says.
        drop_missing: As in the plan that was looked at.
        digest: Of that plan.

    Returns:
        Invitations: token by login of everybody who got an account.

    Raises:
        Conflict: The plan is another one now, or would leave no instructor.
        Invalid: As `plan_roster`.
    """
    _lock(session, course)
    plan = plan_roster(session, course, roster, drop_missing=drop_missing)
    if plan.digest != digest:
        raise Conflict(
            "The course's people changed since you looked at what this file would do. Nothing was "
            "changed: preview it again."
        )
    return apply_roster(session, actor_id, course, plan)


def apply_roster(
    session: Session, actor_id: int, course: Course, plan: RosterPlan
) -> dict[str, str]:
    """Do what a plan of this very transaction says. Returns invitations: token by login."""
    new = [
        User(login=each.login, name=each.name, email=each.email)
        for each in plan.joining
        if each.is_new
    ]
    session.add_all(new)
    session.flush()
    logins = {each.login for each in plan.joining} | {each.login for each in plan.changes}
    logins |= {login for login, _name in plan.dropped}
    users = {
        user.login: user for user in session.scalars(select(User).where(User.login.in_(logins)))
    }
    enrolments = {
        enrolment.user_id: enrolment
        for enrolment in session.scalars(
            select(Enrolment).where(
                Enrolment.course_id == course.id,
                Enrolment.user_id.in_([user.id for user in users.values()]),
            )
        )
    }
    for each in plan.joining:
        _join(session, course, users[each.login], each, enrolments)
    _change(plan.changes, users, enrolments)
    for login, _name in plan.dropped:
        enrolments[users[login].id].dropped_at = now()
    invitations = {}
    for user in new:
        invitations[user.login] = invite(session, user)
        log_act(session, actor_id, ADDED, user.login, course_id=course.id)
    log_act(
        session,
        actor_id,
        "import roster",
        course.slug,
        course_id=course.id,
        joined={each.login: each.role for each in plan.joining},
        changed=[[each.login, each.what, each.before, each.after] for each in plan.changes],
        dropped=[login for login, _name in plan.dropped],
    )
    session.flush()
    return invitations


def change_enrolment(
    session: Session, actor_id: int, course: Course, login: str, role: Role, section: str
) -> None:
    """Give one person another role or section; who was dropped is in the course again.

    Raises:
        NotFound: They were never in the course.
        Conflict: They are its last instructor.
    """
    user, enrolment = _locked_member(session, course, login)
    if role is not Role.INSTRUCTOR:
        _require_another_instructor(session, course, user)
    before = [enrolment.role, enrolment.section, enrolment.dropped_at is None]
    enrolment.role, enrolment.section, enrolment.dropped_at = role.value, section, None
    log_act(
        session,
        actor_id,
        "change enrolment",
        login,
        course_id=course.id,
        before=before,
        after=[role.value, section, True],
    )


def drop(session: Session, actor_id: int, course: Course, login: str) -> None:
    """Take one person out of the course; what they handed in stays.

    Raises:
        NotFound: They were never in the course.
        Conflict: They are its last instructor.
    """
    user, enrolment = _locked_member(session, course, login)
    _require_another_instructor(session, course, user)
    if enrolment.dropped_at is None:
        enrolment.dropped_at = now()
        log_act(session, actor_id, "drop", login, course_id=course.id, role=enrolment.role)


def invite_again(session: Session, actor_id: int, course: Course, login: str) -> str:
    """A new invitation for somebody whom this course added and who never came in.

    Raises:
        NotFound: They were never in the course.
        Conflict: The account is in use, or is not this course's to give away.
    """
    user, _enrolment = _locked_member(session, course, login)
    if user.id not in correctable(session, course.id, [user]):
        raise Conflict(
            "This account is in use, or was not added by this course: whoever runs the service can "
            "help."
        )
    log_act(session, actor_id, "invite", login, course_id=course.id)
    return invite(session, user)


def member(session: Session, course: Course, login: str) -> tuple[User, Enrolment]:
    """Somebody who is in the course, or was. Raises NotFound."""
    row = session.execute(
        select(User, Enrolment)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.course_id == course.id, User.login == login)
    ).one_or_none()
    if row is None:
        raise NotFound("There is nobody of that login in this course.")
    return row[0], row[1]


def _lock(session: Session, course: Course) -> None:
    """One change of a course's people at a time; SQLite has one writer anyway."""
    session.execute(select(Course.id).where(Course.id == course.id).with_for_update())


def _locked_member(session: Session, course: Course, login: str) -> tuple[User, Enrolment]:
    _lock(session, course)
    return member(session, course, login)


def _require_another_instructor(session: Session, course: Course, user: User) -> None:
    """Raises Conflict where nobody else is one who can sign in."""
    others = session.scalars(
        select(Enrolment.user_id)
        .join(User, User.id == Enrolment.user_id)
        .where(
            Enrolment.course_id == course.id,
            Enrolment.role == Role.INSTRUCTOR.value,
            Enrolment.dropped_at.is_(None),
            User.disabled_at.is_(None),
        )
    ).all()
    if set(others) <= {user.id}:
        raise Conflict(
            "The course would be without an instructor: make somebody else instructor first."
        )


def _join(
    session: Session, course: Course, user: User, joining: Joining, known: Mapping[int, Enrolment]
) -> None:
    enrolment = known.get(user.id)
    if enrolment is None:
        enrolment = Enrolment(course_id=course.id, user_id=user.id)
        session.add(enrolment)
    enrolment.role, enrolment.section = joining.role, joining.section
    enrolment.dropped_at = None


def _change(
    changes: tuple[Change, ...], users: Mapping[str, User], enrolments: Mapping[int, Enrolment]
) -> None:
    for change in changes:
        user = users[change.login]
        of = user if change.what in ("name", "email") else enrolments[user.id]
        setattr(of, change.what, change.after)
