"""What staff of a course do by program."""

import pytest

from web.courses.models import CourseAssignment, Version
from web.database import now
from web.grading import queue
from web.grading.models import Attempt

from .conftest import is_problem


@pytest.fixture
def ines(program_of):
    return program_of("ines")


@pytest.fixture
def another_version(service):
    with service.database.writing() as rows:
        version = Version(
            slug="relu",
            label="2",
            sha256="b" * 64,
            title="ReLU",
            module="layers.py",
            max_score=5.0,
            points={"values": 5.0},
            checks=[],
            record={},
        )
        rows.add(version)
    return version


def test_an_instructor_sets_an_assignment_that_students_do_not_see_yet(
    ines, program_of, another_version, service
):
    listed = ines.get("/courses/dl/versions").get_json()["versions"]
    assert [each["slug"] for each in listed] == ["relu", "dense"]
    answer = ines.post("/courses/dl/assignments", json={"version_id": listed[0]["id"]})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/courses/dl/assignments/relu"
    assert ines.get("/courses/dl/assignments/relu").status_code == 200
    is_problem(program_of("sam").get("/courses/dl/assignments/relu"), 404)
    again = ines.post("/courses/dl/assignments", json={"version_id": listed[0]["id"]})
    is_problem(again, 409)
    acts = ines.get("/courses/dl/audit").get_json()["acts"]
    assert [(act["actor"], act["verb"], act["subject"]) for act in acts[:1]] == [
        ("ines", "set assignment", "relu")
    ]


@pytest.mark.parametrize(
    ("options", "status", "field"),
    [
        ({"json": {"version_id": 0}}, 422, "version_id"),
        ({"json": {"version_id": 10**30}}, 422, "version_id"),
        ({"json": {"version_id": "one"}}, 422, "version_id"),
        ({"json": {}}, 422, "version_id"),
        ({"json": {"version_id": 1, "more": 1}}, 422, "more"),
        ({"json": []}, 422, ""),
        ({"json": {"version_id": 2**31 - 1}}, 404, None),
        ({"data": "{", "content_type": "application/json"}, 400, None),
        ({"data": "[" * 100000, "content_type": "application/json"}, 400, None),
        ({"data": b"\xff", "content_type": "application/json"}, 400, None),
        ({"data": "", "content_type": "application/json"}, 400, None),
        ({"data": '{"version_id": 1}', "content_type": "text/plain"}, 415, None),
        ({"data": {"version_id": 1}}, 415, None),
    ],
)
def test_a_body_that_is_not_as_described_changes_nothing(ines, service, options, status, field):
    problem = is_problem(ines.post("/courses/dl/assignments", **options), status)
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field]
    with service.database.reading() as rows:
        assert rows.query(CourseAssignment).count() == 1


def test_staff_see_who_is_in_the_course(program_of):
    found = program_of("anna").get("/courses/dl/members").get_json()["members"]
    assert [(each["login"], each["role"]) for each in found] == [
        ("anna", "assistant"),
        ("ines", "instructor"),
        ("sam", "student"),
        ("tess", "student"),
    ]


def test_staff_see_what_a_student_handed_in_with_scores_that_are_held(
    program_of, hand_in, finish, service, course
):
    submission = hand_in()
    finish(submission, 0)
    with service.database.writing() as rows:
        rows.get(CourseAssignment, course.assignment_id).held = True
    path = "/courses/dl/assignments/dense/students/{}/submissions"
    found = program_of("anna").get(path.format("sam")).get_json()["submissions"]
    assert [(each["receipt"], each["score"]) for each in found] == [(submission.receipt, 6.0)]
    assert program_of("anna").get(path.format("tess")).get_json()["submissions"] == []
    is_problem(program_of("anna").get(path.format("otto")), 404)


def test_the_audit_log_comes_by_the_page_and_of_this_course_only(ines, service, course):
    from web.audit import log_act

    with service.database.writing() as rows:
        for n in range(4):
            log_act(rows, None, "probe", f"n {n}", course_id=course.id)
        log_act(rows, None, "elsewhere", "n")
    seen, cursor = [], ""
    while cursor is not None:
        page = ines.get(f"/courses/dl/audit?limit=3&cursor={cursor}").get_json()
        assert len(page["acts"]) <= 3
        seen += [act["subject"] for act in page["acts"]]
        cursor = page["next"]
    assert seen[:4] == ["n 3", "n 2", "n 1", "n 0"]
    assert "n" not in seen
    is_problem(ines.get("/courses/dl/audit?cursor=0"), 422)
    assert ines.get("/courses/dl/audit?cursor=9999999999").status_code == 200


def test_what_waits_for_a_person_is_seen_with_its_fault_and_tried_again(
    program_of, hand_in, service
):
    submission = hand_in()
    hand_in("tess")
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        queue.put_off(rows, order.attempt_id, "here-1", "engine gone", most_tries=1, lasting=True)
    anna = program_of("anna")
    found = anna.get("/courses/dl/queue").get_json()
    assert [(each["login"], each["state"], each["fault"]) for each in found["gradings"]] == [
        ("sam", "waiting", "engine gone"),
        ("tess", "queued", None),
    ]
    assert (found["gradings"][1]["place"], found["more"], found["paused"]) == (1, 0, None)
    path = f"/submissions/{submission.receipt}/try-again"
    assert anna.post(path).status_code == 200
    with service.database.reading() as rows:
        assert rows.get(Attempt, order.attempt_id).state == "queued"
    is_problem(anna.post(path), 409)
    is_problem(program_of("sam").post(path), 404)


def test_who_left_a_course_is_still_listed_and_told_so(program_of, service, course):
    from web.courses.models import Enrolment

    with service.database.writing() as rows:
        rows.query(Enrolment).filter_by(user_id=course.people["tess"].id).one().dropped_at = now()
    found = program_of("ines").get("/courses/dl/members").get_json()["members"]
    assert [each["login"] for each in found if each["dropped_at"]] == ["tess"]
