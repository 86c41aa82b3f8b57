"""A service on a fresh database, people in a course, and honest reports without a grading."""

import io
import re
import shutil
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from werkzeug.serving import make_server

from grader.report import CheckResult, Outcome, Report, Status, Visibility, score_groups
from grader.report import Hint as ReportHint
from web.accounts.passwords import hash_password
from web.accounts.services import create_user
from web.app import create_app
from web.courses.access import enter
from web.courses.models import Role, Version
from web.courses.services import create_course, enrol, set_assignment
from web.database import Database, now
from web.gradebook.models import Standing
from web.grading.models import Attempt
from web.grading.recorder import record_report
from web.migrating import migrate
from web.settings import Settings
from web.submissions.receiving import Upload, receive

from .api.conftest import program_of, token_of  # noqa: F401
from .postgresql import each_database_url, postgresql_server, postgresql_url  # noqa: F401

PASSWORD = "correct horse battery"
CHECKS = [
    {
        "id": "test_a.py::test_one",
        "title": "One.",
        "group": "values",
        "points": 6.0,
        "visibility": "public",
    },
    {
        "id": "test_a.py::test_two",
        "title": "Two.",
        "group": "values",
        "points": 4.0,
        "visibility": "hidden",
    },
]


@pytest.fixture
def database_url():
    """SQLite in the data folder; a module whose tests run on each database has its own."""
    return ""


@pytest.fixture
def settings(tmp_path, database_url):
    return Settings(
        database_url=database_url,
        data=tmp_path / "data",
        sandbox="process",
        workers=0,
        sign_ins_per_minute=10000,
        uploads_per_minute=10000,
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An empty SQLite database with all tables, to copy: migrating takes a while."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def hashed_password():
    return hash_password(PASSWORD)


@pytest.fixture
def app(settings, migrated):
    if not settings.database_url:
        settings.data.mkdir()
        shutil.copy(migrated, settings.data / "onebyone.sqlite3")
    application = create_app(settings)
    application.config["TESTING"] = False
    made = application.extensions["onebyone"]
    migrate(made.database)
    yield application
    made.database.close()


@pytest.fixture
def service(app):
    """Settings, database, blobs and workers (not started)."""
    return app.extensions["onebyone"]


@pytest.fixture
def address(app):
    """Of the application, served over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()
    assert not thread.is_alive()


@pytest.fixture
def standing_of(service, course):
    """A function that gives somebody's standing in the course's assignment."""

    def find(login="sam"):
        with service.database.reading() as rows:
            return rows.get(Standing, (course.assignment_id, course.people[login].id))

    return find


@pytest.fixture
def course(service, hashed_password):
    """A course with one of each: ids and slugs. Everybody's password is `PASSWORD`."""
    with service.database.writing() as rows:
        version = Version(
            slug="dense",
            label="1",
            sha256="a" * 64,
            title="Dense layers",
            module="layers.py",
            max_score=10.0,
            points={"values": 10.0},
            checks=CHECKS,
            record={"proved": True},
        )
        rows.add(version)
        made = create_course(rows, None, "dl", "Deep Learning", time_zone="Europe/Berlin")
        people = {}
        for login, role in (
            ("ines", Role.INSTRUCTOR),
            ("anna", Role.ASSISTANT),
            ("sam", Role.STUDENT),
            ("tess", Role.STUDENT),
        ):
            user = create_user(rows, login, f"{login.title()} Example")
            user.password_hash = hashed_password
            enrol(rows, made.id, user.id, role, "A")
            people[login] = user
        people["otto"] = create_user(rows, "otto", "Otto Outside")
        people["otto"].password_hash = hashed_password
        people["root"] = create_user(rows, "root", "Root Admin", is_admin=True)
        people["root"].password_hash = hashed_password
        rows.flush()
        assignment = set_assignment(rows, None, made.id, version.id)
        assignment.opens_at = now() - timedelta(days=1)
        assignment.due_at = now() + timedelta(days=1)
    return SimpleNamespace(
        id=made.id,
        slug="dl",
        assignment="dense",
        assignment_id=assignment.id,
        version_id=version.id,
        people=people,
    )


@pytest.fixture
def client_of(app, course):
    """A function that signs somebody in by the form, and gives their browser."""

    def sign_in(login):
        client = Browser(app.test_client())
        if login is not None:
            answer = client.post("/sign-in", login=login, password=PASSWORD)
            assert answer.status_code == 302, answer.text
        return client

    return sign_in


class Browser:
    """A test client whose forms carry the CSRF token, as a page's would."""

    def __init__(self, client):
        self.client = client
        self._token = None

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, path, files=None, **fields):
        if self._token is None or path == "/sign-in":
            page = self.client.get("/sign-in").text
            self._token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
        data = {"csrf_token": self._token, **fields}
        for name, uploads in (files or {}).items():
            data[name] = [(io.BytesIO(content), filename) for filename, content in uploads]
        answer = self.client.post(path, data=data)
        if path == "/sign-in":
            self._token = None
        return answer


def receive_from(service, person, course, assignment, upload):
    """As the pages do, for whoever hands in."""
    with service.database.reading() as rows:
        place = enter(rows, person, course)
    return receive(service.database, service.blobs, place, assignment, upload)


@pytest.fixture
def hand_in(service, course):
    """A function that hands in for somebody; nothing is graded yet."""

    def submit(login="sam", code=b"class Dense: ...\n", key=None):
        upload = Upload([("layers.py", code)], "web", key=key)
        return receive_from(service, course.people[login], course.slug, course.assignment, upload)

    return submit


@pytest.fixture
def finish(service):
    """A function that records a result for a submission's newest attempt."""

    def record(submission, *passed, hint=None, checks=CHECKS):
        report = report_of(submission, passed, hint=hint, checks=checks)
        with service.database.writing() as rows:
            attempt = (
                rows.query(Attempt)
                .filter_by(submission_id=submission.id)
                .order_by(Attempt.epoch.desc())
                .first()
            )
            assert record_report(rows, attempt.id, report)
        return report

    return record


def report_of(submission, passed=(), *, hint=None, checks=CHECKS, seed=1):
    """A report in which the checks passed whose places are given."""
    results = tuple(
        CheckResult(
            id=check["id"],
            title=check["title"],
            group=check["group"],
            status=Status.PASSED if place in passed else Status.FAILED,
            points=check["points"] if place in passed else 0.0,
            max_points=check["points"],
            visibility=Visibility(check["visibility"]),
            message=None if place in passed else "What comes out is wrong.",
            hint=ReportHint(hint, "Did you forget the bias?")
            if hint and place not in passed
            else None,
        )
        for place, check in enumerate(checks)
    )
    points = {}
    for check in checks:
        points[check["group"]] = points.get(check["group"], 0.0) + check["points"]
    groups = score_groups(results, points)
    return Report(
        outcome=Outcome.GRADED,
        message=None,
        failure=None,
        score=sum(g.score for g in groups),
        max_score=sum(g.max_score for g in groups),
        groups=groups,
        checks=results,
        seed=seed,
        durations={"total": 1.0},
        submission={"sha256": submission.sha256, "files": dict(submission.files)},
        assignment={"slug": "dense", "version": "1", "sha256": "a" * 64},
        grader_version="0.1.0",
        versions={"python": "3.11", "numpy": "2", "pytest": "9", "hypothesis": "6"},
        sandbox={"kind": "process", "image_digest": None, "isolation": "none", "limits": {}},
    )
