"""V11: what is right is far within its bound, and what is wrong is far beyond."""

import math
from collections.abc import Iterator

from grader.report import Report
from grader.verifying.finding import Finding, error
from grader.verifying.trial import FIRST_SEED, REFERENCE, Package, Place, Results, Trial

ROOM = 4.0
_METRIC = "worst_error_over_bound"


def trials(package: Package) -> Iterator[Trial]:
    """Everything with every seed."""
    known = (*package.known.accepted, *package.known.known_wrong)
    for name in (REFERENCE, *(each.name for each in known)):
        for seed in range(FIRST_SEED, FIRST_SEED + package.seeds):
            yield Trial(name=name, place=Place.HERE, seed=seed)


def prove(package: Package, results: Results) -> list[Finding]:
    """Errors of right code stay below a quarter of the bound; of wrong code, above four."""
    wrong = {known.name for known in package.known.known_wrong}
    findings: dict[tuple[str, str], Finding] = {}
    for trial in trials(package):
        one = _too_lax if trial.name in wrong else _no_room
        for check, finding in one(trial, results[trial]):
            findings.setdefault((trial.name, check), finding)
    return list(findings.values())


def room(package: Package, results: Results) -> tuple[float, float]:
    """Largest error of right code over its bound, and the smallest by which wrong code fails."""
    wrong = {known.name for known in package.known.known_wrong}
    right_worst, wrong_least = 0.0, math.inf
    for trial in trials(package):
        for check in results[trial].checks:
            ratio = check.metrics.get(_METRIC)
            if ratio is None or not math.isfinite(ratio):
                continue
            if trial.name not in wrong:
                right_worst = max(right_worst, ratio)
            elif check.points == 0 and ratio > 1.0:
                wrong_least = min(wrong_least, ratio)
    return right_worst, wrong_least


def _no_room(trial: Trial, report: Report) -> Iterator[tuple[str, Finding]]:
    for check in report.checks:
        ratio = check.metrics.get(_METRIC, 0.0)
        if ratio > 1.0 / ROOM:
            yield (
                check.id,
                error(
                    "V11-no-room",
                    f"{trial.name}, {check.id}",
                    f"With seed {trial.seed} the error of a right solution is {ratio:.2g} of its "
                    f"bound; more than 1/{ROOM:g} leaves no room.",
                    "Tell Expected of all roundings on the way (`terms`), and draw random numbers "
                    "rather than constants.",
                ),
            )


def _too_lax(trial: Trial, report: Report) -> Iterator[tuple[str, Finding]]:
    for check in report.checks:
        ratio = check.metrics.get(_METRIC, math.inf)
        if check.points == 0 and 1.0 < ratio < ROOM:
            yield (
                check.id,
                error(
                    "V11-too-lax",
                    f"{trial.name}, {check.id}",
                    f"With seed {trial.seed} it fails by an error of only {ratio:.2g} bounds; "
                    f"less than {ROOM:g} is luck.",
                    "Draw larger cases or more of them, or whole numbers, for which the bound is "
                    "zero.",
                ),
            )
