"""What people do in a browser, on whatever service the page is open at."""

import re
from datetime import timedelta

from web.database import now

from ..doubling import RIGHT, WRONG

COURSE = "/courses/two/"
ROSTER = "login,name,email,role,section\nsam,Sam Example,,student,A\ntess,Tess Example,,student,A\n"
MODULE = {"name": "layers.py", "mimeType": "text/x-python", "buffer": b"class Dense: ...\n"}


def go(page, link):
    page.get_by_role("navigation", name="For staff").get_by_role("link", name=link).click()


def local(moment):
    """As a field of dates takes it; the course's time zone is UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M")


def import_a_roster(page):
    page.goto(COURSE)
    go(page, "Roster")
    page.get_by_label("Or paste it here").fill(ROSTER)
    page.get_by_role("button", name="Preview what changes").click()
    assert "People who join: 2" in page.locator("main").inner_text()
    page.get_by_role("button", name="Change it").click()
    assert page.get_by_text("/invitation/").count() == 2


def publish(page):
    go(page, "Settings")
    choice = page.get_by_role("combobox", name="Assignment")
    options = choice.locator("option").all_inner_texts()
    choice.select_option(label=next(option for option in options if "version 1" in option))
    page.get_by_role("button", name="Set it").click()
    page.get_by_label("Students see it from").fill(local(now() - timedelta(hours=1)))
    page.get_by_label("Due").fill(local(now() + timedelta(days=1)))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The assignment is changed.").wait_for()


def wait_for_score(page, login, score):
    for _ in range(200):
        page.goto(COURSE + f"students/{login}/")
        if score in page.get_by_role("region", name="Table of scores").inner_text():
            return
        page.wait_for_timeout(300)
    raise AssertionError(page.locator("main").inner_text())


def learn(page):
    """Hand in a mistake, watch it graded, read what it was, and get it right."""
    seen = watch(page, b"import time\n" + WRONG.replace(b"return", b"time.sleep(3.5); return"))
    said = "Being graded. Running checks: 1 of 2."  # for who cannot see
    assert any(said in words for words in seen)
    assert page.get_by_role("heading", name="0 of 3 points").is_visible()
    assert page.get_by_text("Twice is not a power.").is_visible()
    watch(page, RIGHT)
    assert page.get_by_role("heading", name="3 of 3 points").is_visible()
    page.get_by_role("link", name="Doubling").click()
    picture = page.get_by_role("img", name=re.compile("^Scores of 2 submissions: the best is 3"))
    assert picture.is_visible()


def hand_in(page, code):
    """Until there is a receipt."""
    page.goto(COURSE + "assignments/doubling/")
    page.set_input_files("#files", MODULE | {"name": "double.py", "buffer": code})
    page.get_by_role("button", name="Hand in at once").click()
    page.locator("#progress").wait_for()


def watch(page, code):
    """Hand in, and wait for the report; what was to be seen meanwhile, without a reload."""
    hand_in(page, code)
    page.evaluate("window.sameDocument = true")
    seen = []
    for _ in range(600):
        if page.get_by_role("heading", name=re.compile("of 3 points")).is_visible():
            return seen
        if (words := page.locator("main").inner_text()) not in seen:
            assert page.evaluate("!document.querySelector('#progress') || window.sameDocument")
            seen.append(words)
        page.wait_for_timeout(100)
    raise AssertionError(seen)
