"""Exports on their pages: for instructors, and to Canvas only what was looked at."""

import html
import re

import pytest

from web.courses.models import Act

HERE = "/courses/dl/exports"
CANVAS = (
    b"Student,ID,SIS User ID,SIS Login ID,Section,Dense layers (77),<b>Essay</b> (78)\r\n"
    b'"Example, Sam",1,sam,sam,A,,4\r\n'
    b'"=cmd()",2,zz,zz,A,,4\r\n'
)


@pytest.fixture
def graded(hand_in, finish):
    submission = hand_in("sam")
    finish(submission, 0)
    return submission


def preview(browser, content=CANVAS):
    return browser.post(HERE + "/canvas", files={"file": [("c.csv", content)]})


def fields(page):
    """What the form of the preview sends."""
    found = dict(re.findall(r'name="(canvas|chosen|digest)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="(\d+)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return {name: html.unescape(value) for name, value in found.items()}


@pytest.mark.parametrize("login", ["anna", "sam", "otto"])
def test_exports_are_for_instructors(client_of, login):
    browser = client_of(login)
    for path in ("", "/gradebook.csv", "/scores.csv"):
        assert browser.get(HERE + path).status_code in (403, 404)
    for path in ("/canvas", "/canvas.csv"):
        assert browser.post(HERE + path, canvas=CANVAS.decode()).status_code in (403, 404)


def test_tables_are_downloaded(client_of, graded):
    browser = client_of("ines")
    assert "Gradebook" in browser.get(HERE).text
    wide = browser.get(HERE + "/gradebook.csv")
    assert wide.headers["Content-Disposition"] == "attachment; filename=dl-gradebook.csv"
    assert wide.content_type == "text/csv; charset=utf-8"
    assert "sam,Sam Example,,A,6,0\r\n" in wide.text
    assert (
        "dl,dense,sam,Sam Example,,A,graded,6,10,6,0,0,1\r\n"
        in browser.get(HERE + "/scores.csv").text
    )


def test_canvas_is_told_what_was_looked_at(client_of, service, course, graded):
    browser = client_of("ines")
    page = preview(browser).text
    assert "1 student is matched" in page
    assert "=cmd()" in page
    assert "tess" in page
    assert "<b>Essay" not in page
    answer = browser.post(HERE + "/canvas.csv", **fields(page))
    assert answer.text == (
        "Student,ID,SIS User ID,SIS Login ID,Section,Dense layers (77)\r\n"
        "    Points Possible,,,,,10\r\n"
        '"Example, Sam",1,sam,sam,A,6\r\n'
    )
    with service.database.reading() as rows:
        assert rows.query(Act).filter_by(verb="export to canvas", course_id=course.id).count() == 1


def test_canvas_is_told_nothing_else_than_what_was_looked_at(client_of, graded, finish, hand_in):
    browser = client_of("ines")
    sent = fields(preview(browser).text)
    finish(hand_in("sam", b"class Dense: better\n"), 0, 1)
    answer = browser.post(HERE + "/canvas.csv", **sent)
    assert answer.status_code == 409
    assert "show the changes again" in answer.text


def test_the_columns_are_chosen_in_the_form(client_of, course, graded):
    browser = client_of("ines")
    sent = fields(preview(browser).text)
    key = f"column_{course.assignment_id}"
    none = browser.post(HERE + "/canvas", **(sent | {key: ""})).text
    assert "0 scores would change" in none
    other = browser.post(HERE + "/canvas", **(sent | {key: "6"})).text
    assert "<td>4</td><td><strong>6</strong></td>" in re.sub(r">\s+<", "><", other)
    assert browser.post(HERE + "/canvas", **(sent | {key: "1"})).status_code == 422


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"login\nsam\n", "no export of a Canvas gradebook"),
        (b"Student,ID,Section\n\xff", "UTF-8"),
        (b"Student,ID,Section\n\0", "Line 2"),
    ],
)
def test_a_bad_file_is_refused_in_plain_words(client_of, content, words):
    answer = preview(client_of("ines"), content)
    assert answer.status_code == 422
    assert words in answer.text


def test_no_file_is_no_fault_of_ours(client_of):
    assert client_of("ines").post(HERE + "/canvas").status_code == 422
