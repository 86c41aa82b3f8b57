"""A student's whole path: by keyboard only, by dropping files, without JavaScript, and live."""

from dataclasses import replace
from datetime import timedelta

import pytest

from web.accounts.passwords import hash_password
from web.accounts.services import create_user
from web.courses.models import Role
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.grading.versions import add_version
from web.submissions.models import Submission

from ..conftest import PASSWORD
from ..doubling import write_doubling
from .conftest import sign_in
from .looks import focus_is_visible
from .walks import MODULE, learn

ASSIGNMENT = "/courses/dl/assignments/dense/"
PREVIEW = "Look at it first"


def tab_to(page, name):
    """Press Tab until the focus is on what is called so; each stop on the way must be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        called = focused.get_attribute("aria-label") or focused.inner_text().strip()
        if focused.evaluate("e => e.tagName") == "INPUT":
            called = focused.evaluate("e => e.labels[0]?.innerText.trim() ?? ''")
        assert focus_is_visible(page), f"the focus on {called!r} is not visible"
        if called.startswith(name):
            return focused
    raise AssertionError(f"Tab never comes to {name!r}")


def press(page, name):
    """Activate what is called so, and wait for the page it leads to."""
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def receipt_on(page):
    return page.locator("h1").inner_text().removeprefix("Submission ")


def test_the_keyboard_is_enough(open_page, course, service, finish):
    page = open_page()
    page.goto("/sign-in")
    assert page.locator(":focus").get_attribute("name") == "login"
    page.keyboard.type("sam")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    press(page, "Deep Learning")
    press(page, "Dense layers")
    tab_to(page, "Your layers.py").set_input_files(MODULE)
    assert page.locator("#chosen").inner_text() == "Chosen: layers.py"
    press(page, PREVIEW)
    assert page.locator("h1").inner_text() == "What was received"
    assert "class Dense" in page.locator("main").inner_text()
    press(page, "Hand in")
    assert page.locator("h2").first.inner_text() == "In the queue"
    with service.database.reading() as rows:
        submission = rows.query(Submission).filter_by(receipt=receipt_on(page)).one()
    finish(submission, 0)
    page.get_by_role("heading", name="6 of 10 points").wait_for()
    press(page, "Dense layers")
    assert "6 of 10" in page.locator("main").inner_text()
    press(page, "Sign out")
    assert page.get_by_role("button", name="Sign in").is_visible()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(open_page, course):
    page = open_page()
    sign_in(page, "sam")
    page.goto(ASSIGNMENT)
    link = tab_to(page, "Skip to content")
    assert link.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") == "main"


DROP = """async (form) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["class Dense: ...\\n"], "layers.py"));
    transfer.items.add(new File(["Thanks.\\n"], "notes.txt"));
    const event = {dataTransfer: transfer, bubbles: true, cancelable: true};
    for (const name of ["dragenter", "dragover", "drop"]) {
        form.dispatchEvent(new DragEvent(name, event));
    }
}"""


def test_files_are_dropped_on_the_form(open_page, course):
    page = open_page()
    sign_in(page, "sam")
    page.goto(ASSIGNMENT)
    page.locator("#upload").evaluate(DROP)
    page.get_by_text("Chosen: layers.py, notes.txt").wait_for()
    page.get_by_role("button", name=PREVIEW).click()
    received = page.get_by_role("rowheader").all_inner_texts()
    assert received == ["layers.py", "notes.txt"]


def test_nothing_needs_javascript(open_page, course, service, finish):
    page = open_page(javascript=False)
    sign_in(page, "sam")
    page.get_by_role("main").get_by_role("link", name="Deep Learning").click()
    page.get_by_role("link", name="Dense layers").click()
    page.set_input_files("#files", MODULE)
    page.get_by_role("button", name=PREVIEW).click()
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("heading", name="In the queue").wait_for()
    with service.database.reading() as rows:
        submission = rows.query(Submission).filter_by(receipt=receipt_on(page)).one()
    finish(submission, 0, 1)
    page.get_by_role("heading", name="10 of 10 points").wait_for()  # the page reloads by itself


def test_what_cannot_be_graded_is_said_and_nothing_is_handed_in(open_page, course, service):
    page = open_page(width=390)
    sign_in(page, "sam")
    page.goto(ASSIGNMENT)
    page.set_input_files("#files", MODULE | {"name": "layers.exe"})
    page.get_by_role("button", name="Hand in at once").click()
    page.get_by_text("neither a .py file").wait_for()
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 0


@pytest.fixture
def settings(settings):
    return replace(settings, workers=1)


@pytest.fixture
def worked(service, tmp_path):
    """The small assignment in a course of `sam`, and a real worker that grades."""
    version = add_version(service.database, service.settings.data, write_doubling(tmp_path))
    with service.database.writing() as rows:
        made = create_course(rows, None, "two", "Twice")
        student = create_user(rows, "sam", "Sam Example")
        student.password_hash = hash_password(PASSWORD)
        enrol(rows, made.id, student.id, Role.STUDENT)
        set_assignment(rows, None, made.id, version.id).opens_at = now() - timedelta(days=1)
    service.workers.start()
    yield
    service.workers.stop()


def test_a_student_watches_learns_and_gets_it_right(open_page, worked):
    page = open_page()
    sign_in(page, "sam")
    learn(page)
