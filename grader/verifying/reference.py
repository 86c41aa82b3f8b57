"""V04: the reference is perfect, in the sandbox that students' code gets."""

from collections.abc import Iterator

from grader.report import Outcome
from grader.verifying.finding import Finding, error
from grader.verifying.trial import REFERENCE, Package, Place, Results, Trial, lost


def trials(_package: Package) -> Iterator[Trial]:
    """The reference once, as if a student handed it in."""
    yield Trial(name=REFERENCE, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """It earns all points."""
    (report,) = (results[trial] for trial in trials(package))
    if report.outcome is not Outcome.GRADED:
        return [
            error(
                "V04-reference-loses",
                "reference/solution.py",
                f"It could not be graded: {report.message}",
                "Mend the assignment until the reference is graded.",
            )
        ]
    return [
        error(
            "V04-reference-loses",
            name,
            f"The reference does not earn all points: {message}",
            "Either the reference is wrong, or the check asks for too much.",
        )
        for name, message in lost(report).items()
    ]
