"""What instructors do by program: the same acts as on the pages, with the same rules."""

import pytest

from web.courses.models import Act, CourseAssignment, Enrolment, Extension, Version
from web.courses.services import create_course
from web.gradebook.models import Regrade, ScoreDecision
from web.grading import queue
from web.grading.recorder import record_report

from ..conftest import report_of
from .conftest import is_problem

SETTINGS = "/courses/dl/assignments/dense/settings"
SAM = "/courses/dl/assignments/dense/students/sam"
REGRADES = "/courses/dl/assignments/dense/regrades"
ROSTER = "login,name,section\nsam,Sam Example,B\nnora,Nora New,A\n"
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Dense layers (77),Essay (78)\r\n"
    '"Example, Sam",1,sam,sam,A,,4\r\n'
    '"Other, Zoe",2,zz,zz,A,,4\r\n'
)


@pytest.fixture
def ines(program_of):
    return program_of("ines")


@pytest.fixture
def graded(hand_in, finish):
    submission = hand_in("sam")
    finish(submission, 0)
    return submission


def newest_act(service):
    with service.database.reading() as rows:
        act = rows.query(Act).order_by(Act.id.desc()).first()
        return act.verb, act.subject, act.details


def test_the_course_is_set(ines, service):
    assert ines.get("/courses/dl/settings").get_json()["grace_days"] == 0
    wanted = {"title": "Deep  learning", "time_zone": "Europe/Berlin", "grace_days": 3}
    answer = ines.put("/courses/dl/settings", json=wanted)
    assert answer.get_json() == {**wanted, "title": "Deep learning"}
    assert ines.get("/courses/dl/settings").get_json() == answer.get_json()
    assert newest_act(service)[:2] == ("change course", "dl")


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Mars/Olympus"},
        {"grace_days": 366},
        {"grace_days": True},
        {"title": " "},
        {"title": "a\0b"},
        {"more": 1},
    ],
)
def test_a_course_is_not_set_to_what_makes_no_sense(ines, change):
    before = ines.get("/courses/dl/settings").get_json()
    is_problem(ines.put("/courses/dl/settings", json={**before, **change}), 422)
    assert ines.get("/courses/dl/settings").get_json() == before


def test_an_assignment_is_set_and_what_is_told_can_be_sent_back(ines, service, course):
    wanted = {
        **ines.get(SETTINGS).get_json(),
        "due_at": "2026-12-24T18:00:00+01:00",
        "closes_at": "2026-12-26T00:00:00Z",
        "late_percent": 10.0,
        "counts": "last",
        "held": True,
        "shown": {"test_a.py::test_two": "after_deadline"},
    }
    answer = ines.put(SETTINGS, json=wanted)
    assert answer.status_code == 200
    assert answer.get_json()["due_at"] == "2026-12-24T17:00:00Z"
    assert ines.put(SETTINGS, json=answer.get_json()).get_json() == answer.get_json()
    with service.database.reading() as rows:
        found = rows.get(CourseAssignment, course.assignment_id)
        assert (found.counts, found.held, found.late_percent) == ("last", True, 10.0)
        assert rows.query(Act).filter_by(verb="change assignment").count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"due_at": "2026-12-24T18:00:00"},
        {"due_at": "0001-01-01T00:00:00+14:00"},
        {"due_at": "9999-12-31T23:59:59-14:00"},
        {"due_at": 1_800_000_000},
        {"closes_at": "2026-12-24T18:00:00Z"},
        {"late_percent": 101},
        {"attempts": 0},
        {"attempts": 1.5},
        {"window_attempts": 3},
        {"counts": "first"},
        {"shown": {"test_a.py::test_none": "public"}},
        {"shown": {"test_a.py::test_two": "secret"}},
        {"slug": "other"},
    ],
)
def test_an_assignment_is_not_set_to_what_makes_no_sense(ines, change):
    before = {**ines.get(SETTINGS).get_json(), "due_at": None}
    ines.put(SETTINGS, json=before)
    is_problem(ines.put(SETTINGS, json={**before, **change}), 422)
    assert ines.get(SETTINGS).get_json() == before


