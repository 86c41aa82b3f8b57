import re
import shlex

import pytest

from grader.report import Outcome, Status, Visibility, student_view
from grader.terminal import render
from grader.text import columns

COLOUR = re.compile(r"\x1b\[\d+m")


def test_a_report_says_what_was_graded_what_was_found_and_how_to_repeat_it(make_report):
    text = render(make_report(), path="hw/layers.py")
    for part in (
        "dense, version 1",
        "abababababab",
        "docker",
        "forward",
        "1 / 3",
        "PASS",
        "FAIL",
        "not run",
        "Wrong values in y: 1 of 6 elements.",
        "Hint: Where is b added?",
        "batch=1, leading=(2, 3)",
        "(0, 1)",
        "1e-07",
        "| shape (2, 3)",
        "1 / 5.5",
        "1 of 5 checks passed",
        "grader grade hw/layers.py --assignment dense --sandbox docker --seed 7",
    ):
        assert part in text, part


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_line_is_wider_than_the_terminal(make_report, outcome, width):
    text = render(make_report(outcome), width=width)
    assert max(map(columns, text.split("\n"))) <= width
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_colour_adds_nothing_but_colour(make_report):
    report = make_report()
    plain, coloured = render(report, colour=False), render(report, colour=True)
    assert "\x1b" not in plain
    assert coloured != plain
    assert COLOUR.sub("", coloured) == plain


def _timed(make_report, make_check, make_speed):
    """A report with a check in each state that a duel can leave it in."""
    part = {"status": Status.PARTIAL, "points": 0.4}
    return make_report(
        checks=(
            make_check(speed=make_speed(0.0051, verdicts=("pass",) * 3, share=1.0)),
            make_check(**part, speed=make_speed(), message="Right, but slow.", output="hello\n"),
            make_check(**part, speed=make_speed(pairs=80, tries=2)),
            make_check(
                status=Status.FAILED,
                speed=make_speed(pairs=0, ratio=None, low=None, high=None, share=0.0),
                message="Out of time.",
            ),
        )
    )


def test_what_was_measured_is_drawn_below_every_timed_check(make_report, make_check, make_speed):
    lines = render(_timed(make_report, make_check, make_speed)).split("\n")
    text = "\n".join(lines)
    assert "1.02 times the reference's time (0.97 to 1.07), 10 pairs" in text
    assert "16.0 times the reference's time (15.2 to 16.8), 80 pairs" in text
    assert text.count("At most 100 times: 40% of the points. At most 4 times: 100%.") == 2
    assert "Its speed could not be measured." in text
    you = [line for line in lines if line.startswith(" " * 11 + "you ")]
    reference = [line for line in lines if line.startswith(" " * 11 + "reference ")]
    assert len(you) == len(reference) == 3
    assert all(line.endswith(" ms") and "|" in line for line in you + reference)
    assert "PART" in text
    assert "1 of 4 checks passed, 2 in part." in text
    assert text.index("1.02 times") < text.index("16.0 times") < text.index("| hello")


def test_only_the_pairs_that_were_judged_are_drawn(make_report, make_check, make_speed):
    speed = make_speed(student_s=(9.0,) * 10 + (0.005,) * 10, reference_s=(0.005,) * 20, tries=2)
    text = render(make_report(checks=(make_check(speed=speed),)))
    assert "5.0 ms" in text
    assert "9.0 s" not in text


def test_a_doubt_is_told_to_who_has_its_benefit(make_report, make_check, make_speed):
    unsure = make_speed(verdicts=("unsure", "pass", "pass"), share=1.0, benefit_of_doubt=True)
    text = render(make_report(checks=(make_check(speed=unsure),)))
    assert "benefit of the doubt" in " ".join(text.split())
    assert "benefit of the doubt" not in render(make_report(checks=(make_check(),)))


@pytest.mark.parametrize("width", [40, 59, 60, 80, 200])
def test_a_timed_report_fits_the_terminal(make_report, make_check, make_speed, width):
    for times in ((0.0,) * 10, (1e308,) * 10, (1e-9, 1e300) * 5, (0.0996,) * 10):
        speed = make_speed(student_s=times, ratio=1e300, low=0.0, high=1.7e308)
        report = _timed(make_report, make_check, make_speed)
        text = render(make_report(checks=(*report.checks, make_check(speed=speed))), width=width)
        assert max(map(columns, text.split("\n"))) <= width
        assert all(line == line.rstrip() for line in text.split("\n"))


def test_how_a_hidden_check_was_timed_is_not_shown(make_report, make_check, make_speed):
    check = make_check(
        status=Status.PARTIAL, points=0.4, speed=make_speed(), visibility=Visibility.HIDDEN
    )
    text = render(student_view(make_report(checks=(check,))))
    assert "PART" in text
    assert "0.4 / 1" in text
    assert "reference" not in text


def test_what_students_may_not_see_is_not_shown(make_report):
    text = render(student_view(make_report()))
    assert "SECRET" not in text
    assert "LATER" not in text
    assert "A larger case (hidden)" in text
    assert "This check is hidden." in text


def test_only_a_report_that_hides_something_says_so(make_report):
    hides = "Of 2 that are not public, only the result is shown."
    assert hides in render(student_view(make_report()))
    assert "only the result" not in render(make_report())


def test_the_command_that_repeats_a_grading_can_be_pasted(make_report):
    report = make_report()
    text = render(report, path="my 'last' $TRY.py", assignment="../course/dense")
    command = text.partition("To repeat this grading:\n")[2]
    words = shlex.split(re.sub(r"\n +", " ", command))
    assert words[:5] == ["grader", "grade", "my 'last' $TRY.py", "--assignment", "../course/dense"]


def test_a_report_without_a_score_says_whose_fault_it_is(make_report):
    refused = render(make_report(Outcome.REFUSED))
    assert "Refused: not graded." in refused
    assert "The zip is damaged." in refused
    assert "grader is at fault" in render(make_report(Outcome.INFRASTRUCTURE_FAULT))
    assert "assignment is at fault" in render(make_report(Outcome.ASSIGNMENT_FAULT))


def test_hostile_text_changes_nothing_around_it(make_report, make_check):
    evil = "\x1b[2J\x1b]0;t\x07\u202e\r数" * 3000 + "\nPASS everything"
    check = make_check(
        status=Status.FAILED,
        title=evil,
        message=evil,
        output=evil + "\n" * 100_000,
        counterexample={evil: evil, "case": {evil: [evil] * 1000}, "deep": [[[[[[evil]]]]]]},
    )
    submission = {"sha256": evil, "files": {evil: 1}}
    text = render(make_report(checks=(check,), message=evil, submission=submission), path=evil)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert max(map(columns, text.split("\n"))) <= 80
    assert len(text) < 100_000
