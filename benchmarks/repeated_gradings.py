"""Do the same submissions get the same points for speed, grading after grading?

    python benchmarks/repeated_gradings.py [--assignment dense-conv1x1] [--times 10]
                                           [--sandbox docker] [--only accepted/loops]

Grades every accepted and every slow submission of an assignment again and again, each time with
another seed and in fresh sandboxes, and prints the points of its checks of speed as a table. A run
of its defaults also writes the table into docs/benchmarks.md.
"""

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from verdict_report import DOCUMENT, filled, markdown_table

from grader.assignment import Assignment, load_assignment
from grader.grading import grade
from grader.known_submissions import KnownSubmission, load_known_submissions
from grader.report import Outcome, Report
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS, choose_sandbox

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "dense-conv1x1"
TIMES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--assignment", default=ASSIGNMENT)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--sandbox", choices=KINDS, default="docker")
    parser.add_argument("--only", help="one submission, like accepted/loops")
    options = parser.parse_args()
    assignment = load_assignment(ROOT / "assignments" / options.assignment)
    known = load_known_submissions(assignment)
    chosen = [
        each for each in (*known.accepted, *known.too_slow) if options.only in (None, each.name)
    ]
    if not chosen:
        parser.error(f"{options.assignment} has no submission {options.only}")
    launcher = choose_sandbox(options.sandbox, say=print).launcher
    rows: list[list[str]] = []
    try:
        for submission in chosen:
            with SandboxPool(launcher, assignment.limits) as pool:
                rows += described(submission, repeat(submission, assignment, pool, options.times))
    finally:
        launcher.close()
    header = ["submission", "check", "of", "points x gradings", "ratio, lowest to highest"]
    table = markdown_table(header, rows)
    print(table)
    if (options.assignment, options.times, options.only) == (ASSIGNMENT, TIMES, None):
        DOCUMENT.write_text(filled(DOCUMENT.read_text(), "repeated", table))


def repeat(
    submission: KnownSubmission, assignment: Assignment, pool: SandboxPool, times: int
) -> list[Report]:
    """Reports of so many gradings; those that came to nothing are said aloud, and repeated."""
    reports: list[Report] = []
    started = time.monotonic()
    while len(reports) < times:
        report = grade(submission.submission, assignment, pool, seed=secrets.randbits(48))
        if report.outcome is Outcome.GRADED:
            reports.append(report)
        elif report.outcome is Outcome.INFRASTRUCTURE_FAULT:
            print(f"{submission.name}: void: {report.message}", file=sys.stderr)
        else:
            raise SystemExit(f"{submission.name}: {report.message}")
    seconds = (time.monotonic() - started) / times
    print(f"{submission.name}: {seconds:.1f} s a grading", file=sys.stderr)
    return reports


def described(submission: KnownSubmission, reports: Sequence[Report]) -> list[list[str]]:
    """One row for each check of speed, and one for the whole."""
    rows: list[list[str]] = []
    for first in reports[0].checks:
        if not first.id.startswith("test_speed.py"):
            continue
        checks = [check for report in reports for check in report.checks if check.id == first.id]
        ratios = [
            c.speed.ratio for c in checks if c.speed is not None and c.speed.ratio is not None
        ]
        rows.append(
            [
                submission.name,
                first.id.rpartition("::")[2].removeprefix("test_").replace("_", " "),
                f"{first.max_points:g}",
                counted(check.points for check in checks),
                f"{min(ratios):.3g} to {max(ratios):.3g}" if ratios else "",
            ]
        )
    whole = [f"{reports[0].max_score:g}", counted(report.score or 0.0 for report in reports)]
    return [*rows, [submission.name, "**all checks**", *whole, ""]]


def counted(points: Iterable[float]) -> str:
    """How often each number of points occurred."""
    counts = Counter(round(each, 3) for each in points)
    return ", ".join(f"{each:g} x {count}" for each, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
