"""V06: what is wrong is caught, by the checks that its author names and by no other."""

from collections.abc import Iterator

from grader.known_submissions import KnownSubmission, KnownWrong, unknown_check
from grader.report import Outcome, Report
from grader.verifying.finding import Finding, error
from grader.verifying.trial import Package, Place, Results, Trial, lost


def trials(package: Package) -> Iterator[Trial]:
    """Each known-wrong submission once."""
    for known in package.known.known_wrong:
        yield Trial(name=known.name, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """Each fails all of `fails`, and nothing beyond `fails` and `may_fail`."""
    findings: list[Finding] = []
    for known in package.known.known_wrong:
        report = results[Trial(name=known.name, place=Place.SANDBOX)]
        findings += _of_one(package, known, report)
    return findings


def _of_one(package: Package, known: KnownSubmission, report: Report) -> Iterator[Finding]:
    expected = known.expectation
    assert isinstance(expected, KnownWrong)  # noqa: S101 - of its kind
    for name in sorted({*expected.fails, *expected.may_fail} - set(package.checks)):
        yield error(
            "V06-unknown-check",
            f"{known.name}/expect.toml",
            unknown_check(name, package.checks),
            "Name checks as reports do: test_file.py::test_name.",
        )
    if report.outcome is not Outcome.GRADED:
        yield error(
            "V06-check-breaks",
            known.name,
            f"It could not be graded: {report.message}",
            "A check must test what it was given before it works with it.",
        )
        return
    failed = set(lost(report)) - package.last_checks
    for name in sorted(set(expected.fails) & set(package.checks) - failed):
        yield error(
            "V06-not-caught",
            f"{known.name}, {name}",
            f"This check passes a submission that is known to be wrong: {expected.mistake}.",
            "Mend the check, or take it out of `fails` in expect.toml.",
        )
    for name in sorted(failed - {*expected.fails, *expected.may_fail}):
        yield error(
            "V06-fails-more",
            f"{known.name}, {name}",
            f"This check fails it and is not named in expect.toml: {lost(report)[name]}",
            "Name it in `fails`, or find out why it fails what is right about this submission.",
        )
