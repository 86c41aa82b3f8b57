"""An instructor's whole path: people, an assignment, more time, a regrade, a score, the files."""

from dataclasses import replace
from datetime import timedelta

import pytest

from web.accounts.models import User
from web.accounts.passwords import hash_password
from web.accounts.services import create_user
from web.courses.models import Role
from web.courses.services import create_course, enrol
from web.database import now
from web.grading.versions import add_version
from web.submissions.receiving import Upload

from ..conftest import PASSWORD, receive_from
from ..doubling import FILES, RIGHT, WRONG, write_doubling
from .conftest import sign_in
from .walks import COURSE, go, import_a_roster, local, publish, wait_for_score

CANVAS = (
    b"Student,ID,SIS User ID,SIS Login ID,Section,Doubling (77)\r\n"
    b"    Points Possible,,,,,3\r\n"
    b'"Example, Sam",1,sam,sam,A,\r\n'
)
CHECKS = "checks/test_values.py"
_CALL, _AT = "student.double(x)", FILES[CHECKS].rindex("student.double(x)")
MISTAKEN = FILES[CHECKS][:_AT] + "student.double(x=x)" + FILES[CHECKS][_AT + len(_CALL) :]
"""A check that asks for more than the statement does: the name of the argument."""
SAMS = RIGHT.replace(b"x", b"value")


@pytest.fixture
def settings(settings):
    return replace(settings, workers=1)


@pytest.fixture
def taught(service, tmp_path):
    """An empty course of `ines`, two versions to set in it, and a real worker."""
    for label, checks in (("1", MISTAKEN), ("2", FILES[CHECKS])):
        description = FILES["assignment.toml"].replace('version = "1"', f'version = "{label}"')
        folder = write_doubling(
            tmp_path / label, **{"assignment.toml": description, CHECKS: checks}
        )
        add_version(service.database, service.settings.data, folder)
    with service.database.writing() as rows:
        made = create_course(rows, None, "two", "Twice")
        teacher = create_user(rows, "ines", "Ines Example")
        teacher.password_hash = hash_password(PASSWORD)
        enrol(rows, made.id, teacher.id, Role.INSTRUCTOR)
    service.workers.start()
    yield
    service.workers.stop()


def field(page, heading, label):
    """A field of one of the page's sections."""
    return page.get_by_role("region", name=heading).get_by_label(label)


def hand_in(service, login, code):
    with service.database.reading() as rows:
        person = rows.query(User).filter_by(login=login).one()
    upload = Upload([("double.py", code)], "web")
    return receive_from(service, person, "two", "doubling", upload)


def download(page, click):
    with page.expect_download() as waiting:
        click()
    return waiting.value.path().read_text()


def test_an_instructor_runs_a_course(open_page, taught, service, tmp_path):
    page = open_page()
    sign_in(page, "ines")
    import_a_roster(page)
    publish(page)
    for login, code in (("sam", SAMS), ("tess", WRONG)):
        hand_in(service, login, code)
    extend(page)
    regrade(page)
    override(page)
    export(page, tmp_path)
    go(page, "Log")
    log = page.locator("main").inner_text()
    for verb in (
        *("import roster", "set assignment", "change assignment", "extend"),
        *("propose regrade", "applied regrade", "override", "export to canvas"),
    ):
        assert verb in log


def extend(page):
    page.goto(COURSE + "students/tess/")
    field(page, "Give more time", "Until").fill(local(now() + timedelta(days=3)))
    field(page, "Give more time", "Why").fill("Ill.")
    page.get_by_role("button", name="Extend").click()
    page.get_by_text("tess has more time for Doubling.").wait_for()
    assert "extended" in page.get_by_role("region", name="Table of scores").inner_text()


def regrade(page):
    wait_for_score(page, "sam", "2 of 3")
    wait_for_score(page, "tess", "0 of 3")
    page.goto(COURSE + "assignments/doubling/settings/")
    page.get_by_label("Which").select_option(label="all submissions")
    page.get_by_label("Why").fill("A check was wrong.")
    page.get_by_role("button", name="Grade anew, to look at").click()
    assert page.get_by_text("Nothing counts yet.").is_visible()
    # The page looks for itself whether the gradings are done.
    page.get_by_role("button", name="Apply").wait_for(timeout=60_000)
    assert page.locator("#moves").inner_text() == "1 score changes, 1 stays"
    assert "+1" in page.get_by_role("region", name="1 score changes").inner_text()
    wait_for_score(page, "sam", "2 of 3")
    page.go_back()
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("The regrade counts now: 1 score changed.").wait_for()
    wait_for_score(page, "sam", "3 of 3")


def override(page):
    page.goto(COURSE + "students/tess/")
    page.get_by_role("textbox", name="Score").fill("1.5")
    field(page, "Decide about a score", "Why").fill("Shown orally.")
    page.get_by_role("button", name="Decide").click()
    page.get_by_text("It is decided").wait_for()
    assert "1.5 of 3" in page.get_by_role("region", name="Table of scores").inner_text()


def export(page, tmp_path):
    go(page, "Export")
    wide = download(page, page.get_by_role("link", name="Gradebook", exact=True).last.click)
    assert "sam,Sam Example,,A,3,0" in wide
    assert "tess,Tess Example,,A,1.5,0" in wide
    given = tmp_path / "canvas.csv"
    given.write_bytes(CANVAS)
    page.set_input_files("input[type=file]", given)
    page.get_by_role("button", name="Show the changes").click()
    assert page.locator("h1").inner_text() == "What would change in Canvas"
    told = download(page, page.get_by_role("button", name="Download the changes").click)
    assert '"Example, Sam",1,sam,sam,A,3' in told
