"""What instructors decide: each act has its effect, its reason, and its place in the log."""

from datetime import timedelta

import pytest

from web.courses.models import Act, Course, CourseAssignment, Version
from web.courses.setting import (
    AssignmentSettings,
    change_version,
    extend,
    release_scores,
    settings_of,
    update_assignment,
    update_course,
)
from web.database import now
from web.errors import Conflict, Invalid, NotFound
from web.gradebook import regrades
from web.gradebook.decisions import clear, excuse, override
from web.gradebook.models import Regrade
from web.grading import queue
from web.grading.models import Attempt, State
from web.grading.recorder import record_report
from web.submissions.models import Submission

from ..conftest import report_of


@pytest.fixture
def act(service, course):
    """A function that runs a service function as the instructor, in a transaction of its own."""

    def run(function, *arguments, **options):
        with service.database.writing() as rows:
            assignment = rows.get(CourseAssignment, course.assignment_id)
            actor = course.people["ines"].id
            return function(rows, actor, assignment, *arguments, **options)

    return run


@pytest.fixture
def verbs(service):
    def find():
        with service.database.reading() as rows:
            return [entry.verb for entry in rows.query(Act).order_by(Act.id)]

    return find


def test_an_override_stands_above_the_grading_until_it_is_taken_back(
    act, hand_in, finish, standing_of, verbs
):
    finish(hand_in(), 0)
    act(override, "sam", 9.5, "Oral exam.")
    assert (standing_of().score, standing_of().status) == (9.5, "override")
    finish(hand_in(code=b"x = 1\n"), 0, 1)
    assert standing_of().score == 9.5
    act(excuse, "sam", "Was ill.")
    assert (standing_of().score, standing_of().status) == (None, "excused")
    act(clear, "sam", "A mistake.")
    assert (standing_of().score, standing_of().status) == (10.0, "graded")
    assert verbs()[-3:] == ["override", "excuse", "clear"]


@pytest.mark.parametrize(
    ("login", "score", "comment", "error"),
    [
        ("sam", float("nan"), "x", Invalid),
        ("sam", -1.0, "x", Invalid),
        ("sam", 21.0, "x", Invalid),
        ("sam", 5.0, "  ", Invalid),
        ("anna", 5.0, "x", NotFound),
        ("otto", 5.0, "x", NotFound),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(act, login, score, comment, error):
    with pytest.raises(error):
        act(override, login, score, comment)


def test_an_extension_moves_one_deadline_and_what_follows(
    act, hand_in, finish, standing_of, service, course
):
    submission = hand_in()
    with service.database.writing() as rows:
        rows.get(Submission, submission.id).received_at = now()
        assignment = rows.get(CourseAssignment, course.assignment_id)
        assignment.due_at = now() - timedelta(hours=30)
        assignment.late_percent = 10.0
    finish(submission, 0)
    assert (standing_of().late_days, standing_of().score) == (2, 4.8)
    act(extend, "sam", now() + timedelta(days=1), "Was ill.")
    assert (standing_of().late_days, standing_of().score) == (0, 6.0)
    with pytest.raises(Invalid, match="after the deadline"):
        act(extend, "sam", now() - timedelta(days=5), "x")
    with pytest.raises(Invalid, match="Say why"):
        act(extend, "sam", now() + timedelta(days=1), "")


def test_grace_days_are_used_before_anything_is_lost(
    act, hand_in, finish, standing_of, service, course
):
    submission = hand_in()
    with service.database.writing() as rows:
        assignment = rows.get(CourseAssignment, course.assignment_id)
        assignment.due_at, assignment.late_percent = now() - timedelta(hours=30), 10.0
        made = rows.get(Course, course.id)
        actor = course.people["ines"].id
        update_course(rows, actor, made, title="DL", time_zone="UTC", grace_days=1)
    finish(submission, 0)
    assert (standing_of().grace_days, standing_of().score) == (1, 5.4)
    with service.database.writing() as rows:
        made = rows.get(Course, course.id)
        update_course(rows, actor, made, title="DL", time_zone="UTC", grace_days=5)
    assert (standing_of().grace_days, standing_of().score) == (2, 6.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"opens_at": now() + timedelta(days=3), "due_at": now()},
        {"due_at": None, "closes_at": now()},
        {"late_percent": float("nan")},
        {"late_percent": 101.0},
        {"attempts": 0},
        {"window_attempts": 3},
        {"counts": "worst"},
        {"title": ""},
        {"title": "a\x00b"},
        {"shown": {"test_x.py::test_none": "public"}},
        {"shown": {"test_a.py::test_one": "secret"}},
    ],
)
def test_settings_that_make_no_sense_change_nothing(act, service, course, changes, verbs):
    def update(rows, actor, assignment):
        given = {**vars(settings_of(assignment)), **changes}
        update_assignment(rows, actor, assignment, AssignmentSettings(**given))

    before = verbs()
    with pytest.raises(Invalid):
        act(update)
    assert verbs() == before


