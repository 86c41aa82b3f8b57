import json

import pytest

from grader.exporters.gradescope import NotAGrade, to_gradescope
from grader.report import Outcome, Status, Visibility

STATUSES = {"passed", "failed"}
VISIBILITIES = {"visible", "hidden", "after_due_date", "after_published"}
FORMATS = {"text", "simple_format", "html", "md", "ansi"}


@pytest.fixture
def complete(make_report):
    """A report whose checks add up to its maximum, as those of a whole grading do."""
    return make_report()


def test_a_report_is_written_as_gradescope_specifies(complete):
    results = to_gradescope(complete)
    json.dumps(results, allow_nan=False)
    assert results["score"] == complete.score
    assert sum(test["max_score"] for test in results["tests"]) == complete.max_score
    assert sum(test["score"] for test in results["tests"]) == complete.score
    assert results["execution_time"] == 1.25
    assert results["stdout_visibility"] == "hidden"
    for test in results["tests"]:
        assert test["status"] in STATUSES
        assert test["visibility"] in VISIBILITIES
    for name in ("output_format", "test_output_format", "test_name_format"):
        assert results[name] in FORMATS


def test_the_grading_can_be_repeated_from_what_gradescope_keeps(complete):
    kept = to_gradescope(complete)["extra_data"]
    assert kept["seed"] == complete.seed
    assert kept["submission_sha256"] == "ab" * 32
    assert kept["image_digest"].startswith("sha256:")


def test_public_checks_show_their_findings(complete):
    passed, failed, *_ = to_gradescope(complete)["tests"]
    assert passed["output"] == ""
    assert "Wrong values in y" in failed["output"]
    assert "Where is b added?" in failed["output"]
    assert "shape (2, 3)" in failed["output"]


def test_hidden_checks_show_name_and_result_only(complete):
    results = to_gradescope(complete)
    hidden = results["tests"][2]
    assert hidden["name"] == "A larger case"
    assert (hidden["status"], hidden["visibility"]) == ("failed", "visible")
    assert "SECRET" not in json.dumps(results)


def test_checks_for_after_the_deadline_wait_for_the_due_date_as_a_whole(complete):
    later = to_gradescope(complete)["tests"][3]
    assert later["visibility"] == "after_due_date"
    assert "LATER message" in later["output"]


@pytest.fixture
def export_timed(make_report, make_check, make_speed):
    """A function that exports one timed check; the test that Gradescope gets."""

    def export(**changes):
        check = make_check(max_points=5.5, speed=make_speed(), **changes)
        report = make_report(checks=(check,), max_score=5.5)
        return to_gradescope(report)["tests"][0]

    return export


def test_a_part_of_the_points_is_a_score_and_no_pass(export_timed):
    test = export_timed(status=Status.PARTIAL, points=2.2, message="Right, but slow.")
    assert (test["status"], test["score"], test["max_score"]) == ("failed", 2.2, 5.5)
    assert test["output"].split("\n") == [
        "16.0 times the reference's time (15.2 to 16.8), 10 pairs",
        "At most 100 times: 40% of the points. At most 4 times: 100%.",
        "Right, but slow.",
    ]


def test_a_timed_check_that_passed_says_how_fast_it_was_and_nothing_else(export_timed):
    test = export_timed()
    assert test["status"] == "passed"
    assert test["output"] == "16.0 times the reference's time (15.2 to 16.8), 10 pairs"


def test_how_a_hidden_check_was_timed_is_told_to_nobody(export_timed):
    part = {"status": Status.PARTIAL, "points": 2.2}
    assert export_timed(**part, visibility=Visibility.HIDDEN)["output"] == "This check is hidden."
    later = export_timed(**part, visibility=Visibility.AFTER_DEADLINE)
    assert later["visibility"] == "after_due_date"
    assert "16.0 times" in later["output"]


def test_all_samples_do_not_make_the_output_longer(
    export_timed, make_report, make_check, make_speed
):
    times = (0.1,) * 100_000
    speed = make_speed(student_s=times, reference_s=times, pairs=100_000)
    report = make_report(checks=(make_check(max_points=5.5, speed=speed),), max_score=5.5)
    assert len(json.dumps(to_gradescope(report))) < 3000


def test_a_check_that_was_not_run_is_failed_and_says_so(complete):
    test = to_gradescope(complete)["tests"][4]
    assert (test["status"], test["score"]) == ("failed", 0.0)
    assert "not run" in test["output"]


def test_a_refused_submission_is_the_students_to_mend(make_report):
    results = to_gradescope(make_report(Outcome.REFUSED))
    assert results["score"] == 0
    assert results["output"] == "The zip is damaged."


@pytest.mark.parametrize("outcome", [Outcome.ASSIGNMENT_FAULT, Outcome.INFRASTRUCTURE_FAULT])
def test_a_fault_that_is_not_the_students_is_no_grade(make_report, outcome):
    with pytest.raises(NotAGrade, match="Nothing was graded"):
        to_gradescope(make_report(outcome))


def test_a_part_of_the_checks_is_no_grade(complete, make_report):
    public = tuple(c for c in complete.checks if c.visibility is Visibility.PUBLIC)
    with pytest.raises(NotAGrade, match="all of them"):
        to_gradescope(make_report(checks=public))
