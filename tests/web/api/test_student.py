"""What a student does by program."""

import io
import zipfile
from datetime import timedelta

import pytest

from web.courses.models import CourseAssignment, Extension
from web.database import now
from web.grading import queue
from web.grading.models import Attempt
from web.grading.progress import Told, tell
from web.grading.versions import bundle_path
from web.submissions.models import Submission

from .conftest import is_problem

HANDED_IN = "/courses/dl/assignments/dense/submissions"


@pytest.fixture
def sam(program_of):
    return program_of("sam")


@pytest.fixture
def change(service, course):
    """A function that sets fields of the assignment."""

    def apply(**values):
        with service.database.writing() as rows:
            assignment = rows.get(CourseAssignment, course.assignment_id)
            for name, value in values.items():
                setattr(assignment, name, value)

    return apply


def test_a_token_says_whom_it_stands_for_and_what_for(program_of):
    answer = program_of("sam", "read", "submit").get("/me").get_json()
    assert answer["login"] == "sam"
    assert answer["scopes"] == ["read", "submit"]
    assert not answer["is_admin"]


def test_one_sees_ones_own_courses_only(program_of):
    mine = program_of("anna").get("/courses").get_json()["courses"]
    assert [(each["slug"], each["role"]) for each in mine] == [("dl", "assistant")]
    assert program_of("otto").get("/courses").get_json() == {"courses": []}


def test_assignments_are_listed_once_they_are_open(program_of, change):
    change(opens_at=None)
    listed = {
        login: program_of(login).get("/courses/dl/assignments").get_json()["assignments"]
        for login in ("sam", "anna")
    }
    assert listed["sam"] == []
    assert [each["slug"] for each in listed["anna"]] == ["dense"]
    is_problem(program_of("sam").get("/courses/dl/assignments/dense"), 404)


def test_an_assignment_tells_ones_own_deadline_and_what_room_is_left(
    sam, program_of, service, course, change, hand_in
):
    change(attempts=3)
    later = now() + timedelta(days=3)
    with service.database.writing() as rows:
        rows.add(
            Extension(
                assignment_id=course.assignment_id,
                user_id=course.people["sam"].id,
                due_at=later,
                reason="ill",
                actor_id=course.people["ines"].id,
            )
        )
    hand_in("sam")
    mine = sam.get("/courses/dl/assignments/dense").get_json()
    theirs = program_of("tess").get("/courses/dl/assignments/dense").get_json()
    assert mine["extended"]
    assert mine["due_at"][:16] == f"{later:%Y-%m-%dT%H:%M}"
    assert not theirs["extended"]
    assert (mine["room"]["left"], theirs["room"]["left"]) == (2, 3)
    assert [check["title"] for check in mine["checks"]] == ["One.", "Two."]
    assert mine["points"] == {"values": 10.0}
    assert (mine["standing"]["status"], theirs["standing"]) == ("pending", None)


def test_the_template_comes_as_a_zip(sam, service):
    is_problem(sam.get("/courses/dl/assignments/dense/template.zip"), 404)
    path = bundle_path(service.settings.data, "a" * 64)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK of a template")
    answer = sam.get("/courses/dl/assignments/dense/template.zip")
    assert answer.data == b"PK of a template"
    assert answer.content_type == "application/zip"
    assert "dense.zip" in answer.headers["Content-Disposition"]


def test_handing_in_gives_a_receipt_that_leads_to_the_submission(sam, service):
    answer = sam.hand_in()
    assert answer.status_code == 201
    receipt = answer.get_json()
    location = answer.headers["Location"]
    assert location == f"/api/v1/submissions/{receipt['receipt']}"
    found = sam.get(location.removeprefix("/api/v1")).get_json()
    assert found["sha256"] == receipt["sha256"]
    assert found["received_at"] == receipt["received_at"]
    assert (found["state"], found["place"], found["files"]) == ("queued", 1, {"layers.py": 17})
    assert (found["course"], found["assignment"], found["login"]) == ("dl", "dense", "sam")
    with service.database.reading() as rows:
        assert rows.query(Submission).one().source == "api"


