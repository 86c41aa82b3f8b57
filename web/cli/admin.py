"""`grader admin`: what those who run the service do from its machine."""

import argparse
import getpass
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from web import demo
from web.accounts.models import User
from web.accounts.services import create_user, invite, set_password
from web.audit import log_act
from web.courses.models import Enrolment, Role
from web.courses.services import create_course
from web.database import Database, now
from web.errors import Conflict, Invalid, NotFound, RequestRefused
from web.grading import queue
from web.grading.models import Attempt, State
from web.grading.versions import add_version
from web.migrating import migrate
from web.operations.backup import back_up, remove_old, restore
from web.services import make_services
from web.settings import SettingInvalid, Settings, read_settings
from web.storage import BlobStore

OK, REFUSED, USAGE = 0, 1, 2
_Act = Callable[[argparse.Namespace, Settings, Database], None]


def add_to(commands: Any) -> None:
    """Add the command and all that it can do."""
    admin = commands.add_parser(
        "admin",
        help="look after the web service from its machine",
        description="Look after the web service. Run it on the service's machine, with the same "
        "settings; the service may run meanwhile.",
    )
    admin.add_argument("--data", type=Path, help="the service's data folder")
    acts = admin.add_subparsers(required=True, metavar="ACT")

    def act(name: str, help_text: str, run: _Act) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = acts.add_parser(name, help=help_text)
        parser.set_defaults(run=_run, act=run)
        return parser

    person = act(
        "add-user", "add a person; prints an invitation unless a password is asked for", _add_user
    )
    person.add_argument("login")
    person.add_argument("name")
    person.add_argument("--email", default="")
    person.add_argument("--admin", action="store_true", help="who runs the service")
    person.add_argument("--password", action="store_true", help="ask for one here")
    word = act("set-password", "ask for a new password of a person", _set_password)
    word.add_argument("login")
    off = act("disable-user", "keep a person out, and sign them out everywhere", _disable)
    off.add_argument("login")
    course = act("add-course", "add a course with its first instructor", _add_course)
    course.add_argument("slug")
    course.add_argument("title")
    course.add_argument("instructor", help="login")
    course.add_argument("--time-zone", default="UTC")
    version = act(
        "add-assignment", "take in a verified assignment, for courses to set", _add_version
    )
    version.add_argument("folder", type=Path)
    act("migrate", "bring the database up to date, as the service does when it starts", _migrated)
    sample = act("add-demo", "add a course with students and submissions to grade", _add_demo)
    sample.add_argument("assignments", type=Path, help="folder of the assignments' folders")
    act("queue", "show what is not graded yet", _show_queue)
    back = act("back-up", "write everything into one file; the service may run", _back_up)
    back.add_argument("file", type=Path)
    old = act("remove-old", "remove submissions older than so many days", _remove_old)
    old.add_argument("days", type=int, help="keep what is younger; see ONEBYONE_KEEP_DAYS")
    restoring = acts.add_parser("restore", help="make a new data folder of such a file")
    restoring.set_defaults(run=_restore)
    restoring.add_argument("file", type=Path)
    again = act("try-again", "queue what waits for a person", _try_again)
    again.add_argument("attempt", type=int, nargs="*", help="numbers; all where none is given")


def _run(options: argparse.Namespace) -> int:
    try:
        settings = read_settings(data=options.data)
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return USAGE
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        migrate(database)
        options.act(options, settings, database)
    except RequestRefused as error:
        print(error, file=sys.stderr)
        return REFUSED
    finally:
        database.close()
    return OK


def _migrated(_options: argparse.Namespace, _settings: Settings, _database: Database) -> None:
    print("The database is up to date.")


