"""V15: the points add up and are honest."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from grader.assignment import Assignment
from grader.checking.decorators import CheckInfo
from grader.verifying.finding import Finding, error

_COUNTS = re.compile(r"\bof\s+(\d+)\s+checks,\s+(\d+)\s+(?:is|are)\s+hidden\b", re.IGNORECASE)


def prove(assignment: Assignment, checks: Mapping[str, CheckInfo]) -> list[Finding]:
    """Groups sum to their totals, titles are sentences, and students know what is hidden."""
    return [
        *_of_points(assignment, checks),
        *_of_titles(checks),
        *_of_needs(checks),
        *_of_statement(assignment, checks),
    ]


def _of_points(assignment: Assignment, checks: Mapping[str, CheckInfo]) -> Iterator[Finding]:
    for group, total in assignment.points.items():
        added = sum(info.points for info in checks.values() if info.group == group)
        if abs(added - total) > 1e-9:
            yield error(
                "V15-points",
                f"assignment.toml, {group}",
                f"[points] gives {group} {total:g}, and its checks add up to {added:g}.",
                "Change the one or the other.",
            )


def _of_titles(checks: Mapping[str, CheckInfo]) -> Iterator[Finding]:
    counts = Counter(info.title for info in checks.values())
    for name, info in checks.items():
        if counts[info.title] > 1:
            yield error(
                "V15-title",
                name,
                f"Another check has the same title: {info.title}",
                "Say in the docstring's first line what this one asks for.",
            )
        elif not info.title.endswith(".") or len(info.title) > 100:
            yield error(
                "V15-title",
                name,
                f"The title is no short sentence: {info.title[:120]}",
                "Let the docstring's first line end with a full stop, in at most 100 characters.",
            )


def _of_needs(checks: Mapping[str, CheckInfo]) -> Iterator[Finding]:
    """Groups whose checks wait for each other: passing one could never lead to the next."""
    needs: dict[str, set[str]] = {}
    for info in checks.values():
        needs.setdefault(info.group, set()).update(info.needs)
    for group, wanted in needs.items():
        reached, ahead = set[str](), set(wanted)
        while ahead:
            each = ahead.pop()
            reached.add(each)
            ahead |= needs.get(each, set()) - reached
        if group in reached:
            yield error(
                "V15-needs",
                group,
                f"The group {group} needs itself, by way of {', '.join(sorted(wanted))}.",
                "Let `needs` name groups that do not need this one.",
            )


def _of_statement(assignment: Assignment, checks: Mapping[str, CheckInfo]) -> Iterator[Finding]:
    hidden = sum(info.visibility != "public" for info in checks.values())
    text = assignment.statement.read_text(encoding="utf-8", errors="replace")
    said = [(int(total), int(closed)) for total, closed in _COUNTS.findall(text)]
    if said != [(len(checks), hidden)]:
        yield error(
            "V15-hidden",
            "statement.md",
            f"Students must know that of {len(checks)} checks, {hidden} are hidden; "
            + (f"it says {_in_words(said)}." if said else "it does not say."),
            f"Write: Of {len(checks)} checks, {hidden} are hidden.",
        )


def _in_words(counts: list[tuple[int, int]]) -> str:
    return " and ".join(f"{hidden} of {total}" for total, hidden in counts)
