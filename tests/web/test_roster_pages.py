"""Who is in a course, on its pages: staff look, instructors change."""

import html
import re

import pytest

from web.accounts.models import User
from web.courses.models import Act, Enrolment

HERE = "/courses/dl/roster"
ROSTER = "login,name,email,role,section\nbo,Bo <b>B</b>,bo@x.org,student,B\nsam,,,,Z\n"


def hidden(page):
    """The hidden fields of the form that applies a preview."""
    found = re.findall(r'name="(roster|digest|drop_missing)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def member(service, course, login):
    with service.database.reading() as rows:
        return (
            rows.query(Enrolment)
            .join(User, User.id == Enrolment.user_id)
            .filter(User.login == login, Enrolment.course_id == course.id)
            .one_or_none()
        )


def test_staff_see_everybody_and_only_instructors_the_forms(client_of):
    for login, sees in (("ines", True), ("anna", False)):
        page = client_of(login).get(HERE).text
        assert "Tess Example" in page
        assert ("Import a roster" in page) is sees
        assert ("/roster/people/tess" in page) is sees
    assert client_of("sam").get(HERE).status_code == 403


@pytest.mark.parametrize("login", ["anna", "sam", "otto"])
def test_nobody_but_an_instructor_changes_anything(client_of, service, course, login):
    browser = client_of(login)
    for path in ("/preview", "/import", "/people/tess", "/people/tess/drop", "/people/tess/invite"):
        answer = browser.post(HERE + path, roster=ROSTER, role="instructor")
        assert answer.status_code in (403, 404)
    assert member(service, course, "tess").role == "student"
    assert member(service, course, "bo") is None


@pytest.mark.parametrize("way", ["file", "pasted"])
def test_a_preview_changes_nothing_and_is_then_applied(client_of, service, course, way):
    browser = client_of("ines")
    sent = (
        {"files": {"file": [("r.csv", b"\xef\xbb\xbf" + ROSTER.encode())]}}
        if way == "file"
        else {"roster": ROSTER}
    )
    page = browser.post(HERE + "/preview", drop_missing="on", **sent).text
    assert "<b>B</b>" not in page
    assert "tess, Tess Example" in page
    assert member(service, course, "bo") is None
    done = browser.post(HERE + "/import", **hidden(page))
    link = re.search(r"http://localhost(/invitation/[\w-]+)", done.text)[1]
    assert member(service, course, "bo").section == "B"
    assert member(service, course, "sam").section == "Z"
    assert member(service, course, "tess").dropped_at is not None
    assert "/invitation/" not in browser.get(HERE).text
    assert "Bo &lt;b&gt;" in client_of(None).get(link).text


def test_applying_twice_is_refused(client_of):
    browser = client_of("ines")
    fields = hidden(browser.post(HERE + "/preview", roster=ROSTER).text)
    assert browser.post(HERE + "/import", **fields).status_code == 200
    again = browser.post(HERE + "/import", **fields)
    assert again.status_code == 409
    assert "preview it again" in again.text


def test_another_file_than_the_one_that_was_previewed_is_not_applied(client_of, service, course):
    browser = client_of("ines")
    fields = hidden(browser.post(HERE + "/preview", roster=ROSTER).text)
    fields["roster"] = ROSTER.replace("student", "instructor")
    assert browser.post(HERE + "/import", **fields).status_code == 409
    assert member(service, course, "bo") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file"),
        (b"\xff\xfe\0", "UTF-8"),
        (b"login\nb\0\n", "Line 2"),
        (b"login,name\n=1,x\n<i>,x\n", "Line 3"),
    ],
    ids=["empty", "utf-16", "nul", "logins"],
)
def test_a_bad_file_is_answered_with_what_is_wrong(client_of, content, words):
    name = "r.csv" if content else ""
    answer = client_of("ines").post(HERE + "/preview", files={"file": [(name, content)]})
    assert answer.status_code == 422
    assert words in answer.text
    assert "<i>" not in answer.text


def test_one_person_is_changed_dropped_and_taken_back(client_of, service, course):
    browser = client_of("ines")
    assert 'value="student" selected' in browser.get(HERE + "/people/tess").text
    browser.post(HERE + "/people/tess", role="assistant", section="C")
    assert (member(service, course, "tess").role, member(service, course, "tess").section) == (
        "assistant",
        "C",
    )
    browser.post(HERE + "/people/tess/drop")
    assert member(service, course, "tess").dropped_at is not None
    assert client_of("tess").get("/courses/dl/").status_code == 404
    browser.post(HERE + "/people/tess", role="student", section="")
    assert client_of("tess").get("/courses/dl/").status_code == 200
    with service.database.reading() as rows:
        verbs = [act.verb for act in rows.query(Act).filter_by(subject="tess").order_by(Act.id)]
    assert [verb for verb in verbs if verb in ("change enrolment", "drop")] == [
        "change enrolment",
        "drop",
        "change enrolment",
    ]


def test_a_person_of_another_course_is_not_there(client_of):
    browser = client_of("ines")
    assert browser.get(HERE + "/people/otto").status_code == 404
    assert browser.post(HERE + "/people/otto", role="student").status_code == 404
    assert browser.post(HERE + "/people/otto/drop").status_code == 404


def test_the_last_instructor_cannot_leave(client_of, service, course):
    browser = client_of("ines")
    assert browser.post(HERE + "/people/ines/drop").status_code == 409
    assert browser.post(HERE + "/people/ines", role="student").status_code == 409
    assert browser.post(HERE + "/people/ines", role="emperor").status_code == 422
    assert member(service, course, "ines").role == "instructor"


def test_who_never_came_in_is_invited_again_and_who_did_is_not(client_of):
    browser = client_of("ines")
    browser.post(HERE + "/import", **hidden(browser.post(HERE + "/preview", roster=ROSTER).text))
    assert "/invitation/" in browser.post(HERE + "/people/bo/invite").text
    assert browser.post(HERE + "/people/sam/invite").status_code == 409
