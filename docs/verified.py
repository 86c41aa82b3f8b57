"""Write docs/verified.md: what `grader verify` found of the assignments here, from its records.

python docs/verified.py
"""

from pathlib import Path

from grader.assignment import Assignment, load_assignment
from grader.verifying.record import Record, load_record, why_not_publishable

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "verified.md"
FOLDERS = sorted(path.parent for path in ROOT.glob("assignments/*/assignment.toml"))

_HEAD = """\
# What is proved of the assignments here

From the record that `grader verify` wrote for each, `assignments/<slug>/verified.json`; all fifteen
properties of [findings.md](findings.md) were proved in the sandbox that is named. Written by
`make docs`; do not edit it by hand.

*Error* is the largest one of what is right, over its bound, and the smallest one of what is wrong.

| assignment | sandbox | graded | seeds | mutants caught | error, right | error, wrong | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
_MUTANTS = """
## Mutants that no check catches

A mutant is the reference with one small change. Those that compute the same are excused, each with
its reason; what else survives is listed by name.
"""


def records() -> list[tuple[Assignment, Record]]:
    """Each assignment with the record that would let it be published.

    Raises:
        SystemExit: One has none.
    """
    found = []
    for assignment in map(load_assignment, FOLDERS):
        record = load_record(assignment)
        why = why_not_publishable(assignment)
        if record is None or why is not None:
            raise SystemExit(f"{assignment.slug}: {why}")
        found.append((assignment, record))
    return found


def document() -> str:
    """The page."""
    found = records()
    rows = "".join(_row(*each) for each in found)
    mutants = "".join(_mutants(*each) for each in found)
    return f"{_HEAD}{rows}{_MUTANTS}{mutants}"


def _row(assignment: Assignment, record: Record) -> str:
    caught, counted = record.mutation_score or (0, 0)
    cells = (
        assignment.slug,
        record.sandbox,
        f"{len(record.matrix)}",
        f"{record.seeds}",
        f"{caught} of {counted}",
        _figure(record.worst_error_over_bound),
        _figure(record.least_error_over_bound),
        f"{record.seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |\n"


def _figure(value: float | None) -> str:
    return "all bounds are zero" if value is None else f"{value:.3g}"


def _mutants(assignment: Assignment, record: Record) -> str:
    lines = [f"- `{each.mutant}`: {each.reason}" for each in assignment.verify.equivalent]
    lines += [f"- `{name}`: **not excused**" for name in record.survivors]
    return f"\n### {assignment.slug}\n\n" + ("\n".join(lines) or "None.") + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
