"""Pictures as inline SVG: they need no script, and take their colours from the page.

Each is an image with a text alternative; the page shows the same figures in a table beside it.
"""

import math
import statistics
from collections.abc import Sequence

from markupsafe import Markup

from grader.measurement import SpeedMeasurement
from grader.wording import duration

WIDTH = 640
_LEFT, _RIGHT = 110, 40
_SHORTEST_S = 1e-9


def duel(speed: SpeedMeasurement) -> Markup:
    """Every judged call of both sides on one logarithmic axis of time, with the medians."""
    sides = {
        "you": speed.student_s[-speed.pairs :],
        "reference": speed.reference_s[-speed.pairs :],
    }
    logs = {name: [math.log(max(s, _SHORTEST_S)) for s in side] for name, side in sides.items()}
    low = min(min(side) for side in logs.values())
    high = max(max(side) for side in logs.values())
    room = max((math.log(2) - (high - low)) / 2, 0.02 * (high - low))
    low, high = low - room, high + room

    def x(log: float) -> float:
        return _LEFT + (log - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    parts = []
    for row, (name, side) in enumerate(logs.items()):
        y = 26 + 54 * row
        parts.append(_text(_LEFT - 10, y + 4, name, anchor="end"))
        parts.append(_line(_LEFT, y, WIDTH - _RIGHT, y, "axis"))
        parts += [_circle(x(log), y + 5 * (k % 3 - 1), f"dot {name}") for k, log in enumerate(side)]
        middle = statistics.median(side)
        parts.append(_line(x(middle), y - 15, x(middle), y + 15, "median"))
        parts.append(_text(x(middle), y + 32, duration(math.exp(middle)), anchor="middle"))
    parts.append(_text(_LEFT, 138, duration(math.exp(low)), anchor="start"))
    parts.append(_text(WIDTH - _RIGHT, 138, duration(math.exp(high)), anchor="end"))
    medians = {name: duration(statistics.median(side)) for name, side in sides.items()}
    return _picture(
        146,
        f"Times of {speed.pairs} calls each on a logarithmic axis: your median is "
        f"{medians['you']}, the reference's {medians['reference']}.",
        parts,
    )


def scores(history: Sequence[tuple[str, float | None]], highest: float) -> Markup:
    """Scores over attempts, the oldest first; a gap where there is none.

    Args:
        history: Label and score of each.
        highest: What can be reached.
    """
    known = [(k, score) for k, (_label, score) in enumerate(history) if score is not None]
    step = (WIDTH - _LEFT - _RIGHT) / max(len(history) - 1, 1)

    def place(k: int, score: float) -> tuple[float, float]:
        return _LEFT + k * step, 120 - 100 * score / max(highest, 1e-9)

    parts = [_line(_LEFT, y, WIDTH - _RIGHT, y, "axis") for y in (20, 70, 120)]
    for y, value in ((24, highest), (74, highest / 2), (124, 0)):
        parts.append(_text(_LEFT - 10, y, f"{round(value, 2):g}", anchor="end"))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(k, s) for k, s in known))
    parts.append(Markup('<polyline class="curve" points="{}"/>').format(points))
    parts += [_circle(*place(k, score), "dot you") for k, score in known]
    best = max((score for _k, score in known), default=0.0)
    last = known[-1][1] if known else 0.0
    return _picture(
        134,
        f"Scores of {len(history)} submissions: the best is {round(best, 2):g} of "
        f"{round(highest, 2):g}, the last graded one {round(last, 2):g}.",
        parts,
    )


def bars(values: Sequence[tuple[str, float]], what: str) -> Markup:
    """One horizontal bar each, longest possible for the largest.

    Args:
        values: Label and value, not less than 0.
        what: What is counted, for the text alternative.
    """
    largest = max((value for _label, value in values), default=0) or 1
    left = 200
    parts = []
    for row, (label, value) in enumerate(values):
        y = 8 + 24 * row
        width = value / largest * (WIDTH - left - 60)
        parts.append(_text(left - 10, y + 13, _shortened(label), anchor="end"))
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="16"/>').format(
                left, y, f"{width:.1f}"
            )
        )
        parts.append(_text(left + width + 8, y + 13, f"{round(value, 2):g}", anchor="start"))
    return _picture(8 + 24 * len(values), f"{what}: see the table.", parts)


def columns(values: Sequence[tuple[str, float]], what: str) -> Markup:
    """One upright bar each, side by side, as in a histogram.

    Args:
        values: Label and value, not less than 0.
        what: What is counted, for the text alternative.
    """
    largest = max((value for _label, value in values), default=0) or 1
    step = (WIDTH - 40) / max(len(values), 1)
    parts = [_line(20, 120, WIDTH - 20, 120, "axis")]
    every = max(1, math.ceil(len(values) / 8))
    for k, (label, value) in enumerate(values):
        height = value / largest * 90
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
                f"{20 + k * step + 1:.1f}",
                f"{120 - height:.1f}",
                f"{max(step - 2, 1):.1f}",
                f"{height:.1f}",
            )
        )
        middle = 20 + (k + 0.5) * step
        if value and len(values) <= 24:
            parts.append(_text(middle, 114 - height, f"{round(value, 2):g}", anchor="middle"))
        if k % every == 0:
            parts.append(_text(middle, 138, label, anchor="middle"))
    return _picture(146, f"{what}: see the table.", parts)


def _picture(height: int, alternative: str, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="picture" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, height, alternative, Markup("").join(parts))


def _text(x: float, y: float, text: str, *, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        f"{x:.1f}", f"{y:.1f}", anchor, text
    )


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        name, f"{x1:.1f}", f"{y1:.1f}", f"{x2:.1f}", f"{y2:.1f}"
    )


def _circle(x: float, y: float, name: str) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="3.5"/>').format(
        name, f"{x:.1f}", f"{y:.1f}"
    )


def _shortened(label: str, most: int = 25) -> str:
    return label if len(label) <= most else label[: most - 3] + "..."
