"""The runner's process: orders come on standard input, events go to standard output.

Standard output is set aside at once, so that nothing else is ever taken for an event.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from grader.assignment import load_assignment
from grader.bundle import bundle, to_zip
from grader.checking.run import list_checks
from grader.errors import GraderUnwell, OnebyoneError
from grader.report import CheckResult, Outcome, to_json
from grader.runner.bench import Bench
from grader.runner.messages import DescribeOrder, Event, GradeOrder, order_of, to_line
from grader.sandbox.select import KINDS
from grader.submission import load_submission


class _Runner:
    def __init__(self, bench: Bench, out: TextIO) -> None:
        self._bench = bench
        self._out = out

    def tell(self, kind: str, **body: object) -> None:
        self._out.write(to_line(Event(kind=kind, body=body)))
        self._out.flush()

    def do(self, order: GradeOrder | DescribeOrder) -> None:
        """Carry out; whatever goes wrong, one last event says so."""
        try:
            if isinstance(order, GradeOrder):
                self._grade(order)
            else:
                self._describe(order)
        except GraderUnwell as error:
            self.tell("unwell", message=str(error))
        except OnebyoneError as error:
            self.tell("fault", message=str(error), author=False)
        except OSError as error:
            self.tell("fault", message=f"This machine failed: {error}", author=False)

    def _grade(self, order: GradeOrder) -> None:
        self.tell("phase", name="preparing")
        assignment = load_assignment(Path(order.assignment))
        breaker = self._bench.breaker_for(assignment)
        if breaker.suspicious:
            self.tell("phase", name="testing the grader itself")
            breaker.require_well()
        self.tell("phase", name="running checks")

        def on_check(check: CheckResult, total: int) -> None:
            self.tell(
                "check", id=check.id, title=check.title, status=check.status.value, total=total
            )

        report = breaker.grade(
            load_submission(Path(order.submission)), seed=order.seed, on_check=on_check
        )
        if report.outcome is Outcome.GRADED:
            self.tell("report", report=json.loads(to_json(report)))
        else:
            author = report.outcome is Outcome.ASSIGNMENT_FAULT
            self.tell("fault", message=report.message or report.outcome.value, author=author)

    def _describe(self, order: DescribeOrder) -> None:
        assignment = load_assignment(Path(order.assignment))
        checks = [
            {
                "id": name,
                "title": info.title,
                "group": info.group,
                "points": info.points,
                "visibility": info.visibility,
            }
            for name, info in list_checks(assignment).items()
        ]
        Path(order.bundle).write_bytes(to_zip(bundle(assignment), assignment.slug))
        self.tell("description", checks=checks)


def main() -> int:
    """Serve orders until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m grader.runner", description=__doc__)
    parser.add_argument("--sandbox", choices=KINDS)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bench = Bench(options.sandbox)
    runner = _Runner(bench, out)
    try:
        runner.tell("phase", name="ready")
        for line in sys.stdin:
            runner.do(order_of(line))
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
