"""A course to look around in: people, verified assignments, and submissions of known kinds."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.assignment import load_assignment
from grader.known_submissions import KnownSubmission, load_known_submissions
from web.accounts.models import User
from web.accounts.passwords import hash_password
from web.accounts.services import create_user
from web.courses.access import Place, enter
from web.courses.models import Course, CourseAssignment, Extension, Role, Version
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.errors import Invalid
from web.grading.models import Attempt, Result, State
from web.grading.versions import add_version, version_folder
from web.services import Services
from web.submissions.models import Submission
from web.submissions.receiving import Upload, receive

COURSE = "deep-learning"
PASSWORD = "correct horse"  # noqa: S105 - printed for everybody to see
INSTRUCTOR, ASSISTANT, STUDENT = "ada", "alan", "grace"
STUDENTS = (
    *("Grace Hopper", "Katherine Johnson", "Emmy Noether", "Sofya Kovalevskaya", "Mary Cartwright"),
    *("Srinivasa Ramanujan", "Evariste Galois", "Niels Abel", "Bernhard Riemann", "Henri Poincare"),
    *("Maryam Mirzakhani", "Hypatia Theon", "Sophie Germain", "Julia Robinson", "Carl Gauss"),
    *(
        "Leonhard Euler",
        "Andrey Kolmogorov",
        "Stefan Banach",
        "David Blackwell",
        "Shing-Shen Chern",
    ),
)
SET = ("dense-conv1x1", "fast-conv1x1")
"""Assignments that the course sets, the oldest first; none needs more than NumPy."""

MORE = ("conv1x1-is-dense", "linear-conv1x1-torch")
"""Those that the instructor can set besides, where what they need is installed."""

_SEED = 7
_DUE_IN_DAYS = (-2, 5)


@dataclass(frozen=True)
class Expected:
    """A submission of the demo, and what its author's word says of its score."""

    receipt: str
    known: str
    full: bool


def seed(services: Services, assignments: Path) -> list[Expected]:
    """Fill an empty service; the submissions are queued, and graded by its workers.

    Args:
        services: With a migrated database.
        assignments: Folder of the assignments' folders.

    Returns:
        What was handed in.
    """
    database, data = services.database, services.settings.data
    versions = [add_version(database, data, assignments / slug) for slug in SET]
    with database.writing() as session:
        _fill(session, versions)
    return _hand_in(services, versions)


def take_in_more(services: Services, assignments: Path) -> list[str]:
    """Take in assignments that are not set in the course; gives those that could not be read."""
    left_out = []
    for slug in MORE:
        try:
            add_version(services.database, services.settings.data, assignments / slug)
        except Invalid:
            left_out.append(slug)
    return left_out


def is_seeded(services: Services) -> bool:
    """Whether the course is there."""
    with services.database.reading() as session:
        return session.scalar(select(Course.id).where(Course.slug == COURSE)) is not None


def unfinished(services: Services) -> int:
    """How many submissions have no result yet."""
    with services.database.reading() as session:
        states = session.scalars(select(Attempt.state)).all()
    return sum(state in (State.QUEUED.value, State.RUNNING.value) for state in states)


def unexpected(services: Services, expected: list[Expected]) -> list[str]:
    """What came out otherwise than its author says, in a sentence each."""
    problems = []
    with services.database.reading() as session:
        for each in expected:
            result = session.scalar(
                select(Result)
                .join(Submission, Submission.id == Result.submission_id)
                .where(Submission.receipt == each.receipt)
            )
            if result is None:
                problems.append(f"{each.known} ({each.receipt}) was not graded.")
            elif (result.score == result.max_score) != each.full:
                problems.append(f"{each.known} got {result.score:g} of {result.max_score:g}.")
    return problems


def _fill(session: Session, versions: list[Version]) -> None:
    hashed = hash_password(PASSWORD)
    course = create_course(session, None, COURSE, "Deep Learning", time_zone="Europe/London")
    course.grace_days = 2
    staff = (
        (INSTRUCTOR, "Ada Lovelace", Role.INSTRUCTOR),
        (ASSISTANT, "Alan Turing", Role.ASSISTANT),
    )
    people = [*staff, *((_login(name), name, Role.STUDENT) for name in STUDENTS)]
    for number, (login, name, role) in enumerate(people):
        person = create_user(session, login, name, email=f"{login}@example.org")
        person.password_hash = hashed
        section = "" if role is not Role.STUDENT else "AB"[number % 2]
        enrol(session, course.id, person.id, role, section)
    for version, days in zip(versions, _DUE_IN_DAYS, strict=True):
        assignment = set_assignment(session, None, course.id, version.id)
        due = (now() + timedelta(days=days)).replace(hour=17, minute=0, second=0, microsecond=0)
        assignment.opens_at = due - timedelta(days=14)
        assignment.due_at, assignment.late_percent = due, 20.0
        assignment.closes_at = due + timedelta(days=7)
    first = session.scalar(select(CourseAssignment).order_by(CourseAssignment.id).limit(1))
    late = session.scalar(select(User).where(User.login == _login(STUDENTS[5])))
    instructor = session.scalar(select(User).where(User.login == INSTRUCTOR))
    assert first is not None and first.due_at is not None  # noqa: PT018, S101 - set above
    assert late is not None and instructor is not None  # noqa: PT018, S101 - added above
    session.add(
        Extension(
            assignment_id=first.id,
            user_id=late.id,
            due_at=first.due_at + timedelta(days=4),
            reason="Was ill.",
            actor_id=instructor.id,
        )
    )


def _hand_in(services: Services, versions: list[Version]) -> list[Expected]:
    rng = random.Random(_SEED)  # noqa: S311 - the same demo each time
    expected = []
    with services.database.reading() as session:
        places = {
            user.login: enter(session, user, COURSE) for user in session.scalars(select(User))
        }
        assignments = session.scalars(select(CourseAssignment)).all()
        due = {each.slug: each.due_at or now() for each in assignments}
    for version, share in zip(versions, (0.8, 0.2), strict=True):
        folder = version_folder(services.settings.data, version.sha256)
        known = load_known_submissions(load_assignment(folder))
        full = [each for each in known.accepted if not _earns_less(each)]
        end = min(due[version.slug], now() - timedelta(minutes=30))
        for name in STUDENTS[1:]:
            if rng.random() > share:
                continue
            tried: list[KnownSubmission] = [rng.choice(known.known_wrong)]
            if full and rng.random() < 0.7:
                tried.append(rng.choice(full))
            moments = sorted(end - timedelta(hours=rng.uniform(-20, 90)) for _ in tried)
            for each, moment in zip(tried, moments, strict=True):
                receipt = _receive(services, places[_login(name)], version.slug, each, moment)
                expected.append(Expected(receipt, each.name, each.kind == "accepted"))
    return expected


def _receive(
    services: Services, place: Place, slug: str, known: KnownSubmission, moment: datetime
) -> str:
    upload = Upload(list(known.submission.files.items()), "web")
    received = receive(
        services.database,
        services.blobs,
        place,
        slug,
        upload,
        at=min(moment, now() - timedelta(minutes=1)),
    )
    return received.receipt


def _earns_less(known: KnownSubmission) -> bool:
    """Right, but declared not to get all points, as one that is a little slow."""
    return bool(getattr(known.expectation, "points", None))


def _login(name: str) -> str:
    return name.split(maxsplit=1)[0].lower()