def test_another_version_is_chosen(ines, service, course):
    with service.database.writing() as rows:
        old = rows.get(Version, course.version_id)
        values = {
            column.name: getattr(old, column.name)
            for column in Version.__table__.columns
            if column.name not in ("id", "sha256", "label")
        }
        newer = Version(sha256="f" * 64, label="2", **values)
        rows.add(newer)
    path = "/courses/dl/assignments/dense/version"
    assert ines.put(path, json={"version_id": newer.id}).status_code == 200
    assert ines.get("/courses/dl/assignments/dense").get_json()["version"] == "2"
    is_problem(ines.put(path, json={"version_id": newer.id + 99}), 404)


def test_scores_are_released_once(ines):
    path = "/courses/dl/assignments/dense/release"
    is_problem(ines.post(path), 409)
    ines.put(SETTINGS, json={**ines.get(SETTINGS).get_json(), "held": True})
    assert ines.post(path).status_code == 200
    is_problem(ines.post(path), 409)


def test_a_student_gets_more_time(ines, program_of, service):
    more = {"due_at": "2027-01-07T12:00:00Z", "reason": "Ill."}
    ines.put(SETTINGS, json={**ines.get(SETTINGS).get_json(), "due_at": None})
    is_problem(ines.post(SAM + "/extensions", json=more), 409)
    dated = {**ines.get(SETTINGS).get_json(), "due_at": "2027-01-01T12:00:00Z"}
    ines.put(SETTINGS, json=dated)
    is_problem(ines.post(SAM + "/extensions", json={**more, "reason": "  "}), 422)
    is_problem(ines.post(SAM + "/extensions", json={**more, "due_at": "2026-12-31T12:00:00Z"}), 422)
    is_problem(ines.post(SAM.replace("sam", "otto") + "/extensions", json=more), 404)
    with service.database.reading() as rows:
        assert rows.query(Extension).count() == 0
    assert ines.post(SAM + "/extensions", json=more).status_code == 200
    seen = program_of("sam").get("/courses/dl/assignments/dense").get_json()
    assert (seen["due_at"], seen["extended"]) == ("2027-01-07T12:00:00Z", True)


def test_a_score_is_overridden_excused_and_cleared(ines, graded, standing_of, service):
    path = SAM + "/decisions"
    word = {"kind": "override", "score": 9.5, "comment": "Shown orally."}
    assert ines.post(path, json=word).status_code == 200
    assert (standing_of().score, standing_of().status) == (9.5, "override")
    assert ines.post(path, json={"kind": "excuse", "comment": "Ill."}).status_code == 200
    assert (standing_of().score, standing_of().status) == (None, "excused")
    assert ines.post(path, json={"kind": "clear", "comment": "Back."}).status_code == 200
    assert (standing_of().score, standing_of().status) == (6.0, "graded")
    with service.database.reading() as rows:
        assert rows.query(ScoreDecision).count() == 3


