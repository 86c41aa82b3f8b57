"""The rules by which other graders judge speed, and ours, on the same calls in one process.

The rules are written from their descriptions. Each answers with a ratio, and judges it by the rung
alone: none of them can be unsure. `serve` runs in a process of its own, pinned and with one BLAS
thread, which measures what it is asked for.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from known_students import (
    REFERENCE,
    Costs,
    dense_of,
    measure_costs,
    student_source,
    timed,
    whole_numbers,
)

from grader.assignment_schema import Rung
from grader.checking.speed.verdict import LOOKS, interval, is_decided, judge
from grader.measurement import RungVerdict

CALLS = 100
ALTERNATION = "pairs, judged as a duel, in one process"


@dataclass(frozen=True)
class Samples:
    """Seconds of calls in two blocks, one after the other, and of a baseline measured long ago."""

    student: Sequence[float]
    reference: Sequence[float]
    baseline_s: float


def mean_over_stored(samples: Samples) -> float:
    """KernelBench: the mean of 100 calls over a baseline's that was measured at another time."""
    return statistics.fmean(samples.student) / samples.baseline_s


def until_error_is_small(samples: Samples) -> float:
    """Kernelbot: 3 to 100 calls, until the mean's standard error is 0.1 % of it; of both sides."""
    return _mean_until_steady(samples.student) / _mean_until_steady(samples.reference)


def median_of_blocks(samples: Samples) -> float:
    """Pygpubench: the median of up to 100 calls in a row; here over the reference's median."""
    return statistics.median(samples.student) / statistics.median(samples.reference)


def least_of_blocks(samples: Samples) -> float:
    """pytest-benchmark, compared by min: the fastest of 30 calls over the reference's fastest."""
    return min(samples.student[:30]) / min(samples.reference[:30])


RULES: dict[str, Callable[[Samples], float]] = {
    "mean over a stored baseline (KernelBench)": mean_over_stored,
    "mean until its error is 0.1 % (kernelbot)": until_error_is_small,
    "median of blocks of 100 (pygpubench)": median_of_blocks,
    "least of blocks of 30 (pytest-benchmark)": least_of_blocks,
}


def _mean_until_steady(seconds: Sequence[float]) -> float:
    for count in range(3, len(seconds)):
        mean = statistics.fmean(seconds[:count])
        if statistics.stdev(seconds[:count]) / count**0.5 < 0.001 * mean:
            return mean
    return statistics.fmean(seconds)


class Trials:
    """Measures in this process; nothing of it crosses a process boundary but the figures."""

    def __init__(self) -> None:
        self._reference = dense_of(REFERENCE.read_text())
        self._rng = np.random.default_rng(1)
        self._costs: dict[float, Costs] = {}
        self._baselines: dict[float, float] = {}

    def costs(self, seconds: float) -> Costs:
        """Of a call of the reference; in the quiet, once, with the baseline of the same size."""
        if seconds not in self._costs:
            costs = self._costs[seconds] = measure_costs(seconds)
            inputs = [whole_numbers(self._rng, costs.rows) for _ in range(CALLS)]
            self._baselines[seconds] = statistics.fmean(timed(self._reference, x) for x in inputs)
        return self._costs[seconds]

    def trial(self, seconds: float, ratio: float, rung: float) -> dict[str, Any]:
        """The answer of every rule to one student."""
        costs = self.costs(seconds)
        student = dense_of(student_source(ratio, costs))
        samples = Samples(
            reference=[self._timed(self._reference, costs) for _ in range(CALLS)],
            student=[self._timed(student, costs) for _ in range(CALLS)],
            baseline_s=self._baselines[seconds],
        )
        answers: dict[str, Any] = {
            name: "pass" if rule(samples) <= rung else "fail" for name, rule in RULES.items()
        }
        return {**answers, ALTERNATION: self._alternate(student, costs, rung)}

    def _alternate(self, student: Any, costs: Costs, rung: float) -> str:
        ratios: list[float] = []
        verdict = RungVerdict.UNSURE
        for look in LOOKS:
            while len(ratios) < look:
                first = self._rng.random() < 0.5
                order = (student, self._reference) if first else (self._reference, student)
                one, two = (self._timed(layer, costs) for layer in order)
                ratios.append(one / two if first else two / one)
            results = judge(interval(ratios), [Rung(at_most=rung, share=1.0)])
            verdict = results[0].verdict
            if is_decided(results):
                break
        return verdict.value

    def _timed(self, layer: Any, costs: Costs) -> float:
        return timed(layer, whole_numbers(self._rng, costs.rows))


def serve(channel: Connection) -> None:
    """Answer requests (method, arguments) until None comes."""
    trials = Trials()
    while (request := channel.recv()) is not None:
        method, arguments = request
        channel.send(getattr(trials, method)(*arguments))
