"""Samples drawn for a terminal: where each of them lies on one logarithmic axis of time."""

import math
import statistics
from collections.abc import Mapping, Sequence

from grader.wording import duration

_INK = " .:+*#"
_SHORTEST_S, _LONGEST_S = 1e-9, 1e9
"""What no clock of ours tells apart, and what no duel takes: a logarithm needs such ends."""
_CAPTION = "median"


def strips(sides: Mapping[str, Sequence[float]], width: int) -> list[str]:
    """One line for each side, with its median at the end, and the axis that they share.

    A character stands for the samples in its place: `.` is 1, `:` 2 or 3, `+` 4 to 7, `*` 8 to
    15, `#` more; `|` is the median. The axis spans a factor of two at least, so that noise on two
    equal sides does not look like a difference.

    Args:
        sides: Seconds of at least one call each, by name.
        width: Columns of a line. Where it is too narrow for the ends of the axis, they are left
            out.
    """
    logs = {name: [_log(seconds) for seconds in samples] for name, samples in sides.items()}
    medians = {name: min(statistics.median(samples), _LONGEST_S) for name, samples in sides.items()}
    low, high = _axis([log for side in logs.values() for log in side])
    labels = max(map(len, sides)) + 2
    figures = max(len(_CAPTION), *(len(duration(median)) for median in medians.values()))
    cells = max(width - labels - figures - len("[] "), 1)
    lines = []
    for name, side in logs.items():
        counts = [0] * cells
        for log in side:
            counts[_cell(log, low, high, cells)] += 1
        drawn = [_INK[min(count.bit_length(), len(_INK) - 1)] for count in counts]
        drawn[_cell(_log(medians[name]), low, high, cells)] = "|"
        median = duration(medians[name])
        lines.append(f"{name:<{labels}}[{''.join(drawn)}] {median:>{figures}}")
    first, last = duration(math.exp(low)), duration(math.exp(high))
    space = cells + len("[]") - len(first) - len(last)
    if space < 1:
        return lines
    return [*lines, f"{'':{labels}}{first}{'':{space}}{last} {_CAPTION:>{figures}}"]


def _log(seconds: float) -> float:
    return math.log(min(max(seconds, _SHORTEST_S), _LONGEST_S))


def _axis(logs: Sequence[float]) -> tuple[float, float]:
    low, high = min(logs), max(logs)
    margin = max(math.log(2) - (high - low), 0) / 2
    return low - margin, high + margin


def _cell(log: float, low: float, high: float, cells: int) -> int:
    return min(max(int((log - low) / (high - low) * cells), 0), cells - 1)
