"""`grader admin`, as an operator types it."""

import os
import subprocess
import sys

import pytest

from web.accounts.models import User
from web.accounts.services import authenticate, invited
from web.courses.models import Act, Enrolment
from web.database import Database
from web.settings import read_settings

from .doubling import write_doubling


@pytest.fixture
def admin(tmp_path):
    """A function that runs the command; gives exit status, output and errors."""

    def run(*arguments, typed="", **environment):
        done = subprocess.run(
            [sys.executable, "-m", "grader", "admin", "--data", tmp_path / "data", *arguments],
            input=typed,
            capture_output=True,
            check=False,
            text=True,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def database(tmp_path):
    opened = Database(read_settings({}, data=tmp_path / "data").url)
    yield opened
    opened.close()


def test_from_nothing_to_a_course_with_an_assignment(admin, database, tmp_path):
    assert admin("add-user", "Ada", "Ada L", "--password", typed="correct horse\n")[0] == 0
    status, out, _ = admin("add-course", "dl", "Deep Learning", "ada", "--time-zone", "Asia/Tokyo")
    assert (status, "/courses/dl/" in out) == (0, True)
    status, out, _ = admin("add-assignment", str(write_doubling(tmp_path)))
    assert (status, out.startswith("doubling 1 (")) == (0, True)
    with database.reading() as rows:
        assert authenticate(rows, "ada", "correct horse").login == "ada"
        assert rows.query(Enrolment).one().role == "instructor"
        assert "add course" in {act.verb for act in rows.query(Act)}


def test_without_a_password_there_is_an_invitation(admin, database):
    status, out, _ = admin("add-user", "bo", "Bo", "--admin")
    assert status == 0
    token = out.strip().rsplit("/", 1)[1]
    with database.reading() as rows:
        assert invited(rows, token)[1].is_admin


def test_who_is_disabled_stays_out(admin, database):
    admin("add-user", "bo", "Bo", "--password", typed="correct horse\n")
    assert admin("disable-user", "bo")[0] == 0
    with database.reading() as rows:
        assert authenticate(rows, "bo", "correct horse") is None
        assert rows.query(User).one().disabled_at is not None


@pytest.mark.parametrize(
    ("arguments", "typed", "word"),
    [
        (("add-user", "no spaces", "X"), "", "login has"),
        (("add-user", "x", " "), "", "name has"),
        (("add-user", "x", "X", "--password"), "short\n", "10 to 200"),
        (("add-course", "dl", "DL", "nobody"), "", "nobody with the login"),
        (("add-assignment", "/nonexistent"), "", "assignment.toml"),
        (("remove-old", "0"), "", "at least one day"),
        (("restore", "/nonexistent.tar"), "", "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(admin, arguments, typed, word):
    status, _, errors = admin(*arguments, typed=typed)
    assert status == 1
    assert word in errors
    assert "Traceback" not in errors


def test_a_setting_that_makes_no_sense_is_usage(admin):
    status, _, errors = admin("queue", ONEBYONE_PORT="many")
    assert status == 2
    assert "ONEBYONE_PORT must be" in errors


def test_the_queue_is_shown(admin):
    status, out, _ = admin("queue")
    assert status == 0
    assert "queued   0" in out
    assert admin("try-again")[1] == "0 queued.\n"
