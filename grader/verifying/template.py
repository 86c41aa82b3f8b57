"""V03: the template is a start, and no more than that."""

from collections.abc import Iterator

from grader.report import CheckResult, Outcome, Status
from grader.verifying.finding import Finding, error
from grader.verifying.trial import TEMPLATE, Package, Place, Results, Trial

_CLEAN = "Your code raised NotImplementedError"


def trials(_package: Package) -> Iterator[Trial]:
    """The template once, as if a student handed it in."""
    yield Trial(name=TEMPLATE, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """It loads, earns nothing, and every check says that something is not implemented yet."""
    (report,) = (results[trial] for trial in trials(package))
    place = f"template/{package.assignment.interface.file}"
    if report.outcome is not Outcome.GRADED:
        return [
            error(
                "V03-template-breaks",
                place,
                f"The template could not be graded: {report.message}",
                "Let every method of the template raise NotImplementedError, and test in checks "
                "what a student returned before you work with it.",
            )
        ]
    if report.failure is not None:
        return [
            error(
                "V03-template-does-not-load",
                place,
                report.message or f"The template ended with {report.failure.value}.",
                "The template must be importable, and define every export of [interface].",
            )
        ]
    return [finding for check in report.checks for finding in _of_check(check)]


def _of_check(check: CheckResult) -> Iterator[Finding]:
    if check.points > 0:
        yield error(
            "V03-template-earns",
            check.id,
            f"The template earns {check.points:g} points here, for no work.",
            "Ask for something in this check that a student has to write first.",
        )
    elif check.status is not Status.NOT_RUN and not _is_clean(check):
        yield error(
            "V03-template-breaks",
            check.id,
            f"Instead of saying that something is not implemented, it says: {check.message}",
            "Let every method of the template raise NotImplementedError.",
        )


def _is_clean(check: CheckResult) -> bool:
    """Not implemented, or a plain wrong answer: a method without a body returns None."""
    return check.failure is None or (check.message or "").startswith(_CLEAN)
