"""V05: what is right is accepted, however it is written."""

import ast
from collections.abc import Iterator

from grader.known_submissions import Accepted, KnownSubmission
from grader.report import Outcome, Report
from grader.verifying.finding import Finding, error
from grader.verifying.trial import REFERENCE, Package, Place, Results, Trial, lost


def trials(package: Package) -> Iterator[Trial]:
    """Each accepted submission once."""
    for known in package.known.accepted:
        yield Trial(name=known.name, place=Place.SANDBOX)


def prove(package: Package, results: Results) -> list[Finding]:
    """Each earns what it should, and one of them goes another way than the reference."""
    findings: list[Finding] = []
    for known in package.known.accepted:
        findings += _of_one(package, known, results[Trial(name=known.name, place=Place.SANDBOX)])
    return [*findings, *_too_alike(package)]


def _of_one(package: Package, known: KnownSubmission, report: Report) -> Iterator[Finding]:
    expected = known.expectation
    assert isinstance(expected, Accepted)  # noqa: S101 - of its kind
    if report.outcome is not Outcome.GRADED:
        yield error(
            "V05-accepted-loses",
            known.name,
            f"It could not be graded: {report.message}",
            "Mend the assignment until it is graded.",
        )
        return
    for name, message in lost(report).items():
        if package.checks[name].group not in expected.points:
            yield error(
                "V05-accepted-loses",
                f"{known.name}, {name}",
                f"A right solution does not earn all points: {message}",
                "Let the check accept every right way, or say in expect.toml what it earns.",
            )
    for group in report.groups:
        low, high = expected.points.get(group.name, (group.max_score,) * 2)
        if group.name in expected.points and not low <= group.score <= high:
            yield error(
                "V05-accepted-loses",
                f"{known.name}, {group.name}",
                f"It earns {group.score:g} points; expect.toml says {low:g} to {high:g}.",
                "Mend the ladder or the expectation.",
            )
    for group_name in sorted(set(expected.points) - set(package.assignment.points)):
        yield error(
            "V05-accepted-loses",
            f"{known.name}/expect.toml",
            f"There is no group {group_name!r}.",
            "Name a group of [points].",
        )


def _too_alike(package: Package) -> list[Finding]:
    """Whether none of them uses other operations than the reference does."""
    file = package.assignment.interface.file
    reference = _operations(package.submissions[REFERENCE].files[file])
    for known in package.known.accepted:
        if _operations(known.submission.files[file]) != reference:
            return []
    return [
        error(
            "V05-too-alike",
            "submissions/accepted",
            "No accepted submission uses other operations than the reference: whether the checks "
            "accept another right way is not known.",
            "Add one that differs in method, and in memory layout or in the dtype of what it "
            "computes with in between.",
        )
    ]


def _operations(source: bytes) -> frozenset[str]:
    """Names of everything that is called, and of all operators."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = node.func
            found.add(function.attr if isinstance(function, ast.Attribute) else ast.dump(function))
        elif isinstance(node, ast.operator):
            found.add(type(node).__name__)
    return frozenset(found)
