"""An examination for people and for programs."""

import json
from dataclasses import asdict
from typing import Any

from grader.doctor.examine import Examination, Item
from grader.doctor.finding import Finding, Severity
from grader.text import clean, columns, wrap

_NAME_WIDTH = 26
_MARK_WIDTH = 8


def render_item(item: Item, width: int = 80) -> str:
    """One line: the worst that was found, what it is, what was seen."""
    order = list(Severity)
    worst = min((order.index(each.severity) for each in item.findings), default=None)
    mark = "ok" if worst is None else order[worst].upper()
    line = f"{mark:<{_MARK_WIDTH}}{item.name:<{_NAME_WIDTH}} {clean(item.detail, 200)}"
    return wrap(line, width)[0] if columns(line) > width else line.rstrip()


def render_findings(examination: Examination, width: int = 80) -> list[str]:
    """Each with its code and its remedy; errors first, and what was accepted said so."""
    lines = []
    for finding in examination.findings:
        accepted = " (accepted)" if finding.code in examination.accepted else ""
        lines.append(f"{finding.severity.upper()} {finding.code}{accepted}")
        lines += [f"    {line}" for line in wrap(clean(finding.message, 1000), width - 4)]
        remedy = wrap(clean(finding.remedy), width - 7)
        lines += [f"    {'->' if not i else '  '} {line}" for i, line in enumerate(remedy)]
    return lines


def render_verdict(examination: Examination, width: int = 80) -> list[str]:
    """Whether it is fit, and how much was looked at."""
    parts = [_counted(len(examination.items), "item")]
    if not examination.probed:
        parts.append("nothing tried")
    for severity in Severity:
        count = sum(each.severity is severity for each in examination.findings)
        parts.append(_counted(count, severity.value))
    parts.append(f"{examination.seconds:.0f} s")
    fit = "FIT" if examination.is_fit else "NOT FIT"
    return wrap(f"{fit} for strangers' code in {examination.kind}: {', '.join(parts)}", width)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def to_json(examination: Examination) -> str:
    """The same as JSON."""

    def finding(each: Finding) -> dict[str, Any]:
        return {**asdict(each), "accepted": each.code in examination.accepted}

    document = {
        "format": 1,
        "sandbox": examination.kind,
        "fit": examination.is_fit,
        "probed": examination.probed,
        "accepted": sorted(examination.accepted),
        "seconds": round(examination.seconds, 3),
        "items": [
            {
                "name": item.name,
                "detail": item.detail,
                "findings": [finding(each) for each in item.findings],
            }
            for item in examination.items
        ],
    }
    return json.dumps(document, indent=2)
