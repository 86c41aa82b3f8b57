"""V10: the same submission has the same verdict, whatever the seed, the order and the place."""

from collections.abc import Iterator, Mapping

from grader.known_submissions import KnownWrong
from grader.report import Report, to_json, without_times
from grader.verifying.finding import Finding, error
from grader.verifying.trial import FIRST_SEED, REFERENCE, Package, Place, Results, Trial, lost


def trials(package: Package) -> Iterator[Trial]:
    """Each submission with every seed; once more with the first, once backwards."""
    for name in _names(package):
        for seed in range(FIRST_SEED, FIRST_SEED + package.seeds):
            yield Trial(name=name, place=Place.HERE, seed=seed)
        yield _again(name)
        yield _backwards(name)


def prove(package: Package, results: Results) -> list[Finding]:
    """Verdicts do not change."""
    may_fail = _may_fail(package)
    findings: list[Finding] = []
    for name in _names(package):
        ignored = package.last_checks | may_fail.get(name, frozenset())
        findings += _of_one(package, name, results, ignored)
    return findings


def _of_one(
    package: Package, name: str, results: Results, ignored: frozenset[str]
) -> Iterator[Finding]:
    first = results[Trial(name=name, place=Place.HERE)]
    verdict = _verdict(first, ignored)
    for seed in range(FIRST_SEED + 1, FIRST_SEED + package.seeds):
        other = _verdict(results[Trial(name=name, place=Place.HERE, seed=seed)], ignored)
        for check in sorted(verdict ^ other):
            yield error(
                "V10-seed",
                f"{name}, {check}",
                f"With seed {FIRST_SEED} it {_ends(check, verdict)}, with seed {seed} it "
                f"{_ends(check, other)}.",
                "Name the cases that a verdict depends on in `always` of @drawn, or draw more.",
            )
    if to_json(without_times(first)) != to_json(without_times(results[_again(name)])):
        changed = sorted(_differing(first, results[_again(name)]))
        yield error(
            "V10-run",
            f"{name}{', ' if changed else ''}{', '.join(changed[:3])}",
            f"Seed {FIRST_SEED} gave two different reports.",
            "Draw from `rng` and @drawn alone; use no clock, no global generator, no set order.",
        )
    for check in sorted(verdict ^ _verdict(results[_backwards(name)], ignored)):
        yield error(
            "V10-order",
            f"{name}, {check}",
            "Its verdict is another when the checks run in the opposite order.",
            "Let no check rely on what an earlier one left behind.",
        )


def _names(package: Package) -> list[str]:
    known = (*package.known.accepted, *package.known.known_wrong)
    return [REFERENCE, *(each.name for each in known)]


def _again(name: str) -> Trial:
    return Trial(name=name, place=Place.HERE, turn=1)


def _backwards(name: str) -> Trial:
    return Trial(name=name, place=Place.HERE, backwards=True)


def _may_fail(package: Package) -> Mapping[str, frozenset[str]]:
    return {
        known.name: frozenset(known.expectation.may_fail)
        for known in package.known.known_wrong
        if isinstance(known.expectation, KnownWrong)
    }


def _verdict(report: Report, ignored: frozenset[str]) -> frozenset[str]:
    return frozenset(lost(report)) - ignored


def _ends(check: str, verdict: frozenset[str]) -> str:
    return "fails" if check in verdict else "passes"


def _differing(one: Report, other: Report) -> set[str]:
    first = {check.id: check for check in without_times(one).checks}
    second = {check.id: check for check in without_times(other).checks}
    return {name for name in first if repr(first[name]) != repr(second.get(name))}
