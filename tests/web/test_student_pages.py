"""What a student sees, and what a student never sees."""

import io
import re
import zipfile
from datetime import timedelta

import pytest

from web.courses.models import CourseAssignment
from web.database import now
from web.grading.models import State
from web.submissions.models import Submission
from web.submissions.views import look_again_s

from .conftest import PASSWORD

HERE = "/courses/dl/assignments/dense/"
CODE = ("layers.py", b"class Dense: ...\n")


def change(service, course, **values):
    with service.database.writing() as rows:
        assignment = rows.get(CourseAssignment, course.assignment_id)
        for name, value in values.items():
            setattr(assignment, name, value)


def test_the_course_shows_assignments_with_deadlines_in_its_time_zone(client_of, service, course):
    page = client_of("sam").get("/courses/dl/").text
    assert "Dense layers" in page
    assert "CET" in page or "CEST" in page
    assert "You have not handed in yet" in page


def test_an_assignment_that_is_not_open_is_not_there_for_students(client_of, service, course):
    change(service, course, opens_at=now() + timedelta(hours=1))
    assert client_of("sam").get(HERE).status_code == 404
    assert "Dense layers" not in client_of("sam").get("/courses/dl/").text
    assert client_of("ines").get(HERE).status_code == 200


def test_handing_in_gives_a_receipt(client_of, service, course):
    answer = client_of("sam").post(HERE + "submissions", files={"files": [CODE]})
    assert answer.status_code == 302
    page = client_of("sam").get(answer.location).text
    with service.database.reading() as rows:
        made = rows.query(Submission).one()
    assert made.receipt in answer.location
    assert made.sha256[:12] in page
    assert "Place 1 in the queue" in page


def test_a_preview_shows_what_came_and_hands_it_in_without_the_files(client_of, service, course):
    browser = client_of("sam")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("mine/layers.py", "x = '<b>bold</b>'\n")
        file.writestr("mine/notes.txt", "hello")
    sent = {"files": [("a.zip", archive.getvalue())]}
    page = browser.post(HERE + "preview", files=sent, key="k").text
    assert "layers.py" in page
    assert "notes.txt" in page
    assert "<b>bold</b>" not in page
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 0
    token = re.search(r'name="previewed" value="([^"]+)"', page).group(1)
    first = browser.post(HERE + "submissions", previewed=token, key="k")
    again = browser.post(HERE + "submissions", previewed=token, key="k")
    assert first.location == again.location
    with service.database.reading() as rows:
        assert set(rows.query(Submission).one().files) == {"layers.py", "notes.txt"}
    stranger = client_of("tess").post(HERE + "submissions", previewed=token, key="k")
    assert stranger.status_code == 422
    assert browser.post(HERE + "submissions", previewed=token + "x", key="q").status_code == 422


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ([], "No file was chosen"),
        ([("other.py", b"x = 1\n"), ("notes.txt", b"")], "is missing"),
        ([("layers.exe", b"MZ")], "neither a .py file"),
        ([("../layers.py", b""), ("layers.py", b"")], "stay inside"),
        ([("a.zip", b"PK\x03\x04damaged")], "zip"),
    ],
)
def test_what_cannot_be_graded_is_refused_in_plain_words(client_of, files, word, service):
    browser = client_of("sam")
    for path in ("preview", "submissions"):
        answer = browser.post(HERE + path, files={"files": files})
        assert answer.status_code == 422
        assert word in answer.text
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 0


def test_after_the_close_nothing_is_taken(client_of, service, course):
    change(service, course, due_at=now() - timedelta(days=2), closes_at=now() - timedelta(days=1))
    assert "is closed" in client_of("sam").get(HERE).text
    answer = client_of("sam").post(HERE + "submissions", files={"files": [CODE]})
    assert answer.status_code == 409


def test_the_report_teaches_and_tells_nothing_of_hidden_checks(client_of, hand_in, finish):
    submission = hand_in()
    finish(submission, 0, hint="no-bias")
    page = client_of("sam").get(f"/submissions/{submission.receipt}/").text
    assert "6 of 10 points" in page
    assert "This check is hidden" in page
    assert "Did you forget the bias?" not in page  # the hint is of the hidden check
    assert "What comes out is wrong." not in page
    staff = client_of("anna").get(f"/submissions/{submission.receipt}/").text
    assert "Did you forget the bias?" in staff
    assert "Sam Example" in staff


def test_a_hint_of_a_public_check_is_shown(client_of, hand_in, finish):
    submission = hand_in()
    finish(submission, 1, hint="no-bias")
    page = client_of("sam").get(f"/submissions/{submission.receipt}/").text
    assert "Did you forget the bias?" in page
    assert "What comes out is wrong." in page