def _add_demo(options: argparse.Namespace, settings: Settings, _database: Database) -> None:
    services = make_services(settings)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        if demo.is_seeded(services):
            raise Conflict(f"The course {demo.COURSE} is there already.")
        expected = demo.seed(services, options.assignments)
    finally:
        services.database.close()
    print(
        f"{len(expected)} submissions wait to be graded. Sign in as {demo.STUDENT} (a student), "
        f"{demo.INSTRUCTOR} (an instructor) or {demo.ASSISTANT} (an assistant), with the password "
        f"that everybody knows: {demo.PASSWORD}"
    )


def _add_user(options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    password = _ask_password() if options.password else None
    with database.writing() as session:
        user = create_user(
            session,
            options.login,
            options.name,
            email=options.email,
            password=password,
            is_admin=options.admin,
        )
        token = None if password else invite(session, user)
        log_act(session, None, "add user", user.login, admin=options.admin)
    print(f"{user.login} is added.")
    if token:
        print(f"To set a password, within 14 days: /invitation/{token}")


def _set_password(options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    password = _ask_password()
    with database.writing() as session:
        user = _user(session, options.login)
        set_password(session, user, password)
        log_act(session, None, "set password", user.login)
    print(f"The password of {user.login} is set.")


def _disable(options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    with database.writing() as session:
        user = _user(session, options.login)
        user.disabled_at = user.disabled_at or now()
        log_act(session, None, "disable user", user.login)
    print(f"{user.login} cannot sign in any more.")


def _add_course(options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    with database.writing() as session:
        user = _user(session, options.instructor)
        course = create_course(
            session, None, options.slug, options.title, time_zone=options.time_zone
        )
        session.add(Enrolment(course_id=course.id, user_id=user.id, role=Role.INSTRUCTOR.value))
    print(f"The course {course.slug} is at /courses/{course.slug}/")


def _add_version(options: argparse.Namespace, settings: Settings, database: Database) -> None:
    version = add_version(database, settings.data, options.folder)
    print(f"{version.slug} {version.label} ({version.sha256[:12]}) can be set in courses.")


def _show_queue(_options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    with database.reading() as session:
        depth = queue.depth(session)
        waiting = session.scalars(
            select(Attempt).where(Attempt.state == State.WAITING.value).order_by(Attempt.id)
        ).all()
    for state in (State.QUEUED, State.RUNNING, State.WAITING):
        print(f"{state.value:8} {depth.get(state.value, 0)}")
    for attempt in waiting:
        print(f"\nattempt {attempt.id} waits for a person after {attempt.tries} tries:")
        print(f"  {attempt.fault}")


def _try_again(options: argparse.Namespace, _settings: Settings, database: Database) -> None:
    with database.writing() as session:
        numbers = (
            options.attempt
            or session.scalars(select(Attempt.id).where(Attempt.state == State.WAITING.value)).all()
        )
        queued = [number for number in numbers if queue.try_again(session, number)]
        log_act(session, None, "try again", "attempts", attempts=queued)
    print(f"{len(queued)} queued.")


def _back_up(options: argparse.Namespace, settings: Settings, _database: Database) -> None:
    size = back_up(settings.data, options.file)
    print(f"{options.file}: {size / 1024 / 1024:.1f} MiB. It holds secrets: keep it safe.")


def _remove_old(options: argparse.Namespace, settings: Settings, database: Database) -> None:
    if options.days < 1:
        raise Invalid("Keep at least one day.")
    removed = remove_old(database, BlobStore(settings.data / "blobs"), options.days)
    with database.writing() as session:
        log_act(session, None, "remove old", f"{removed} submissions", days=options.days)
    print(f"{removed} submissions removed.")


def _restore(options: argparse.Namespace) -> int:
    try:
        data = read_settings(data=options.data).data
        restore(options.file, data)
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return USAGE
    except (RequestRefused, OSError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    print(f"Restored to {data}: start the service there.")
    return OK


def _user(session: Session, login: str) -> User:
    user = session.scalar(select(User).where(User.login == login.lower()))
    if user is None:
        raise NotFound(f"There is nobody with the login {login}.")
    return user


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Invalid("The two passwords are not the same.")
    return password
