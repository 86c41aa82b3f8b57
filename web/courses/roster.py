"""A course's roster as a file: read it, see what it would change, change that.

A file says who is in the course and as what; it has no say over people's accounts. An account that
exists keeps its name, e-mail address, password and sign-on, and nobody gets an invitation to it;
else the instructor of any course could enter anybody's. The one exception is an account that this
course's own roster added, that nobody has ever been able to enter and that is in no other course:
its name and e-mail address may still be corrected.

What a file does not say stays as it is: an empty cell changes nothing.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.accounts.models import User
from web.accounts.services import clean_email, clean_login, clean_name
from web.courses.models import Act, Course, Enrolment, Role
from web.errors import Conflict, Invalid
from web.tables import Row, read_table

COLUMNS = ("login", "name", "email", "role", "section")
ADDED = "add person"
"""What the audit log calls an account that a roster added."""

_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Entry:
    """A line of a roster; what is empty or None it does not say."""

    line: int
    login: str
    name: str
    email: str
    role: Role | None
    section: str


@dataclass(frozen=True)
class Roster:
    """What a file says.

    Attributes:
        entries: One per person.
        unused: Titles of columns that no roster has.
    """

    entries: tuple[Entry, ...]
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Joining:
    """Somebody who comes into the course.

    Attributes:
        is_new: Whether they get an account, too.
    """

    login: str
    name: str
    email: str
    role: str
    section: str
    is_new: bool


@dataclass(frozen=True)
class Change:
    """One value of somebody who is in the course: `role`, `section`, `name` or `email`."""

    login: str
    name: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class RosterPlan:
    """What a file will change.

    Attributes:
        joining: New enrolments, some with new accounts.
        changes: Of people who are in the course.
        dropped: Logins and names of students who are not in the file.
        unchanged: Logins of everybody else who is in it.
        kept: Logins whose account has another name or e-mail address than the file, and keeps it.
    """

    joining: tuple[Joining, ...] = ()
    changes: tuple[Change, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    unchanged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Name the plan by its content."""
        content = {key: value for key, value in vars(self).items() if key != "digest"}
        text = json.dumps(content, default=asdict)
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest())

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.joining or self.changes or self.dropped)


def parse_roster(text: str) -> Roster:
    """Read a roster: CSV with the columns `login,name,email,role,section` in any order.

    Only `login` is needed, and `name` of people without an account. Columns may be separated by
    commas, semicolons or tabs.

    Raises:
        Invalid: It is no roster; the message names the lines, `errors` has one of each.
    """
    header, *rows = read_table(text)
    titles = [title.lower() for title in header.cells]
    for known in COLUMNS:
        if titles.count(known) > 1:
            raise Invalid(f"Line {header.line}: there are two columns {known}.")
    if "login" not in titles:
        raise Invalid(
            f"Line {header.line}: there is no column login. "
            f"A roster begins with the line {','.join(COLUMNS)}."
        )
    places = {known: titles.index(known) for known in COLUMNS if known in titles}
    unused = [title for title in header.cells if title and title.lower() not in COLUMNS]
    entries: list[Entry] = []
    problems: list[tuple[int, str]] = []
    for row in rows:
        try:
            entries.append(_entry(row, places))
        except Invalid as problem:
            problems.append((row.line, str(problem)))
    problems += _repeated(entries, "login") + _repeated(entries, "email")
    _refuse(problems)
    if not entries:
        raise Invalid("The roster has a header, but nobody in it.")
    return Roster(tuple(entries), tuple(unused))


def plan_roster(
    session: Session, course: Course, roster: Roster, *, drop_missing: bool
) -> RosterPlan:
    """What a file would change.

    Args:
        session: The caller's.
        course: Where.
        roster: What the file says.
        drop_missing: Drop students who are not in it. Staff are never dropped by a file.

    Raises:
        Invalid: New people lack a name, or have an e-mail address that is another account's.
        Conflict: The course would be without an instructor.
    """
    logins = {entry.login for entry in roster.entries}
    users = {
        user.login: user for user in session.scalars(select(User).where(User.login.in_(logins)))
    }
    members = {
        user.login: (user, enrolment)
        for user, enrolment in session.execute(
            select(User, Enrolment)
            .join(Enrolment, Enrolment.user_id == User.id)
            .where(Enrolment.course_id == course.id, Enrolment.dropped_at.is_(None))
            .order_by(User.login)
        )
    }
    ours = correctable(session, course.id, users.values())
    _require_sound(session, roster, users, ours)
    joining: list[Joining] = []
    changes: list[Change] = []
    unchanged: list[str] = []
    kept: list[str] = []
    for entry in sorted(roster.entries, key=lambda each: each.login):
        user = users.get(entry.login)
        if user is not None and user.id not in ours and _differs(entry, user):
            kept.append(entry.login)
        if entry.login not in members:
            joining.append(_joining(entry, user))
            continue
        member, enrolment = members[entry.login]
        found = _changes(entry, member, enrolment, may_correct=member.id in ours)
        changes += found
        unchanged += [] if found else [entry.login]
    dropped = [
        (login, user.name)
        for login, (user, enrolment) in members.items()
        if drop_missing and login not in logins and enrolment.role == Role.STUDENT
    ]
    _require_instructor(members, joining, changes)
    return RosterPlan(tuple(joining), tuple(changes), tuple(dropped), tuple(unchanged), tuple(kept))