def test_the_command_line_is_known_by_its_name(sam, service):
    sam.hand_in(agent="grader/0.1.0")
    with service.database.reading() as rows:
        assert rows.query(Submission).one().source == "cli"


def test_the_same_key_gives_the_same_submission(sam, service):
    first, second = sam.hand_in(key="k1"), sam.hand_in(key="k1")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()
    assert sam.hand_in(key="k2").get_json()["receipt"] != first.get_json()["receipt"]
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 2


def test_a_key_is_not_used_for_other_files(sam, service):
    sam.hand_in(key="k1")
    problem = is_problem(sam.hand_in(("layers.py", b"other = 1\n"), key="k1"), 409)
    assert "another key" in problem["detail"]
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 1


def test_a_key_is_ones_own(sam, program_of):
    mine = sam.hand_in(key="k1")
    theirs = program_of("tess").hand_in(key="k1")
    assert theirs.status_code == 201
    assert mine.get_json()["receipt"] != theirs.get_json()["receipt"]


@pytest.mark.parametrize("key", ["x" * 81])
def test_an_odd_key_is_refused(sam, key):
    is_problem(sam.hand_in(key=key), 422)


@pytest.mark.parametrize(
    "files",
    [
        [("../layers.py", b""), ("layers.py", b"")],
        [("other.zip", b"PK\x03\x04 broken")],
        [("a.py", b""), ("b.py", b"")],
        [("layers.exe", b"MZ")],
        [("a\x00.py", b""), ("layers.py", b"")],
        [("x" * 5000 + ".py", b""), ("layers.py", b"")],
    ],
    ids=["outside", "broken", "no module", "no code", "nul", "long"],
)
def test_what_cannot_be_graded_is_refused_with_plain_words(sam, service, files):
    is_problem(sam.hand_in(*files), 422)
    with service.database.reading() as rows:
        assert rows.query(Submission).count() == 0


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": {"files": "text"}}, 415),
        ({"json": {"files": []}}, 415),
        ({"data": {"other": (io.BytesIO(b"x"), "layers.py")}}, 422),
        ({"data": b"--x", "content_type": "multipart/form-data; boundary=x"}, 422),
        ({"data": b"", "content_type": "multipart/form-data"}, 422),
    ],
)
def test_an_upload_of_another_form_is_refused(sam, options, status):
    is_problem(sam.post(HANDED_IN, **options), status)


def test_too_large_an_upload_is_refused(sam, service):
    big = b"#" * (service.settings.upload_bytes + 1)
    form = "multipart/form-data; boundary=x"
    problem = is_problem(sam.post(HANDED_IN, data=big, content_type=form), 413)
    assert "8192 KiB" in problem["detail"]


def test_limits_and_deadlines_hold_for_programs_too(sam, change):
    change(attempts=1)
    assert sam.hand_in().status_code == 201
    is_problem(sam.hand_in(), 429)
    change(attempts=None, due_at=now() - timedelta(2), closes_at=now() - timedelta(1))
    is_problem(sam.hand_in(), 409)


def test_ones_submissions_come_by_the_page_newest_first(sam, hand_in):
    mine = [hand_in("sam", f"n = {n}\n".encode()).receipt for n in range(5)]
    hand_in("tess")
    seen, cursor = [], ""
    for _ in range(3):
        page = sam.get(f"{HANDED_IN}?limit=2&cursor={cursor}").get_json()
        seen += [each["receipt"] for each in page["submissions"]]
        cursor = page["next"]
    assert seen == mine[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=none", "cursor=%00", "limit=1&limit=2"]
)
def test_an_odd_page_is_refused(sam, query):
    is_problem(sam.get(f"{HANDED_IN}?{query}"), 422)


def test_an_unknown_word_in_the_query_is_named(sam):
    problem = is_problem(sam.get(f"{HANDED_IN}?pages=2"), 422)
    assert [error["field"] for error in problem["errors"]] == ["pages"]


