"""V12: what is fast enough passes by a margin, what is slow fails by one, and nothing runs long."""

from collections.abc import Iterator

from grader.known_submissions import Accepted, KnownSubmission, TooSlow, unknown_check
from grader.report import CheckResult, Report, Status
from grader.verifying.finding import Finding, error, warning
from grader.verifying.trial import REFERENCE, Package, Place, Results, Trial

MARGIN = 1.3


def trials(package: Package) -> Iterator[Trial]:
    """The reference, and what is right, be it fast or slow."""
    known = (*package.known.accepted, *package.known.too_slow)
    for name in (REFERENCE, *(each.name for each in known)):
        yield Trial(name=name, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """Ratios keep clear of the rungs, and gradings of their time limit."""
    reports = {trial.name: results[trial] for trial in trials(package)}
    findings: list[Finding] = []
    for known in package.known.accepted:
        assert isinstance(known.expectation, Accepted)  # noqa: S101 - of its kind
        findings += _of_fast(package, known, known.expectation, reports[known.name])
    for known in package.known.too_slow:
        assert isinstance(known.expectation, TooSlow)  # noqa: S101 - of its kind
        findings += _of_slow(package, known, known.expectation, reports[known.name])
    for name, report in reports.items():
        findings += _of_time(package, name, report)
    return findings


def _of_fast(
    package: Package, known: KnownSubmission, expected: Accepted, report: Report
) -> Iterator[Finding]:
    for check in report.checks:
        if check.speed is None or package.checks[check.id].group in expected.points:
            continue
        ratio, full = _ratio_and_rung(check)
        if ratio is None:
            continue
        if check.points < check.max_points:
            yield error(
                "V12-accepted-slow",
                f"{known.name}, {check.id}",
                f"It takes {ratio:.2f} times the reference; all points need at most {full:g}.",
                "Let the first rung be one that every right solution reaches, or say in "
                "expect.toml what this one earns.",
            )
        elif ratio > full / MARGIN:
            yield warning(
                "V12-near",
                f"{known.name}, {check.id}",
                f"It takes {ratio:.2f} times the reference, near the rung at {full:g}.",
                f"Put rungs where nobody stands: {MARGIN:g} times away.",
            )


def _of_slow(
    package: Package, known: KnownSubmission, expected: TooSlow, report: Report
) -> Iterator[Finding]:
    checks = {check.id: check for check in report.checks}
    for name in expected.not_full:
        check = checks.get(name)
        if check is None:
            yield error(
                "V06-unknown-check",
                f"{known.name}/expect.toml",
                unknown_check(name, package.checks),
                "Name checks as reports do: test_file.py::test_name.",
            )
        elif check.points >= check.max_points:
            yield error(
                "V12-slow-passes",
                f"{known.name}, {name}",
                f"It is too slow, and earns all of {check.max_points:g} points.",
                "Lower the first rung, or let the check do what this one is slow at.",
            )
        else:
            ratio, full = _ratio_and_rung(check)
            if ratio is not None and ratio < full * MARGIN:
                yield warning(
                    "V12-near",
                    f"{known.name}, {name}",
                    f"It takes {ratio:.2f} times the reference, near the rung at {full:g}.",
                    f"Put rungs where nobody stands: {MARGIN:g} times away.",
                )
    for name, check in checks.items():
        wrong = check.points < check.max_points and not package.checks[name].needs
        if wrong or check.status is Status.NOT_RUN:
            yield error(
                "V12-slow-is-wrong",
                f"{known.name}, {name}",
                f"It should be right and only slow, but: {check.message}",
                "Mend the submission, or move it to known_wrong.",
            )


def _of_time(package: Package, name: str, report: Report) -> Iterator[Finding]:
    limit = package.assignment.limits.wall_s
    seconds = report.durations.get("total", 0.0)
    if seconds > limit / 2:
        yield error(
            "V12-too-long",
            name,
            f"Grading it took {seconds:.1f} s of {limit:g} s; more than half leaves no room.",
            "Raise limits.wall_s, or let the checks do less.",
        )


def _ratio_and_rung(check: CheckResult) -> tuple[float | None, float]:
    """What was measured, and the ratio that gives all points."""
    speed = check.speed
    if speed is None or not speed.rungs:
        return None, 0.0
    return speed.ratio, speed.rungs[0].at_most