def correctable(session: Session, course_id: int, users: Iterable[User]) -> set[int]:
    """Ids of accounts whose name and e-mail address a course may change, and invite again.

    Those are accounts that its own roster added, that nobody has used, and that are in no other.
    """
    unused = {
        user.login: user.id
        for user in users
        if user.password_hash is None and user.oidc_subject is None and not user.is_admin
    }
    added = session.scalars(
        select(Act.subject).where(
            Act.course_id == course_id, Act.verb == ADDED, Act.subject.in_(unused)
        )
    )
    ids = {unused[login] for login in added}
    elsewhere = session.scalars(
        select(Enrolment.user_id).where(
            Enrolment.user_id.in_(ids), Enrolment.course_id != course_id
        )
    )
    return ids - set(elsewhere)


def _entry(row: Row, places: dict[str, int]) -> Entry:
    """Raises Invalid."""
    cells = {known: row.cell(places.get(known)) for known in COLUMNS}
    return Entry(
        line=row.line,
        login=clean_login(cells["login"]),
        name=clean_name(cells["name"]) if cells["name"] else "",
        email=clean_email(cells["email"]),
        role=clean_role(cells["role"]) if cells["role"] else None,
        section=clean_section(cells["section"]),
    )


def clean_role(text: str) -> Role:
    """Raises Invalid."""
    try:
        return Role(text.strip().lower())
    except ValueError as error:
        raise Invalid(f"A role is one of {', '.join(Role)}, not {text[:20]!r}.") from error


def clean_section(text: str) -> str:
    """Without needless spaces; may be empty. Raises Invalid."""
    section = " ".join(text.split())
    if len(section) > 60 or not section.isprintable():
        raise Invalid("A section has at most 60 characters.")
    return section


def _repeated(entries: list[Entry], what: str) -> list[tuple[int, str]]:
    first: dict[str, int] = {}
    problems = []
    for entry in entries:
        value = getattr(entry, what).lower()
        if value and first.setdefault(value, entry.line) != entry.line:
            problems.append((entry.line, f"{value} is in line {first[value]} already."))
    return problems


def _refuse(problems: list[tuple[int, str]]) -> None:
    """Raises Invalid, if there are any."""
    if not problems:
        return
    lines = [f"Line {line}: {problem}" for line, problem in sorted(problems)]
    more = len(lines) - _MOST_PROBLEMS
    shown = lines[:_MOST_PROBLEMS] + ([f"And {more} more."] if more > 0 else [])
    errors = tuple({"field": "roster", "message": line} for line in shown)
    raise Invalid(" ".join(shown), errors)


def _require_sound(
    session: Session, roster: Roster, users: dict[str, User], ours: set[int]
) -> None:
    """Raises Invalid.

    An e-mail address must not become another account's as well: by it, people are known when they
    first sign on.
    """
    setting = {
        entry.email.lower(): entry
        for entry in roster.entries
        if entry.email and ((user := users.get(entry.login)) is None or user.id in ours)
    }
    taken = session.execute(
        select(func.lower(User.email), User.login).where(func.lower(User.email).in_(setting))
    )
    problems = [
        (setting[email].line, "this e-mail address is another account's: give its login.")
        for email, login in taken
        if email in setting and setting[email].login != login
    ]
    problems += [
        (entry.line, f"{entry.login} has no account yet and needs a name.")
        for entry in roster.entries
        if entry.login not in users and not entry.name
    ]
    _refuse(problems)


def _differs(entry: Entry, user: User) -> bool:
    return (entry.name or user.name, entry.email or user.email) != (user.name, user.email)


def _joining(entry: Entry, user: User | None) -> Joining:
    return Joining(
        login=entry.login,
        name=entry.name if user is None else user.name,
        email=entry.email if user is None else user.email,
        role=(entry.role or Role.STUDENT).value,
        section=entry.section,
        is_new=user is None,
    )


def _changes(entry: Entry, user: User, enrolment: Enrolment, *, may_correct: bool) -> list[Change]:
    wanted = {
        "role": (enrolment.role, entry.role.value if entry.role else ""),
        "section": (enrolment.section, entry.section),
    }
    if may_correct:
        wanted |= {"name": (user.name, entry.name), "email": (user.email, entry.email)}
    return [
        Change(user.login, user.name, what, before, after)
        for what, (before, after) in wanted.items()
        if after and after != before
    ]


def _require_instructor(
    members: dict[str, tuple[User, Enrolment]], joining: list[Joining], changes: list[Change]
) -> None:
    """Raises Conflict where none would be left who can sign in."""
    roles = {
        login: enrolment.role
        for login, (user, enrolment) in members.items()
        if user.disabled_at is None
    }
    roles |= {
        change.login: change.after
        for change in changes
        if change.what == "role" and change.login in roles
    }
    roles |= {each.login: each.role for each in joining}
    if Role.INSTRUCTOR not in roles.values():
        raise Conflict(
            "The course would be without an instructor: make somebody else instructor first."
        )