@pytest.mark.parametrize(
    "word",
    [
        {"kind": "override", "comment": "None."},
        {"kind": "override", "score": 21, "comment": "More than twice all."},
        {"kind": "override", "score": -1, "comment": "Less than nothing."},
        {"kind": "override", "score": 5, "comment": ""},
        {"kind": "excuse", "score": 5, "comment": "Both."},
        {"kind": "forgive", "comment": "What?"},
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(ines, graded, standing_of, word):
    is_problem(ines.post(SAM + "/decisions", json=word), 422)
    assert standing_of().score == 6.0


def test_a_regrade_is_proposed_reviewed_and_applied(ines, program_of, graded, service, standing_of):
    answer = ines.post(REGRADES, json={"which": "all", "reason": "A check was wrong."})
    assert answer.status_code == 201
    path = answer.headers["Location"].removeprefix("/api/v1")
    assert (answer.get_json()["state"], answer.get_json()["unfinished"]) == ("open", 1)
    is_problem(ines.post(path + "/apply"), 409)
    is_problem(ines.post(REGRADES, json={"which": "all", "reason": "Again."}), 409)
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
        record_report(rows, order.attempt_id, report_of(graded, (0, 1)))
    review = program_of("anna").get(path).get_json()
    assert review["moves"] == [
        {
            "receipt": graded.receipt,
            "login": "sam",
            "counts": True,
            "before": 6.0,
            "after": 10.0,
            "max_score": 10.0,
        }
    ]
    assert standing_of().score == 6.0
    assert ines.post(path + "/apply").get_json()["state"] == "applied"
    assert standing_of().score == 10.0
    is_problem(ines.post(path + "/drop"), 409)
    listed = program_of("anna").get(REGRADES).get_json()["regrades"]
    assert [(each["which"], each["state"]) for each in listed] == [("all", "applied")]


def test_a_dropped_regrade_never_counts(ines, graded, standing_of):
    wanted = {"which": "one", "receipt": graded.receipt, "reason": "To see."}
    path = ines.post(REGRADES, json=wanted).headers["Location"].removeprefix("/api/v1")
    assert ines.post(path + "/drop").status_code == 200
    assert ines.get(path).get_json()["state"] == "dropped"
    assert standing_of().score == 6.0


def test_a_regrade_of_what_is_not_there_is_refused(ines, graded, service, course):
    is_problem(ines.post(REGRADES, json={"which": "one", "reason": "Why?"}), 404)
    is_problem(ines.post(REGRADES, json={"which": "some", "reason": "Why?"}), 422)
    is_problem(ines.post(REGRADES, json={"which": "all", "reason": "Why?", "version_id": 999}), 404)
    with service.database.writing() as rows:
        other = create_course(rows, None, "other", "Another course")
        elsewhere = CourseAssignment(
            course_id=other.id, version_id=course.version_id, slug="dense", title="Dense"
        )
        rows.add(elsewhere)
        rows.flush()
        made = Regrade(
            assignment_id=elsewhere.id,
            version_id=course.version_id,
            which="all",
            reason="Theirs.",
            actor_id=course.people["ines"].id,
        )
        rows.add(made)
    for ask in (ines.get, lambda path: ines.post(path + "/apply")):
        is_problem(ask(f"/courses/dl/regrades/{made.id}"), 404)


def test_a_roster_is_looked_at_and_then_imported(ines, service, course):
    wanted = {"roster": ROSTER, "drop_missing": True}
    plan = ines.post("/courses/dl/roster/preview", json=wanted).get_json()
    assert [each["login"] for each in plan["joining"]] == ["nora"]
    assert [(each["login"], each["what"], each["after"]) for each in plan["changes"]] == [
        ("sam", "section", "B")
    ]
    assert plan["dropped"] == ["tess"]
    with service.database.reading() as rows:
        assert rows.query(Enrolment).filter_by(course_id=course.id).count() == 4
    is_problem(ines.post("/courses/dl/roster/import", json={**wanted, "digest": "0" * 64}), 409)
    made = ines.post("/courses/dl/roster/import", json={**wanted, "digest": plan["digest"]})
    (address,) = made.get_json()["invitations"].values()
    assert address.startswith("http://localhost/invitation")
    now = {each["login"]: each for each in ines.get("/courses/dl/members").get_json()["members"]}
    assert (now["sam"]["section"], now["nora"]["role"]) == ("B", "student")
    assert now["tess"]["dropped_at"] is not None
    again = ines.post("/courses/dl/members/nora/invitation").get_json()["invitations"]["nora"]
    assert again != address
    is_problem(ines.post("/courses/dl/members/sam/invitation"), 409)


@pytest.mark.parametrize(
    "roster", ["", "name\nSam\n", "login,name\n../x,X\n", "login\nnobody\n", "a\0b", 'login\n"']
)
def test_a_bad_roster_is_refused_in_plain_words(ines, roster):
    problem = is_problem(ines.post("/courses/dl/roster/preview", json={"roster": roster}), 422)
    assert problem["detail"]


def test_one_person_is_changed_and_dropped(ines):
    path = "/courses/dl/members/tess"
    assert ines.put(path, json={"role": "assistant", "section": " B "}).status_code == 200
    members = {m["login"]: m for m in ines.get("/courses/dl/members").get_json()["members"]}
    assert (members["tess"]["role"], members["tess"]["section"]) == ("assistant", "B")
    is_problem(ines.put(path, json={"role": "dean"}), 422)
    assert ines.delete(path).status_code == 200
    members = {m["login"]: m for m in ines.get("/courses/dl/members").get_json()["members"]}
    assert members["tess"]["dropped_at"] is not None
    is_problem(ines.delete("/courses/dl/members/ines"), 409)
    is_problem(ines.put("/courses/dl/members/otto", json={"role": "student"}), 404)


def test_staff_see_the_class_at_a_glance(program_of, graded, hand_in, finish):
    finish(hand_in("tess"), hint="no-bias")
    found = program_of("anna").get("/courses/dl/assignments/dense/class").get_json()
    assert [(each["login"], each["score"]) for each in found["students"]] == [
        ("sam", 6.0),
        ("tess", 0.0),
    ]
    assert found["mean"] == 3.0
    assert sum(each["count"] for each in found["histogram"]) == 2
    assert {"name": "no-bias", "count": 1} in found["hints"]
    assert max(each["failed"] for each in found["checks"]) == 2
    is_problem(program_of("sam").get("/courses/dl/assignments/dense/class"), 403)


def test_the_gradebook_is_exported(ines, graded):
    wide = ines.get("/courses/dl/gradebook.csv")
    assert wide.content_type.startswith("text/csv")
    assert "sam,Sam Example,,A,6,0\r\n" in wide.text
    assert "tess" in wide.text
    long = ines.get("/courses/dl/scores.csv").text
    assert "dl,dense,sam,Sam Example,,A,graded,6,10,6,0,0,1\r\n" in long


def test_canvas_is_told_what_was_looked_at(ines, graded, hand_in, finish, service):
    plan = ines.post("/courses/dl/canvas/preview", json={"canvas": CANVAS}).get_json()
    assert plan["columns"] == {"dense": 5}
    assert plan["titles"] == {"5": "Dense layers (77)", "6": "Essay (78)"}
    assert [(each["login"], each["after"]) for each in plan["changes"]] == [("sam", "6")]
    assert (plan["unmatched_there"], plan["unmatched_here"]) == (["Other, Zoe"], ["tess"])
    wanted = {"canvas": CANVAS, "digest": plan["digest"]}
    told = ines.post("/courses/dl/canvas/import.csv", json=wanted)
    assert told.status_code == 200
    assert '"Example, Sam",1,sam,sam,A,6\r\n' in told.text
    assert newest_act(service) == ("export to canvas", "dl", {"changes": 1})
    finish(hand_in("sam", b"n = 2\n"), 0, 1)
    is_problem(ines.post("/courses/dl/canvas/import.csv", json=wanted), 409)


@pytest.mark.parametrize(
    "wanted",
    [
        {"canvas": "no,canvas\n"},
        {"canvas": CANVAS, "columns": {"dense": 99}},
        {"canvas": CANVAS, "columns": {"relu": 5}},
        {"canvas": CANVAS, "columns": {"dense": -1}},
        {"canvas": CANVAS, "columns": {"dense": "5"}},
    ],
)
def test_an_export_that_is_none_is_refused(ines, graded, wanted):
    is_problem(ines.post("/courses/dl/canvas/preview", json=wanted), 422)