def test_a_cursor_of_somebody_else_leads_nowhere(sam, hand_in):
    is_problem(sam.get(f"{HANDED_IN}?cursor={hand_in('tess').receipt}"), 422)


def test_a_grading_can_be_watched_but_not_while_scores_are_held(sam, hand_in, service, change):
    submission = hand_in()
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        checks = [{"id": "a", "title": "One.", "status": "passed"}]
        tell(rows, Told(order.attempt_id, "here-1", "grading", checks, 2), 60)
    found = sam.get(f"/submissions/{submission.receipt}").get_json()
    assert (found["state"], found["phase"], found["place"]) == ("running", "grading", None)
    assert found["checks"] == [{"title": "One.", "status": "passed"}]
    assert found["checks_total"] == 2
    change(held=True)
    assert sam.get(f"/submissions/{submission.receipt}").get_json()["checks"] == []


def test_a_fault_of_ours_is_told_as_waiting_and_nothing_more(sam, hand_in, service):
    submission = hand_in()
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        queue.put_off(rows, order.attempt_id, "here-1", "secret", most_tries=1, lasting=True)
        assert rows.query(Attempt).one().fault == "secret"
    answer = sam.get(f"/submissions/{submission.receipt}")
    assert answer.get_json()["state"] == "waiting"
    assert "secret" not in answer.text


def test_a_report_is_there_once_it_is_graded(sam, hand_in, finish):
    submission = hand_in()
    is_problem(sam.get(f"/submissions/{submission.receipt}/report"), 409)
    finish(submission, 0)
    report = sam.get(f"/submissions/{submission.receipt}/report").get_json()
    assert report["score"] == 6.0
    found = sam.get(f"/submissions/{submission.receipt}").get_json()
    assert (found["state"], found["score"], found["max_score"]) == ("done", 6.0, 10.0)


def test_of_a_hidden_check_students_see_title_and_points_and_staff_all(
    sam, program_of, hand_in, finish
):
    submission = hand_in()
    finish(submission)
    path = f"/submissions/{submission.receipt}/report"
    mine, staff = sam.get(path).get_json(), program_of("anna").get(path).get_json()
    assert mine["checks"][0]["message"] == staff["checks"][0]["message"]
    assert mine["checks"][1]["message"] == "This check is hidden."
    assert staff["checks"][1]["message"] == "What comes out is wrong."


def test_held_scores_are_nowhere(sam, program_of, hand_in, finish, change):
    change(held=True)
    submission = hand_in()
    finish(submission, 0, 1)
    answers = [
        sam.get(f"/submissions/{submission.receipt}"),
        sam.get(HANDED_IN),
        sam.get("/courses/dl/assignments"),
        sam.get("/courses/dl/assignments/dense"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert '"score":10' not in answer.text
        assert '"score":null' in answer.text
    is_problem(sam.get(f"/submissions/{submission.receipt}/report"), 409)
    staff = program_of("ines").get(f"/submissions/{submission.receipt}").get_json()
    assert staff["score"] == 10.0
    change(released_at=now())
    assert sam.get(f"/submissions/{submission.receipt}").get_json()["score"] == 10.0


def test_what_was_handed_in_comes_back(sam, program_of):
    receipt = sam.hand_in().get_json()["receipt"]
    answer = sam.get(f"/submissions/{receipt}/files.zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.read("submission/layers.py") == b"class Dense: ...\n"
    for login in ("tess", "otto"):
        is_problem(program_of(login).get(f"/submissions/{receipt}/files.zip"), 404)


def test_one_chooses_which_submission_counts_where_one_may(
    sam, program_of, hand_in, finish, change
):
    first, second = hand_in(), hand_in("sam", b"n = 2\n")
    finish(first, 0)
    finish(second, 0, 1)
    path = f"/submissions/{first.receipt}/choose"
    is_problem(sam.post(path), 409)
    change(counts="chosen")
    assert sam.post(path).status_code == 200
    standing = sam.get("/courses/dl/assignments/dense").get_json()["standing"]
    assert (standing["receipt"], standing["score"]) == (first.receipt, 6.0)
    is_problem(program_of("anna").post(path), 409)
