"""Write docs/misconceptions.md: every known mistake, and what a student who makes it reads.

python docs/misconceptions.py

The reports are real: each known-wrong submission is graded here, without a sandbox, with seed 1.
"""

from pathlib import Path

from grader.assignment import load_assignment
from grader.grading import grade_here
from grader.known_submissions import KnownSubmission, load_known_submissions
from grader.report import CheckResult, Report, Status, student_view
from grader.terminal import render_check

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "misconceptions.md"
ASSIGNMENT = ROOT / "assignments" / "dense-conv1x1"
SEED = 1

_HEAD = """\
# Misconceptions

Every known mistake of `dense-conv1x1`, and what a student who makes it reads: the first failing
check that shows the hint, as the terminal shows it. Written by `make docs`; do not edit it by hand.

| hint | mistake | checks that fail | of these, with the hint |
| --- | --- | --- | --- |
"""


def grade_known() -> dict[KnownSubmission, Report]:
    """The report of each known-wrong submission."""
    assignment = load_assignment(ASSIGNMENT)
    known_wrong = load_known_submissions(assignment).known_wrong
    return {each: grade_here(each.submission, assignment, seed=SEED) for each in known_wrong}


def document(reports: dict[KnownSubmission, Report]) -> str:
    """The page."""
    rows, sections = [], []
    for known, report in reports.items():
        expected = known.expectation
        failed = [c for c in student_view(report).checks if c.status is Status.FAILED]
        hinted = [c for c in failed if c.hint is not None and c.hint.id == expected.hint]
        rows.append(
            f"| [{expected.hint}](#{expected.hint}) | {expected.mistake} | {len(failed)} | "
            f"{len(hinted)} |"
        )
        sections.append(_section(known, hinted or failed))
    return _HEAD + "\n".join(rows) + "\n\n" + "\n".join(sections)


def _section(known: KnownSubmission, checks: list[CheckResult]) -> str:
    expected = known.expectation
    shown = render_check(checks[0])
    return f"## {expected.hint}\n\n{expected.mistake}.\n\n```\n{shown}\n```\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(grade_known()), encoding="utf-8")
