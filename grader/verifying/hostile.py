"""V13: hostile code stays a student's problem."""

from collections.abc import Iterator, Mapping

from grader.report import Outcome, Report
from grader.verifying.finding import Finding, error
from grader.verifying.trial import Package, Place, Results, Trial

PREFIX = "hostile/"
_GRACE_S = 15.0
"""Beyond the limits: starting a sandbox, and ending one that does not want to."""


def trials(package: Package) -> Iterator[Trial]:
    """Each of the built-in battery, with short calls and nothing after the process has ended."""
    for name in package.submissions:
        if name.startswith(PREFIX):
            yield Trial(name=name, place=Place.QUICK)


def prove(package: Package, results: Results) -> list[Finding]:
    """None earns a point, is anybody else's fault, or takes longer than the limits say."""
    reports = {trial.name: results[trial] for trial in trials(package)}
    findings = [*_earned(reports)]
    for name, report in reports.items():
        findings += _of_one(package, name, report)
    return findings


def _earned(reports: Mapping[str, Report]) -> Iterator[Finding]:
    """One for each check, whoever got its points."""
    earners: dict[str, list[str]] = {}
    for name, report in reports.items():
        for check in report.checks:
            if check.points > 0:
                earners.setdefault(check.id, []).append(name)
    for check_id, names in earners.items():
        yield error(
            "V13-earned",
            check_id,
            f"Code that solves nothing earns points here: {', '.join(names)}.",
            "Ask in this check for a right result before, or beside, what is asked for now.",
        )


def _of_one(package: Package, name: str, report: Report) -> Iterator[Finding]:
    if report.outcome is not Outcome.GRADED:
        yield error(
            "V13-fault",
            name,
            f"Its grading ended as {report.outcome.value}: {report.message}",
            "Test what a student returned with a helper before you compute with it.",
        )
    limit = package.assignment.limits.wall_s + _GRACE_S
    seconds = report.durations.get("total", 0.0)
    if seconds > limit:
        yield error(
            "V13-overtime",
            name,
            f"Its grading took {seconds:.1f} s, with a limit of {limit:g} s.",
            "Lower limits.call_s and limits.restarts.",
        )
