"""Do the same submissions get the same points for speed, grading after grading?

    python benchmarks/repeated_gradings.py [--assignment dense-conv1x1] [--times 10]
                                           [--sandbox docker] [--only accepted/loops]

Grades every accepted and every slow submission of an assignment again and again, each time with
another seed and in fresh sandboxes, and prints the points of its checks of speed as a table.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from grader.assignment import Assignment, load_assignment
from grader.grading import grade
from grader.known_submissions import KnownSubmission, load_known_submissions
from grader.report import Outcome, Report
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS, choose_sandbox

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--assignment", default="dense-conv1x1")
    parser.add_argument("--times", type=int, default=10)
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
    try:
        print("| submission | check | points | of | gradings with these | ratio |")
        print("| --- | --- | --- | --- | --- | --- |")
        for submission in chosen:
            with SandboxPool(launcher, assignment.limits) as pool:
                reports = repeat(submission, assignment, pool, options.times)
            for row in rows(submission, reports):
                print(f"| {' | '.join(row)} |", flush=True)
    finally:
        launcher.close()


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


def rows(submission: KnownSubmission, reports: Sequence[Report]) -> list[list[str]]:
    """One for each check of speed, and each number of points that it gave."""
    table: list[list[str]] = []
    last = [check.id for check in reports[0].checks if _is_of_speed(check.id)]
    for name in last:
        checks = [check for report in reports for check in report.checks if check.id == name]
        ratios = [
            c.speed.ratio for c in checks if c.speed is not None and c.speed.ratio is not None
        ]
        spread = f"{min(ratios):.3g} to {max(ratios):.3g}" if ratios else ""
        for points in sorted({round(check.points, 6) for check in checks}):
            count = sum(round(check.points, 6) == points for check in checks)
            table.append(
                [
                    submission.name,
                    name.rpartition("::")[2],
                    f"{points:g}",
                    f"{checks[0].max_points:g}",
                    f"{count} / {len(reports)}",
                    spread,
                ]
            )
    scores = [report.score or 0.0 for report in reports]
    whole = f"{reports[0].max_score:g}"
    lowest, highest = min(scores), max(scores)
    shown = f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"
    table.append(
        [submission.name, "all checks", shown, whole, f"{len(scores)} / {len(scores)}", ""]
    )
    return table


def _is_of_speed(check: str) -> bool:
    return check.startswith("test_speed.py")


if __name__ == "__main__":
    main()
