"""A report's findings as plain text, for whatever shows them."""

from collections.abc import Mapping

from grader.report import CheckResult
from grader.text import clean

_SHOWN_LINES = 40
_SHOWN_ITEMS = 12
_IN_THE_MESSAGE = ("name", "wrong", "elements", "error")


def number(value: float) -> str:
    """Points, without the noise of binary fractions."""
    return f"{round(value, 4):.10g}"


def findings(check: CheckResult) -> list[str]:
    """What a student reads below a check's title, in lines of any length; cleaned."""
    lines: list[str] = []
    if check.message:
        lines += clean(check.message).split("\n")
    elif check.failure is not None:
        lines += [f"Stopped by: {check.failure.value.replace('_', ' ')}."]
    if check.hint is not None:
        lines += [f"Hint: {clean(check.hint.text, 1000)}"]
    if check.counterexample:
        lines += ["Smallest case found:", *_table(check.counterexample)]
    if check.output:
        lines += ["Your code printed:", *_quotation(check.output)]
    return lines


def _table(values: Mapping[str, object]) -> list[str]:
    rows = [
        (clean(key.replace("_", " "), 24), _value(value))
        for key, value in values.items()
        if key not in _IN_THE_MESSAGE
    ]
    widest = max((len(label) for label, _ in rows), default=0)
    return [f"  {label:<{widest}}  {shown}" for label, shown in rows]


def _value(value: object, depth: int = 3) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, Mapping) and depth:
        items = [f"{clean(str(k), 40)}={_value(v, depth - 1)}" for k, v in value.items()]
        return ", ".join(_capped(items))
    if isinstance(value, (list, tuple)) and depth:
        items = _capped([_value(item, depth - 1) for item in value[: _SHOWN_ITEMS + 1]])
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return clean(str(value), 200).replace("\n", " ")


def _capped(items: list[str]) -> list[str]:
    return items if len(items) <= _SHOWN_ITEMS else [*items[:_SHOWN_ITEMS], "..."]


def _quotation(text: str) -> list[str]:
    lines = clean(text).rstrip("\n").split("\n")
    more = len(lines) - _SHOWN_LINES
    shown = [f"  | {line}" for line in lines[:_SHOWN_LINES]]
    return [*shown, f"  | ({more} more lines)"] if more > 0 else shown
