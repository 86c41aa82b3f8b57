"""What properties are proved with: gradings of code whose verdict is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from grader.assignment import Assignment
from grader.checking.decorators import CheckInfo
from grader.known_submissions import KnownSubmissions
from grader.report import Report
from grader.submission import Submission

REFERENCE = "reference"
TEMPLATE = "template"
FIRST_SEED = 1
"""Of all trials: a second `verify` sees the same."""


class Place(StrEnum):
    """Where a trial's code runs.

    `sandbox` is what a student's submission gets. `quick` is the same with calls cut short and
    nothing done after the end of a process. `here` is a process of ours: for an author's own code
    only, and without a measurement of speed.
    """

    SANDBOX = "sandbox"
    QUICK = "quick"
    HERE = "here"


@dataclass(frozen=True, kw_only=True, order=True)
class Trial:
    """One grading.

    Attributes:
        name: Of the submission: `reference`, `known_wrong/no_bias`, `mutant/...`.
        place: Where its code runs.
        seed: Of all drawn cases.
        turn: Tells repetitions apart.
        backwards: Whether the checks run in the opposite order.
        until_failure: Whether to stop at the first check that fails.
        only: The checks to run; none for all.
    """

    name: str
    place: Place
    seed: int = FIRST_SEED
    turn: int = 0
    backwards: bool = False
    until_failure: bool = False
    only: tuple[str, ...] = ()


Results: TypeAlias = Mapping[Trial, Report]


@dataclass(frozen=True)
class Package:
    """An assignment, and everything of it that is tried.

    Attributes:
        assignment: The assignment.
        checks: What each check declares, by its name.
        known: The submissions whose verdict its author knows.
        submissions: Everything that a trial can name.
        seeds: How many seeds verdicts are repeated with.
    """

    assignment: Assignment
    checks: Mapping[str, CheckInfo]
    known: KnownSubmissions
    submissions: Mapping[str, Submission]
    seeds: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "submissions", MappingProxyType(dict(self.submissions)))

    @property
    def last_checks(self) -> frozenset[str]:
        """The checks that run only where others passed: those of speed."""
        return frozenset(name for name, info in self.checks.items() if info.needs)


def lost(report: Report) -> dict[str, str]:
    """The checks that did not earn all of their points, and what the report says of each."""
    return {
        check.id: check.message or check.status.value
        for check in report.checks
        if check.points < check.max_points
    }
