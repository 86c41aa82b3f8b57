"""Duels as a grading runs them, in plain processes."""

import contextlib
import statistics
from collections.abc import Callable, Iterator

import numpy as np
from known_students import REFERENCE, Costs, make_work, many_products

from grader.assignment_schema import Rung, SpeedRules
from grader.checking.speed.arena import Arenas, Code
from grader.checking.speed.duel import Duel
from grader.measurement import SpeedMeasurement
from grader.sandbox.client import MODULE
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool
from grader.sandbox.process import ProcessLauncher

LIMITS = Limits(wall_s=3600, reply_mib=16)
_RULES = SpeedRules(call_ms=0.01)  # any call is long enough: the size is known
_PAIRS, _ARENAS = 40, 4

_CLOCK = """

import time

_taken = []


def _timed(forward):
    def run(self, x):
        started = time.perf_counter()
        y = forward(self, x)
        _taken.append(time.perf_counter() - started)
        return y

    return run


Dense.forward = _timed(Dense.forward)


def taken():
    return np.array(_taken)
"""


@contextlib.contextmanager
def duels_in_fresh_sandboxes(
    source: str, rows: int, rung: float, core: int, seed: int
) -> Iterator[Callable[[], SpeedMeasurement]]:
    """What runs one duel of a student and the reference, each time with another seed.

    Args:
        source: The student's module.
        rows: Of the product: the size is fixed, so the duel need not look for one.
        rung: The only one of the ladder.
        core: That both sides run on.
        seed: Of the first duel.
    """
    seeds = np.random.SeedSequence(seed)
    with _arenas(source, core) as arenas:

        def judge_once() -> SpeedMeasurement:
            duel = Duel(
                arenas,
                [Rung(at_most=rung, share=1.0)],
                _RULES,
                np.random.default_rng(seeds.spawn(1)[0]),
                reply_bytes=LIMITS.reply_mib << 20,
                budget_s=LIMITS.wall_s,
            )
            return duel.run(make_work(rows))

        yield judge_once


def measure_costs_inside(rows: int, products: int, core: int) -> Costs:
    """Costs in units of the reference's call, by clocks inside the sandboxes around forward alone.

    Nothing of what crosses the line is in them, and nothing is taken off them: so they do not share
    a duel's errors.

    Args:
        rows: Of the product.
        products: How many the student does with which the reference is compared.
        core: That both sides run on.
    """
    ratios: list[float] = []
    make, rng = make_work(rows), np.random.default_rng(rows)
    with _arenas(many_products(products) + _CLOCK, core, REFERENCE.read_text() + _CLOCK) as arenas:
        for number in range(_ARENAS):
            arena = arenas[number]
            for turn in range(_PAIRS):
                runs = [arena.run_student, arena.run_reference]
                work = make(rng, rows)
                for run in runs[:: 1 if turn % 2 else -1]:
                    run(work)
            taken = []
            for side in (arena.student, arena.reference):
                side.client.thaw()
                taken.append(side.client.result(side.client.call(MODULE, "taken", (), {})))
            ratios += (taken[0] / taken[1])[5:].tolist()
    return Costs(rows, 1.0, (statistics.median(ratios) - 1) / (products - 1))


@contextlib.contextmanager
def _arenas(source: str, core: int, reference: str | None = None) -> Iterator[Arenas]:
    code, theirs = (
        Code("layers.py", {"layers.py": text.encode()})
        for text in (source, reference or REFERENCE.read_text())
    )
    with SandboxPool(ProcessLauncher(), LIMITS, ahead=0) as pool:
        arenas = Arenas(pool, code, theirs, frozenset({core}))
        try:
            yield arenas
        finally:
            arenas.renew()
