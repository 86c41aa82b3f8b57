"""What `grader verify` shows at its end: a row for each submission, a column for each group."""

from collections.abc import Mapping, Sequence

from grader.known_submissions import KnownWrong, TooSlow
from grader.report import CheckResult, Report
from grader.text import clean, wrap
from grader.verifying.finding import Finding, Severity
from grader.verifying.hints import shown_hints
from grader.verifying.mutation import MutationScore
from grader.verifying.trial import REFERENCE, TEMPLATE, Package, Place, Results

_LEAST_NAME = 12


def matrix(package: Package, results: Results) -> dict[str, Report]:
    """The sandboxed grading of each submission, in the order of the table."""
    reports = {t.name: r for t, r in results.items() if t.place is Place.SANDBOX}
    order = [REFERENCE, TEMPLATE, *(known.name for known in package.known.all)]
    return {name: reports[name] for name in order if name in reports}


def render_table(package: Package, results: Results, width: int = 80) -> list[str]:
    """Passed checks of all, by submission and group; and the hint that was shown.

    Args:
        package: What was tried.
        results: How it ended.
        width: Columns to fill; the names are cut where it is too narrow.
    """
    rows = matrix(package, results)
    if not rows:
        return []
    groups = [
        name
        for name in package.assignment.points
        if any(check.group == name for report in rows.values() for check in report.checks)
    ]
    heads = [group[: max(5, (width - 42) // max(len(groups), 1) - 1)] for group in groups]
    cells = [
        [_cell([c for c in report.checks if c.group == group]) for group in groups]
        for report in rows.values()
    ]
    widths = [
        max(len(head), *(len(row[column]) for row in cells)) for column, head in enumerate(heads)
    ]
    hints = [_hint(package, name, report) for name, report in rows.items()]
    room = width - sum(widths) - len(widths) - max(map(len, hints)) - 2
    name_width = max(_LEAST_NAME, min(room, max(map(len, rows))))
    lines = [_line(package.assignment.slug, heads, "hint", name_width, widths, width)]
    for name, row, hint in zip(rows, cells, hints, strict=True):
        lines.append(_line(name, row, hint, name_width, widths, width))
    return lines


def render_findings(findings: Sequence[Finding], width: int = 80) -> list[str]:
    """Each with its code, its place and its remedy; errors first."""
    lines = []
    for finding in sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, f.code)):
        lines += wrap(f"{finding.severity.upper()} {finding.code}  {clean(finding.place)}", width)
        lines += [f"    {line}" for line in wrap(clean(finding.message, 600), width - 4)]
        lines += [f"    -> {line}" for line in wrap(clean(finding.remedy), width - 7)[:1]]
        lines += [f"       {line}" for line in wrap(clean(finding.remedy), width - 7)[1:]]
    return lines


def render_mutants(reached: MutationScore) -> str:
    """One line on what the checks catch."""
    names = [f"{mutant.name} (line {mutant.line})" for mutant in reached.survivors]
    alive = f"; alive: {', '.join(names)}" if names else ""
    return f"mutants {reached.caught}/{reached.counted} caught{alive}"


def points(report: Report) -> Mapping[str, float]:
    """Points of each group."""
    return {group.name: group.score for group in report.groups}


def _cell(checks: Sequence[CheckResult]) -> str:
    passed = sum(check.points >= check.max_points for check in checks)
    return f"{passed}/{len(checks)}" if checks else "-"


def _hint(package: Package, name: str, report: Report) -> str:
    shown = list(shown_hints(report))
    wanted = [
        known.expectation.hint
        for known in package.known.all
        if known.name == name and isinstance(known.expectation, KnownWrong | TooSlow)
    ]
    if wanted and wanted[0] not in shown:
        return f"{', '.join(shown) or 'NONE'}, want {wanted[0]}"
    return ", ".join(shown) or "-"


def _line(
    name: str, cells: Sequence[str], hint: str, name_width: int, widths: Sequence[int], width: int
) -> str:
    shown = name if len(name) <= name_width else f"{name[: name_width - 2]}.."
    columns = [f"{cell:>{wide}}" for cell, wide in zip(cells, widths, strict=True)]
    return " ".join([f"{shown:<{name_width}}", *columns, f" {hint}"])[:width].rstrip()