def test_a_changed_setting_is_logged_with_both_values(act, service, course):
    def update(rows, actor, assignment):
        given = {**vars(settings_of(assignment)), "attempts": 3, "held": True}
        update_assignment(rows, actor, assignment, AssignmentSettings(**given))

    act(update)
    with service.database.reading() as rows:
        entry = rows.query(Act).order_by(Act.id.desc()).first()
    assert entry.details["changed"] == {"attempts": [None, 3], "held": [False, True]}
    act(release_scores)
    with pytest.raises(Conflict):
        act(release_scores)


@pytest.fixture
def second_version(service, course):
    with service.database.writing() as rows:
        first = rows.get(Version, course.version_id)
        same = {name: getattr(first, name) for name in ("slug", "title", "module", "points")}
        version = Version(
            label="2", sha256="b" * 64, max_score=10.0, checks=first.checks, record={}, **same
        )
        rows.add(version)
    return version


def grade_all(service, *passed):
    """Work off the queue; every submission passes these checks."""
    while True:
        with service.database.writing() as rows:
            order = queue.claim(rows, "here-1", 60)
            if order is None:
                return
            attempt = rows.get(Attempt, order.attempt_id)
            submission = rows.get(Submission, attempt.submission_id)
            record_report(rows, attempt.id, report_of(submission, passed))


def test_a_regrade_changes_nothing_before_it_is_applied(
    act, hand_in, finish, standing_of, service, second_version
):
    finish(hand_in("sam"), 0)
    finish(hand_in("tess"), 0, 1)
    made = act(regrades.propose, second_version.id, "all", "A check was wrong.")
    with pytest.raises(Conflict, match="Not all of this regrade is graded yet"):
        act(lambda rows, actor, _a: regrades.apply(rows, actor, rows.get(Regrade, made.id)))
    with pytest.raises(Conflict, match="is open"):
        act(regrades.propose, second_version.id, "all", "Again.")
    grade_all(service, 0, 1)
    assert standing_of("sam").score == 6.0
    with service.database.reading() as rows:
        found = regrades.review(rows, rows.get(Regrade, made.id))
    assert [(m.login, m.before, m.after, m.counts) for m in found.moves] == [("sam", 6, 10, True)]
    assert (found.unchanged, found.unfinished) == (1, 0)
    act(lambda rows, actor, _a: regrades.apply(rows, actor, rows.get(Regrade, made.id)))
    assert standing_of("sam").score == 10.0
    with service.database.reading() as rows:
        after = regrades.review(rows, rows.get(Regrade, made.id))
    assert after.moves == found.moves
    with pytest.raises(Conflict, match="applied already"):
        act(lambda rows, actor, _a: regrades.drop(rows, actor, rows.get(Regrade, made.id)))


def test_a_dropped_regrade_never_counts(act, hand_in, finish, standing_of, service, course):
    first = hand_in("sam")
    finish(first, 0)
    made = act(regrades.propose, course.version_id, "latest", "To try.")
    with service.database.writing() as rows:
        order = queue.claim(rows, "here-1", 60)
    act(lambda rows, actor, _a: regrades.drop(rows, actor, rows.get(Regrade, made.id)))
    with service.database.writing() as rows:
        record_report(rows, order.attempt_id, report_of(first, (0, 1)))
    assert standing_of("sam").score == 6.0
    with service.database.reading() as rows:
        assert queue.depth(rows) == {}


@pytest.mark.parametrize(("which", "count"), [("all", 3), ("latest", 2), ("failed", 2), ("one", 1)])
def test_what_a_regrade_is_of(act, hand_in, finish, service, course, which, count):
    finish(hand_in("sam"), 0)
    last = hand_in("sam", b"x = 1\n")
    finish(last, 0, 1)
    finish(hand_in("tess"), 0)
    receipt = last.receipt if which == "one" else None
    act(regrades.propose, course.version_id, which, "To see.", receipt)
    with service.database.reading() as rows:
        assert rows.query(Attempt).filter_by(state=State.QUEUED.value).count() == count


def test_another_version_leaves_what_is_graded(
    act, hand_in, finish, standing_of, service, second_version, course
):
    finish(hand_in("sam"), 0)
    act(change_version, second_version.id)
    assert standing_of("sam").score == 6.0
    hand_in("tess")
    with service.database.reading() as rows:
        newest = rows.query(Attempt).order_by(Attempt.id.desc()).first()
    assert newest.version_id == second_version.id
    with pytest.raises(NotFound):
        act(change_version, 999)
