"""A report's findings as plain text, for whatever shows them."""

from collections.abc import Mapping

from grader.measurement import RungResult, RungVerdict, SpeedMeasurement
from grader.report import CheckResult, Status
from grader.text import clean

_SHOWN_LINES = 40
_SHOWN_ITEMS = 12
_IN_THE_MESSAGE = ("name", "wrong", "elements", "error")


def number(value: float) -> str:
    """Points, without the noise of binary fractions."""
    return f"{round(value, 4):.10g}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it, to two or three digits."""
    if seconds >= 9999.5:
        return f"{seconds:.2g} s"
    for unit, size in (("us", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds)} s"


def speed_ratio(speed: SpeedMeasurement) -> str:
    """How long the student's code took, measured by the reference; one line."""
    if speed.ratio is None or speed.low is None or speed.high is None:
        return "Its speed could not be measured."
    pairs = f"{speed.pairs} pair{'' if speed.pairs == 1 else 's'}"
    return (
        f"{_times(speed.ratio)} times the reference's time "
        f"({_times(speed.low)} to {_times(speed.high)}), {pairs}"
    )


def speed_verdict(check: CheckResult) -> list[str]:
    """What follows from a check's ratio: the rung it reached, and who had the doubt."""
    speed = check.speed
    if speed is None or speed.ratio is None or not speed.rungs:
        return []
    reached = next((r for r in speed.rungs if r.verdict is not RungVerdict.FAIL), None)
    lines = []
    if check.status is Status.PARTIAL or (check.status is Status.FAILED and speed.share == 0):
        lines.append(_rungs(speed, reached))
    if speed.benefit_of_doubt and reached is not None and check.points > 0:
        lines.append(
            f"The measurement stayed unsure whether this is at most {_bound(reached)} times: "
            f"you have the benefit of the doubt."
        )
    return lines


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
        drawn = check.counterexample.get("case")
        lines += ["Smallest case found:" if drawn else "In figures:"]
        lines += _table(check.counterexample)
    if check.output:
        lines += ["Your code printed:", *_quotation(check.output)]
    return lines


def _rungs(speed: SpeedMeasurement, reached: RungResult | None) -> str:
    best, last = speed.rungs[0], speed.rungs[-1]
    if reached is None or reached.share == 0:
        left = "none of the points"
        if speed.share > 0:
            left = f"{_percent(speed.share)} of the points, for a small case"
        text = f"More than {_bound(last)} times: {left}."
    else:
        text = f"At most {_bound(reached)} times: {_percent(reached.share)} of the points."
    return f"{text} At most {_bound(best)} times: {_percent(best.share)}."


def _bound(rung: RungResult) -> str:
    return f"{rung.at_most:.4g}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"


def _times(ratio: float) -> str:
    if 0.1 <= ratio < 9.995:
        return f"{ratio:.2f}"
    return _digits(ratio) if 9.995 <= ratio < 99_999.5 else f"{ratio:.2g}"


def _digits(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


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
