"""A circuit breaker: after a fault of ours, known submissions must come out right first.

A broken image, a wrong NumPy or a full disk need not raise anything: it may give wrong verdicts.
Two submissions whose verdicts an assignment's author knows, one right and one wrong, tell.
"""

from collections import Counter
from typing import Any

from grader.assignment import Assignment
from grader.checking.run import Selection
from grader.errors import AssignmentInvalid, GraderUnwell, InfrastructureFault
from grader.grading import grade
from grader.known_submissions import KnownSubmission, KnownWrong, load_known_submissions
from grader.report import Outcome, Report
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission

FAULTS_OF_ONE = 3
"""So many faults of one submission, each with a grader that was well, are that submission's."""

_QUICKLY = Selection(untimed=True, diagnosed=False)


def examine(assignment: Assignment, pool: SandboxPool) -> list[str]:
    """Grade an accepted and a known-wrong submission; speed is left out.

    Args:
        assignment: Has at least one of each.
        pool: Where student code runs.

    Returns:
        What came out otherwise than its author says, one sentence each; nothing where all is well.

    Raises:
        AssignmentInvalid: The assignment has no such submissions.
    """
    known = load_known_submissions(assignment)
    if not (known.accepted and known.known_wrong):
        raise AssignmentInvalid(
            f"{assignment.slug} needs an accepted and a known-wrong submission: without them "
            f"nobody can tell whether the grader is well."
        )
    canaries = [*known.accepted[:1], *known.known_wrong[:1]]
    return [
        f"{canary.name} {problem}"
        for canary in canaries
        if (problem := _problem(canary, assignment, pool))
    ]


class Breaker:
    """Grades the submissions of one assignment, as long as the grader is well.

    Args:
        assignment: What is handed in for.
        pool: Where student code runs.

    Attributes:
        suspicious: Whether something failed since known submissions last came out right; they are
            graded before the next one then. So it is in the beginning.
    """

    def __init__(self, assignment: Assignment, pool: SandboxPool) -> None:
        self.suspicious = True
        self._assignment = assignment
        self._pool = pool
        self._faults: Counter[str] = Counter()

    def grade(self, submission: Submission, **options: Any) -> Report:
        """As `grader.grading.grade` does.

        Args:
            submission: What the student handed in.
            options: Of `grader.grading.grade`.

        Raises:
            GraderUnwell: Known submissions do not come out right: nobody is graded.
        """
        if self.suspicious:
            self.require_well()
        report = grade(submission, self._assignment, self._pool, **options)
        if report.outcome is Outcome.INFRASTRUCTURE_FAULT:
            self.suspicious = True
            self._faults[submission.sha256] += 1
        return report

    def require_well(self) -> None:
        """Grade the known submissions now. Raises GraderUnwell."""
        self.suspicious = True
        try:
            problems = examine(self._assignment, self._pool)
        except InfrastructureFault as fault:
            problems = [str(fault)]
        if problems:
            self._faults.clear()  # they were not the submissions'
            raise GraderUnwell(
                f"This machine does not grade {self._assignment.slug} as it should, so it grades "
                f"nobody: {' '.join(problems)} Run `grader doctor`."
            )
        self.suspicious = False

    def is_poison(self, submission: Submission) -> bool:
        """Whether it has failed again and again though the grader was well.

        It is kept without a score, and a person looks at it; the others are graded meanwhile.
        """
        return self._faults[submission.sha256] >= FAULTS_OF_ONE


def _problem(canary: KnownSubmission, assignment: Assignment, pool: SandboxPool) -> str | None:
    report = grade(canary.submission, assignment, pool, selection=_QUICKLY)
    if report.outcome is not Outcome.GRADED:
        return f"was not graded ({report.message})."
    lost = {check.id for check in report.checks if check.points < check.max_points}
    expected = canary.expectation
    if isinstance(expected, KnownWrong):
        run = {check.id for check in report.checks}
        missed = set(expected.fails) & run - lost
        return f"passes {', '.join(sorted(missed))}." if missed else None
    return f"fails {', '.join(sorted(lost))}." if lost else None
