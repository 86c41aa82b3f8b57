"""V07: whoever makes a known mistake is told so, and nobody else is."""

import ast
from collections import Counter
from collections.abc import Iterator

from grader.known_submissions import KnownSubmission, KnownWrong, TooSlow
from grader.report import Report, without_times
from grader.verifying import accepted, known_wrong, reference, template, timing
from grader.verifying.finding import Finding, error
from grader.verifying.trial import REFERENCE, TEMPLATE, Package, Place, Results, Trial

_LEAST_NAMES = 2  # in an expression of the solution that a hint must not quote


def trials(package: Package) -> Iterator[Trial]:
    """Everything whose verdict is known, once."""
    for module in (template, reference, accepted, known_wrong, timing):
        yield from module.trials(package)


def prove(package: Package, results: Results) -> list[Finding]:
    """Each known-wrong submission shows its own hint and no other; what is right shows none."""
    reports = {
        trial.name: report for trial, report in results.items() if trial.place is Place.SANDBOX
    }
    findings = [*_unique(package.known.known_wrong), *_quotations(package)]
    for known in package.known.known_wrong:
        findings += _of_wrong(known, reports[known.name], reports)
    for known in package.known.too_slow:
        findings += _of_slow(known, reports[known.name])
    right = [TEMPLATE, REFERENCE, *(known.name for known in package.known.accepted)]
    for name in right:
        findings += _of_right(name, reports[name], package)
    return findings


def shown_hints(report: Report) -> dict[str, list[str]]:
    """The checks that show each hint, by its id."""
    shown: dict[str, list[str]] = {}
    for check in report.checks:
        if check.hint is not None:
            shown.setdefault(check.hint.id, []).append(check.id)
    return shown


def _of_wrong(
    known: KnownSubmission, report: Report, reports: dict[str, Report]
) -> Iterator[Finding]:
    expected = known.expectation
    assert isinstance(expected, KnownWrong)  # noqa: S101 - of its kind
    shown = shown_hints(report)
    for hint, checks in shown.items():
        if hint != expected.hint:
            yield error(
                "V07-other-hint",
                f"{known.name}, {checks[0]}",
                f"It shows the hint {hint!r}, which is another mistake's.",
                "Let the two submissions differ in what they compute on this check's inputs.",
            )
    if expected.hint in shown:
        return
    twins = [
        name
        for name, other in reports.items()
        if name.startswith("known_wrong/") and name != known.name and _equal(other, report)
    ]
    if twins:
        yield error(
            "V07-same-outputs",
            known.name,
            f"It gives the same results as {' and '.join(twins)}: nobody can tell them apart.",
            "Keep one of them, or add a check in which they differ.",
        )
    else:
        yield error(
            "V07-no-hint",
            known.name,
            f"No check shows its hint {expected.hint!r}.",
            "Compare with assert_matches and its kin, so that results can be told apart; and see "
            "whether another known-wrong submission explains the same cases.",
        )


def _of_slow(known: KnownSubmission, report: Report) -> Iterator[Finding]:
    expected = known.expectation
    assert isinstance(expected, TooSlow)  # noqa: S101 - of its kind
    if expected.hint not in shown_hints(report):
        yield error(
            "V07-no-hint",
            known.name,
            f"No check of speed shows its hint {expected.hint!r}.",
            "Name a slow path that the grader knows (docs/speed.md lists them).",
        )


def _of_right(name: str, report: Report, package: Package) -> Iterator[Finding]:
    for hint, checks in shown_hints(report).items():
        if all(package.checks[check].needs for check in checks) and name.startswith("accepted/"):
            continue  # a right solution may be slow, and is told why
        yield error(
            "V07-false-hint",
            f"{name}, {checks[0]}",
            f"It shows the hint {hint!r}, though it makes no known mistake.",
            "Find out why this known mistake explains it.",
        )


def _unique(known_wrong: tuple[KnownSubmission, ...]) -> Iterator[Finding]:
    for key in ("hint", "text", "mistake"):
        values = [str(getattr(known.expectation, key)) for known in known_wrong]
        for value, count in Counter(values).items():
            if count > 1:
                names = [k.name for k in known_wrong if getattr(k.expectation, key) == value]
                yield error(
                    "V07-same-hint",
                    " and ".join(names),
                    f"They have the same {key}: {value}",
                    "Give each misconception an id, a text and a mistake of its own.",
                )


def _quotations(package: Package) -> Iterator[Finding]:
    """Hints that hold an expression of the reference."""
    file = package.assignment.interface.file
    expressions = _expressions(package.submissions[REFERENCE].files[file])
    for known in package.known.known_wrong:
        assert isinstance(known.expectation, KnownWrong)  # noqa: S101 - of its kind
        text = "".join(known.expectation.text.split())
        held = sorted((each for each in expressions if each in text), key=len)
        if held:
            yield error(
                "V07-solution-in-hint",
                f"{known.name}/expect.toml",
                f"The hint holds code of the solution: {held[-1]}",
                "Say in words what is wrong, and where to look.",
            )


def _expressions(source: bytes) -> set[str]:
    """Expressions of several names, without spaces and without `self.`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp | ast.Call | ast.Subscript | ast.Compare):
            names = [n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)]
            if len(names) >= _LEAST_NAMES:
                text = "".join(ast.unparse(node).split())
                found |= {text, text.replace("self.", "")}
    return {text for text in found if len(text) >= 6}


def _equal(one: Report, other: Report) -> bool:
    def of(report: Report) -> list[tuple[object, ...]]:
        return [(c.id, c.status, c.message) for c in without_times(report).checks]

    return of(one) == of(other)
