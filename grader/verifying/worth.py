"""V08: every check earns its place."""

from collections.abc import Iterator

from grader.report import Outcome
from grader.verifying import known_wrong, mutation, timing
from grader.verifying.finding import Finding, error
from grader.verifying.trial import Package, Results, Trial, lost


def trials(package: Package) -> Iterator[Trial]:
    """What is wrong or slow, and the reference's mutants."""
    for module in (known_wrong, timing, mutation):
        yield from module.trials(package)


def prove(package: Package, results: Results) -> list[Finding]:
    """Each check fails something that is wrong or too slow."""
    accepted = {known.name for known in package.known.accepted}
    fail: set[str] = set()
    for trial in trials(package):
        report = results[trial]
        if trial.name in accepted or report.outcome is not Outcome.GRADED:
            continue
        wrong = not trial.name.startswith("too_slow/")
        fail |= set(lost(report)) - (package.last_checks if wrong else frozenset())
    return [
        error(
            "V08-never-fails",
            name,
            "Nothing fails this check: no known-wrong or slow submission, and no mutant that "
            "another check did not catch before.",
            "Add a known-wrong submission that it catches, or take the check out.",
        )
        for name in package.checks
        if name not in fail
    ]
