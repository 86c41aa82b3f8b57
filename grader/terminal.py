"""A report for a terminal: plain words, and colour only on top of them."""

import shlex
from collections.abc import Iterator

from grader.measurement import SpeedMeasurement
from grader.report import (
    CheckResult,
    GroupScore,
    Outcome,
    Report,
    Status,
    Visibility,
    student_view,
)
from grader.strips import strips
from grader.text import clean, columns, wrap
from grader.wording import findings, number, speed_ratio, speed_verdict

_MARKS = {
    Status.PASSED: "PASS",
    Status.PARTIAL: "PART",
    Status.FAILED: "FAIL",
    Status.NOT_RUN: "not run",
}
_COLOURS = {
    Status.PASSED: "32",
    Status.PARTIAL: "33",
    Status.FAILED: "31",
    Status.NOT_RUN: "33",
}
_BOLD = "1"
_MARK_WIDTH = 2 + len("not run") + 2
_VERDICTS = {
    Outcome.REFUSED: "Refused: not graded.",
    Outcome.ASSIGNMENT_FAULT: "Not graded: the assignment is at fault, not the submission.",
    Outcome.INFRASTRUCTURE_FAULT: "Not graded: the grader is at fault, not the submission.",
}


def render(
    report: Report,
    *,
    width: int = 80,
    colour: bool = False,
    path: str = "PATH",
    assignment: str | None = None,
    repeatable: bool = True,
) -> str:
    """The whole report as lines of at most `width` columns.

    Args:
        report: What to show; all of it is shown (see `grader.report.student_view`).
        width: Columns; no less than 40.
        colour: Whether to mark verdicts in colour as well.
        path: Of the submission, for the command that repeats the grading.
        assignment: The same for the assignment; by default its name.
        repeatable: Whether to show that command.
    """
    page = _Page(max(width, 40), colour)
    lines = [*page.header(report), ""]
    for group in report.groups:
        lines += [*page.group(group, report), ""]
    lines += page.verdict(report)
    if repeatable and report.outcome is not Outcome.REFUSED:
        lines += ["", *page.repetition(report, path, assignment)]
    return "\n".join(lines)


def render_check(check: CheckResult, *, width: int = 80) -> str:
    """One check of a report, as `render` shows it."""
    return "\n".join(_Page(max(width, 40), colour=False)._check(check))


class _Page:
    def __init__(self, width: int, colour: bool) -> None:
        self._width = width
        self._colour = colour

    def header(self, report: Report) -> Iterator[str]:
        """What was graded, where, and with which seed."""
        if (assignment := report.assignment) is not None:
            title = f"{assignment['slug']}, version {assignment['version']}"
            yield from self._field("assignment", title)
        if report.submission is not None:
            files = report.submission["files"]
            names = ", ".join(list(files)[:5]) + (", ..." if len(files) > 5 else "")
            yield from self._field("submission", f"{report.submission['sha256'][:12]} ({names})")
        if report.sandbox is not None:
            sandbox = report.sandbox
            yield from self._field("sandbox", f"{sandbox['kind']} ({sandbox['isolation']})")
        if report.seed is not None:
            yield from self._field("seed", str(report.seed))

    def group(self, group: GroupScore, report: Report) -> Iterator[str]:
        """A group's score and its checks."""
        points = f"{number(group.score)} / {number(group.max_score)}"
        yield self._paint(self._between(clean(group.name, 60), points), _BOLD)
        for check in report.checks:
            if check.group == group.name:
                yield from self._check(check)

    def verdict(self, report: Report) -> Iterator[str]:
        """The total, or why there is none."""
        if report.score is None or report.max_score is None:
            for line in wrap(_VERDICTS[report.outcome], self._width):
                yield self._paint(line, _BOLD)
        else:
            total = f"{number(report.score)} / {number(report.max_score)}"
            yield self._paint(self._between("Total", total), _BOLD)
            yield from wrap(_count(report), self._width)
        if report.message:
            yield from wrap(clean(report.message), self._width)

    def repetition(self, report: Report, path: str, assignment: str | None) -> Iterator[str]:
        """The command that gives this report again."""
        if report.assignment is not None:
            assignment = assignment or report.assignment["slug"]
        words = ["grader", "grade", shlex.quote(clean(path, 200))]
        words += ["--assignment", shlex.quote(clean(assignment, 200))] if assignment else []
        words += [] if report.sandbox is None else ["--sandbox", report.sandbox["kind"]]
        words += [] if report.seed is None else ["--seed", str(report.seed)]
        yield "To repeat this grading:"
        yield from self._indented(clean(" ".join(words), 500), 2)

    def _check(self, check: CheckResult) -> Iterator[str]:
        points = f"{number(check.points)} / {number(check.max_points)}"
        title = clean(check.title, 300).replace("\n", " ")
        if check.visibility is not Visibility.PUBLIC:
            title += f" ({check.visibility.value.replace('_', ' ')})"
        first, *more = wrap(title, self._width - _MARK_WIDTH - len(points) - 2)
        mark = self._paint(f"{_MARKS[check.status]:<{_MARK_WIDTH - 2}}", _COLOURS[check.status])
        yield f"  {mark}{self._between(first, points, self._width - _MARK_WIDTH)}"
        for line in more:
            yield " " * _MARK_WIDTH + line
        if check.speed is not None:
            yield from self._speed(check, check.speed)
        if check.status is not Status.PASSED:
            for finding in findings(check):
                yield from self._indented(finding, _MARK_WIDTH)

    def _speed(self, check: CheckResult, speed: SpeedMeasurement) -> Iterator[str]:
        yield from self._indented(speed_ratio(speed), _MARK_WIDTH)
        if speed.pairs > 0:
            sides = {
                "you": speed.student_s[-speed.pairs :],
                "reference": speed.reference_s[-speed.pairs :],
            }
            indent = _MARK_WIDTH if self._width >= 60 else 2
            for line in strips(sides, self._width - indent):
                yield " " * indent + line
        for line in speed_verdict(check):
            yield from self._indented(line, _MARK_WIDTH)

    def _field(self, name: str, text: str) -> Iterator[str]:
        first, *more = wrap(clean(text, 500).replace("\n", " "), self._width - 12)
        yield f"{name:<12}{first}"
        for line in more:
            yield " " * 12 + line

    def _indented(self, text: str, indent: int) -> Iterator[str]:
        for line in wrap(text, self._width - indent):
            yield (" " * indent + line).rstrip()

    def _between(self, left: str, right: str, width: int | None = None) -> str:
        space = (self._width if width is None else width) - columns(left) - len(right)
        return f"{left}{' ' * max(space, 1)}{right}"

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def _count(report: Report) -> str:
    passed = sum(check.status is Status.PASSED for check in report.checks)
    partial = sum(check.status is Status.PARTIAL for check in report.checks)
    closed = sum(check.visibility is not Visibility.PUBLIC for check in report.checks)
    in_part = f", {partial} in part" if partial else ""
    text = f"{passed} of {len(report.checks)} checks passed{in_part}."
    if closed == 0 or report != student_view(report):
        return text
    return f"{text} Of {closed} that are not public, only the result is shown."
