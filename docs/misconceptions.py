"""Write docs/misconceptions.md: every known mistake, and what a student who makes it reads.

python docs/misconceptions.py

The reports are real: each known-wrong submission is graded here, without a sandbox, with seed 1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from grader.assignment import load_assignment
from grader.grading import grade_here
from grader.known_submissions import KnownSubmission, load_known_submissions
from grader.report import CheckResult, Report, Status, student_view
from grader.terminal import render_check

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "misconceptions.md"
ASSIGNMENTS = sorted(path.parent for path in ROOT.glob("assignments/*/assignment.toml"))
SEED = 1

_HEAD = """\
# Misconceptions

Every known mistake of each assignment, and what a student who makes it reads: the first failing
check that shows the hint, as the terminal shows it. Written by `make docs`; do not edit it by hand.
"""
_TABLE = """\
| hint | mistake | checks that fail | of these, with the hint |
| --- | --- | --- | --- |
"""

Reports: TypeAlias = dict[KnownSubmission, Report]


def grade_known(folder: Path) -> Reports:
    """The report of each known-wrong submission of the assignment in a folder."""
    assignment = load_assignment(folder)
    known_wrong = load_known_submissions(assignment).known_wrong
    return {each: grade_here(each.submission, assignment, seed=SEED) for each in known_wrong}


def document(reports: Mapping[str, Reports]) -> str:
    """The page, from the reports of each assignment by its name."""
    contents = "".join(f"- [{slug}](#{slug}): {len(known)}\n" for slug, known in reports.items())
    chapters = (chapter(slug, known) for slug, known in reports.items())
    return "\n".join((_HEAD, contents, *chapters))


def chapter(slug: str, reports: Reports) -> str:
    """One assignment's part of the page."""
    rows, sections = [], []
    for known, report in reports.items():
        expected = known.expectation
        failed = [c for c in student_view(report).checks if c.status is Status.FAILED]
        hinted = [c for c in failed if c.hint is not None and c.hint.id == expected.hint]
        rows.append(
            f"| [{expected.hint}](#{slug}-{expected.hint}) | {expected.mistake} | {len(failed)} | "
            f"{len(hinted)} |"
        )
        sections.append(_section(slug, known, hinted or failed))
    return f"## {slug}\n\n{_TABLE}" + "\n".join(rows) + "\n\n" + "\n".join(sections)


def _section(slug: str, known: KnownSubmission, checks: list[CheckResult]) -> str:
    expected = known.expectation
    shown = render_check(checks[0])
    # The name of an assignment keeps headings apart: links to them are made of their words.
    return f"### {slug}: {expected.hint}\n\n{expected.mistake}.\n\n```\n{shown}\n```\n"


if __name__ == "__main__":
    known_mistakes = {folder.name: grade_known(folder) for folder in ASSIGNMENTS}
    DOCUMENT.write_text(document(known_mistakes), encoding="utf-8")