def test_while_scores_are_held_no_page_has_one(client_of, hand_in, finish, service, course):
    change(service, course, held=True)
    submission = hand_in()
    finish(submission, 0)
    browser = client_of("sam")
    for path in ("/courses/dl/", HERE, f"/submissions/{submission.receipt}/"):
        page = browser.get(path).text
        assert "6 of 10" not in page
        assert "not shown yet" in page
    change(service, course, released_at=now() - timedelta(seconds=1))
    assert "6 of 10" in browser.get("/courses/dl/").text


def test_others_see_nothing_of_a_submission(client_of, hand_in, finish):
    submission = hand_in()
    finish(submission, 0)
    for login in ("tess", "otto", "root"):
        for part in ("", "progress", "files.zip", "receipt.txt"):
            answer = client_of(login).get(f"/submissions/{submission.receipt}/{part}")
            assert answer.status_code == 404


def test_progress_is_sent_again_only_when_it_changed_and_ends(client_of, hand_in, finish):
    submission = hand_in()
    browser = client_of("sam")
    path = f"/submissions/{submission.receipt}/progress"
    first = browser.get(path)
    assert "Place 1" in first.text
    same = browser.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    finish(submission, 0)
    last = browser.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert last.headers["HX-Redirect"] == f"/submissions/{submission.receipt}/"


@pytest.mark.parametrize(
    ("state", "ahead", "seconds"),
    [
        (State.RUNNING, None, 0.5),
        (State.QUEUED, None, 0.5),
        (State.QUEUED, 1, 1.0),
        (State.QUEUED, 7, 7.0),
        (State.QUEUED, 300, 15.0),
        (State.WAITING, None, 15.0),
    ],
)
def test_who_waits_long_looks_again_less_often(state, ahead, seconds):
    assert look_again_s(state, ahead) == seconds


def test_the_page_looks_again_when_it_is_told_to(client_of, hand_in):
    page = client_of("sam").get(f"/submissions/{hand_in().receipt}/").text
    assert re.findall(r'hx-trigger="([^"]*)"', page) == ["every 1s"]


def test_what_a_student_wrote_is_text(client_of, hand_in, finish):
    code = b"# </pre><script>alert(1)</script>\n'''<img src=x onerror=alert(1)>'''\n"
    submission = hand_in(code=code)
    finish(submission, 0)
    page = client_of("anna").get(f"/submissions/{submission.receipt}/").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_a_student_chooses_what_counts(client_of, hand_in, finish, service, course):
    change(service, course, counts="chosen")
    first, second = hand_in(), hand_in(code=b"x = 1\n")
    finish(first, 0)
    finish(second, 1)
    browser = client_of("sam")
    assert "4 of 10" in browser.get("/courses/dl/").text
    assert browser.post(f"/submissions/{first.receipt}/choose").status_code == 302
    assert "6 of 10" in browser.get("/courses/dl/").text
    change(service, course, counts="best")
    assert browser.post(f"/submissions/{second.receipt}/choose").status_code == 409


def test_the_receipt_and_the_files_can_be_kept(client_of, hand_in):
    submission = hand_in()
    browser = client_of("sam")
    text = browser.get(f"/submissions/{submission.receipt}/receipt.txt").text
    assert submission.sha256 in text
    assert submission.received_at.isoformat() in text
    content = browser.get(f"/submissions/{submission.receipt}/files.zip").data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("submission/layers.py") == b"class Dense: ...\n"


def test_the_report_folds_what_passed_and_shows_what_did_not(client_of, hand_in, finish):
    submission = hand_in()
    finish(submission, 1)
    page = client_of("sam").get(f"/submissions/{submission.receipt}/").text
    group = page[page.index('id="group-1"') : page.index('id="code"')]
    shown, folded = group.split("<details>")
    assert "One." in shown
    assert "failed" in shown
    assert "1 check passed" in folded
    assert "Two." in folded


def test_the_statement_does_not_repeat_the_title(client_of, service, course):
    folder = service.settings.data / "assignments" / ("a" * 64) / "dense"
    folder.mkdir(parents=True)
    (folder / "statement.md").write_text("# Dense layers\n\nWrite one.\n")
    page = client_of("sam").get(HERE).text
    assert re.findall("<h[1-6][^>]*>Dense layers", page) == ["<h1>Dense layers"]
    assert "<p>Write one.</p>" in page


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/141.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("<b>", "A browser"),
    ],
)
def test_where_one_is_signed_in_is_said_in_plain_words(client_of, agent, words):
    browser = client_of(None)
    browser.client.environ_base["HTTP_USER_AGENT"] = agent
    browser.post("/sign-in", login="sam", password=PASSWORD)
    assert words in browser.get("/account").text
