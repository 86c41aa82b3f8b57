"""Gradescope's `results.json`, as its autograder specification describes it."""

from typing import Any

from grader.errors import OnebyoneError
from grader.report import CheckResult, Outcome, Report, Status, Visibility, student_view
from grader.text import clean
from grader.wording import findings, number, speed_ratio, speed_verdict

# Gradescope's own "hidden" would hide the student's total as well. Ours means that the result is
# shown and nothing else, which is a visible test with nothing in it.
_VISIBILITY = {
    Visibility.PUBLIC: "visible",
    Visibility.HIDDEN: "visible",
    Visibility.AFTER_DEADLINE: "after_due_date",
}
_FORMATS = {
    "output_format": "text",
    "test_output_format": "text",
    "test_name_format": "text",
    "visibility": "visible",
    "stdout_visibility": "hidden",
}


class NotAGrade(OnebyoneError):
    """Write no results.json for this report: Gradescope then says that the autograder failed."""


def to_gradescope(report: Report) -> dict[str, Any]:
    """A `results.json` as a dictionary.

    A refused submission has score 0: it is the student's to mend, and to hand in again.

    Args:
        report: The whole one, not the student's view: Gradescope itself shows checks of
            visibility `after_deadline` when the time has come.

    Raises:
        NotAGrade: Nothing was graded, by no fault of the student's, or only a part was.
    """
    if report.outcome is Outcome.REFUSED:
        return {
            **_FORMATS,
            "score": 0.0,
            "output": clean(report.message or "Refused."),
            "tests": [],
        }
    if report.score is None or report.max_score is None:
        raise NotAGrade(f"Nothing was graded ({report.outcome}). {report.message or ''}".strip())
    tests = [
        _test(check, shown)
        for check, shown in zip(report.checks, student_view(report).checks, strict=True)
    ]
    # Gradescope refuses results whose maximum is not the assignment's.
    if abs(sum(test["max_score"] for test in tests) - report.max_score) > 1e-6:
        raise NotAGrade("Only some of the checks ran: grade with all of them for Gradescope.")
    return {
        **_FORMATS,
        "score": report.score,
        "execution_time": round(report.durations.get("total", 0.0), 3),
        "output": _summary(report),
        "tests": tests,
        "extra_data": _circumstances(report),
    }


def _test(check: CheckResult, shown: CheckResult) -> dict[str, Any]:
    # What opens after the deadline opens as a whole.
    told = check if check.visibility is Visibility.AFTER_DEADLINE else shown
    lines = [] if told.status is Status.PASSED else findings(told)
    if told.status is Status.NOT_RUN:
        lines = ["This check was not run.", *lines]
    if told.speed is not None:
        lines = [speed_ratio(told.speed), *speed_verdict(told), *lines]
    return {
        "name": clean(check.title, 300),
        "score": check.points,
        "max_score": check.max_points,
        # Gradescope knows no third one: what has not all of its points is failed, as it would be
        # without a status.
        "status": "passed" if check.status is Status.PASSED else "failed",
        "output": "\n".join(lines),
        "tags": [check.group],
        "visibility": _VISIBILITY[check.visibility],
    }


def _summary(report: Report) -> str:
    groups = [f"{g.name}: {number(g.score)} / {number(g.max_score)}" for g in report.groups]
    return clean("\n".join([*groups, report.message or ""]).strip())


def _circumstances(report: Report) -> dict[str, Any]:
    """What it takes to repeat the grading elsewhere."""
    return {
        "seed": report.seed,
        "submission_sha256": None if report.submission is None else report.submission["sha256"],
        "assignment": dict(report.assignment or {}),
        "grader_version": report.grader_version,
        "sandbox": None if report.sandbox is None else report.sandbox["kind"],
        "image_digest": None if report.sandbox is None else report.sandbox["image_digest"],
    }
