"""Pages of those who teach: what they show, whom they serve, and how many queries they take."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event

from web.accounts.services import create_user
from web.courses.models import Act, CourseAssignment, Role
from web.courses.services import create_course, enrol, set_assignment
from web.database import now
from web.gradebook.models import Regrade, Standing
from web.grading import queue
from web.grading.models import Attempt
from web.grading.recorder import record_report
from web.submissions.models import Submission

from ..conftest import report_of

LOOKS = (
    "/courses/dl/class/dense/",
    "/courses/dl/gradebook/",
    "/courses/dl/students/sam/",
    "/courses/dl/queue/",
    "/courses/dl/log/",
    "/courses/dl/settings/",
    "/courses/dl/assignments/dense/settings/",
    "/courses/dl/roster",
    "/courses/dl/exports",
    "/courses/dl/exports/gradebook.csv",
    "/courses/dl/exports/scores.csv",
)


@pytest.fixture
def boss(client_of):
    return client_of("ines")


def test_the_class_at_a_glance_names_scores_checks_and_mistakes(boss, hand_in, finish):
    finish(hand_in("sam"), 1, hint="no-bias")
    hand_in("tess")
    page = boss.get("/courses/dl/class/dense/").text
    assert "2 students" in page
    assert "The mean score is 4 of 10" in page
    assert "no-bias" in page
    assert "1 queued" in page
    assert page.count('role="img"') >= 4


def test_the_gradebook_shows_what_is_not_graded_as_such_and_never_as_nought(boss, hand_in, finish):
    finish(hand_in("sam"), 0)
    hand_in("tess")
    page = boss.get("/courses/dl/gradebook/").text
    assert "not graded yet" in page
    assert re.search(r"<td>6</td>", page)
    assert not re.search(r"<td>0</td>", page)


def test_an_instructor_extends_and_overrides_with_a_reason(boss, hand_in, finish, service, course):
    finish(hand_in("sam"), 0)
    form = {"assignment": "dense", "due_at": "2099-01-02T18:00", "reason": "Was ill."}
    assert boss.post("/courses/dl/students/sam/extend", **form).status_code == 302
    form = {"assignment": "dense", "kind": "override", "score": "8,5", "comment": "Oral."}
    assert boss.post("/courses/dl/students/sam/decide", **form).status_code == 302
    page = boss.get("/courses/dl/students/sam/").text
    assert "Was ill." in page
    assert "Fri 2 Jan 2099, 18:00 CET" in page
    assert "8.5" in page
    with service.database.reading() as rows:
        standing = rows.get(Standing, (course.assignment_id, course.people["sam"].id))
    assert standing.score == 8.5
    for broken in ({**form, "comment": ""}, {**form, "score": "nan"}, {**form, "kind": "x"}):
        assert boss.post("/courses/dl/students/sam/decide", **broken).status_code == 422


def test_dates_are_typed_in_the_instructors_time_zone(boss, service, course):
    form = {
        "title": "Dense layers",
        "opens_at": "2026-01-01T00:00",
        "due_at": "2026-07-01T12:00",
        "late_percent": "10",
        "counts": "last",
        "shown:test_a.py::test_two": "after_deadline",
    }
    path = "/courses/dl/assignments/dense/settings/"
    assert boss.post(path, **form).status_code == 302
    with service.database.reading() as rows:
        found = rows.get(CourseAssignment, course.assignment_id)
    assert found.due_at.isoformat() == "2026-07-01T10:00:00+00:00"
    assert found.shown == {"test_a.py::test_two": "after_deadline"}
    assert 'value="2026-07-01T12:00"' in boss.get(path).text
    assert boss.post(path, **{**form, "due_at": "tomorrow"}).status_code == 422


def test_a_regrade_is_proposed_reviewed_and_applied(boss, hand_in, finish, service, course):
    submission = hand_in("sam")
    finish(submission, 0)
    form = {"which": "all", "version": str(course.version_id), "reason": "To see."}
    answer = boss.post("/courses/dl/assignments/dense/regrades", **form)
    page = boss.get(answer.location).text
    assert "Nothing counts yet" in page
    assert "1 grading is not done yet" in page
    assert boss.post(answer.location + "apply").status_code == 409
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        record_report(rows, order.attempt_id, report_of(submission, (0, 1)))
    page = boss.get(answer.location).text
    assert "+4" in page
    assert boss.post(answer.location + "apply").status_code == 302
    assert "It counts since" in boss.get(answer.location).text
    assert "Oral" not in page


def test_what_waits_for_a_person_is_tried_again_by_one(boss, hand_in, service, client_of):
    hand_in("sam")
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        fault = "The image <b>is gone</b>."
        queue.put_off(rows, order.attempt_id, "here-1", fault, most_tries=1, lasting=True)
    page = boss.get("/courses/dl/queue/").text
    assert "The image &lt;b&gt;is gone" in page
    path = f"/courses/dl/queue/{order.attempt_id}/try-again"
    assert client_of("anna").post(path).status_code == 403
    assert boss.post(path).status_code == 302
    assert boss.post(path).status_code == 404


def test_a_version_is_set_in_a_course_once(boss, service, course):
    with service.database.writing() as rows:
        other = create_course(rows, None, "other", "Other")
        enrol(rows, other.id, course.people["ines"].id, Role.INSTRUCTOR)
    answer = boss.post("/courses/other/assignments/", version=str(course.version_id))
    assert answer.location == "/courses/other/assignments/dense/settings/"
    assert boss.get(answer.location).status_code == 200
    again = boss.post("/courses/other/assignments/", version=str(course.version_id))
    assert again.status_code == 409
    assert boss.post("/courses/other/assignments/", version="77").status_code == 404


def test_nothing_of_another_course_is_within_reach(boss, service, course, hand_in, finish):
    with service.database.writing() as rows:
        other = create_course(rows, None, "other", "Other")
        stranger = create_user(rows, "stranger", "Stranger")
        enrol(rows, other.id, stranger.id, Role.STUDENT)
        assignment = set_assignment(rows, None, other.id, course.version_id)
        regrade = Regrade(
            assignment_id=assignment.id,
            version_id=course.version_id,
            which="all",
            reason="x",
            actor_id=stranger.id,
        )
        rows.add(regrade)
    assert boss.get("/courses/dl/students/stranger/").status_code == 404
    assert boss.get(f"/courses/dl/regrades/{regrade.id}/").status_code == 404
    assert boss.post(f"/courses/dl/regrades/{regrade.id}/drop").status_code == 404
    assert boss.get("/courses/other/gradebook/").status_code == 404


def test_assistants_look_and_change_nothing(client_of, service, course, hand_in, finish):
    finish(hand_in("sam"), 0)
    browser = client_of("anna")
    assert browser.get("/courses/dl/students/sam/").status_code == 200
    assert "Decide about a score" not in browser.get("/courses/dl/students/sam/").text
    for path in ("students/sam/extend", "students/sam/decide", "assignments/dense/release"):
        assert browser.post(f"/courses/dl/{path}").status_code == 403


def test_the_log_tells_who_did_what_and_can_be_leafed_through(boss, service, course):
    with service.database.writing() as rows:
        for number in range(120):
            rows.add(Act(course_id=course.id, verb="act", subject=f"subject {number}"))
    page = boss.get("/courses/dl/log/?verb=act").text
    assert "subject 119" in page
    assert "subject 5<" not in page
    older = re.search(r'href="([^"]+)">Older', page).group(1).replace("&amp;", "&")
    assert "subject 5<" in boss.get(older).text


@pytest.mark.parametrize("path", LOOKS)
def test_no_page_takes_more_queries_for_more_rows(path, boss, service, course, finish):
    def queries():
        statements = []
        event.listen(
            service.database.engine,
            "before_cursor_execute",
            lambda *arguments: statements.append(arguments[2]),
        )
        assert boss.get(path).status_code == 200
        return len(statements)

    def fill(start, count):
        with service.database.writing() as rows:
            for number in range(start, start + count):
                student = create_user(rows, f"u{number}", f"U {number}")
                enrol(rows, course.id, student.id, Role.STUDENT)
                submission = Submission(
                    assignment_id=course.assignment_id,
                    user_id=student.id,
                    sha256=f"{number:064}",
                    archive="0" * 64,
                    files={},
                    received_at=now() - timedelta(minutes=number),
                    source="web",
                )
                rows.add(submission)
                rows.flush()
                attempt = queue.enqueue(rows, submission.id, course.version_id)
                if number % 2:
                    record_report(rows, attempt, report_of(submission, (0,), hint="x"))

    fill(0, 4)
    few = queries()
    fill(4, 20)
    with service.database.reading() as rows:
        assert rows.query(Attempt).count() == 24
    assert queries() == few
