"""Students whose true ratio to the reference is known, because they do its work so many times."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grader.checking.speed.work import Work

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "assignments" / "dense-conv1x1" / "reference" / "solution.py"
CHANNELS = 256

_STUDENT = '''\
"""The reference's product {times:.4f} times over: all rows {whole} times more, and a fraction."""

import numpy as np


class Dense:
    def __init__(self, in_features, units, use_bias=True):
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32) if use_bias else None

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        for _ in range({whole}):
            self.product(rows)
        self.product(rows[: round({fraction!r} * len(rows))])
        return self.product(rows)

    def product(self, rows):
        y = rows @ self.kernel
        y += self.bias
        return y
'''


@dataclass(frozen=True)
class Costs:
    """What one call of the reference costs, and what one product more in the same call.

    The first product of a call brings the input into the caches, and whatever a call costs besides
    comes with it; the further ones are cheaper.
    """

    rows: int
    call_s: float
    further_s: float

    def products(self, ratio: float) -> float:
        """How many products a call must do to take `ratio` times the reference's time."""
        return 1 + (ratio - 1) * self.call_s / self.further_s


def student_source(ratio: float, costs: Costs) -> str:
    """A layers.py whose forward takes `ratio` times the reference's time; the reference for 1."""
    if ratio == 1.0:
        return REFERENCE.read_text()
    extra = costs.products(ratio) - 1
    return _STUDENT.format(times=1 + extra, whole=int(extra), fraction=extra - int(extra))


def many_products(products: int) -> str:
    """A layers.py whose forward does the reference's product so often."""
    return _STUDENT.format(times=products, whole=products - 1, fraction=0.0)


def dense_of(source: str) -> Any:
    """The Dense layer of a module's text, loaded into this process."""
    names: dict[str, Any] = {"__name__": "layers"}
    exec(compile(source, "layers.py", "exec"), names)  # our own text
    return names["Dense"](CHANNELS, CHANNELS)


def make_work(rows: int) -> Callable[[np.random.Generator, int], Work]:
    """Work of always the same size; whole numbers, so that the result is exact."""

    def make(rng: np.random.Generator, _positions: int) -> Work:
        x, kernel = whole_numbers(rng, rows), whole_numbers(rng, CHANNELS)
        bias = whole_numbers(rng, 1)[0]
        return Work(
            layer="Dense",
            arguments=(CHANNELS, CHANNELS),
            parameters={"kernel": kernel, "bias": bias},
            call="forward",
            given=x,
            expected=x @ kernel + bias,
        )

    return make


def whole_numbers(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.integers(-8, 9, (rows, CHANNELS)).astype(np.float32)


def measure_costs(seconds: float, calls: int = 400) -> Costs:
    """Rows with which a call of the reference takes about so long, and its costs, in this process.

    Each call has a fresh input, as in a duel. Calls with one product and with five are timed in
    turn.
    """
    reference = dense_of(REFERENCE.read_text())
    five = dense_of(many_products(5))
    rng = np.random.default_rng(0)
    rows = 64
    while rows < 1 << 16:
        taken = statistics.median(timed(reference, whole_numbers(rng, rows)) for _ in range(30))
        if taken >= 0.7 * seconds:
            break
        rows *= 2
    rows = max(8, round(rows * seconds / taken))
    ones, fives = [], []
    for _ in range(calls):
        ones.append(timed(reference, whole_numbers(rng, rows)))
        fives.append(timed(five, whole_numbers(rng, rows)))
    call_s, five_s = statistics.median(ones), statistics.median(fives)
    return Costs(rows, call_s, (five_s - call_s) / 4)


def timed(layer: Any, x: np.ndarray) -> float:
    gc.disable()
    started = time.perf_counter()
    layer.forward(x)
    taken = time.perf_counter() - started
    gc.enable()
    return taken
