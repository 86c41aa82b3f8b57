"""How often a verdict on speed is wrong, on students whose true ratio to the reference is known.

    python benchmarks/speed_verdicts.py [--quick] [--only quiet|noisy] [--rungs 4,15] [--all-near]
                                        [--near-only] [--call-scale 5] [--judgements 100]
                                        [--without-duel] [--afresh] [--raw] [--show]

Every figure is flushed as soon as it is there, and a run goes on where the last one stopped: so a
long run can be split. A student is judged on one machine from first to last: one that was begun on
another machine begins anew. At the end the tables of docs/benchmarks.md and the picture are
written from all figures. `quiet` is this machine as it is; in `noisy` a neighbour burns every core
in bursts. Install the extra `bench` for the picture.
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported, here and in what is spawned

from known_students import Costs, student_source
from neighbour import bursts
from peer_rules import serve
from raw_gemm import measure_raw
from verdict_report import machine, write_report

from grader.errors import InfrastructureFault

RESULTS = Path(__file__).resolve().parent / "results"
JUDGEMENTS = 200
LONG_JUDGEMENTS = 100
"""In the quiet, and as many beside a neighbour, where a verdict takes long: near a rung, which may
take two tries of eighty pairs, and far behind the reference, where each call is long."""

PEERS_EVERY = 2
"""A peer's trial costs as much as a duel: every second judgement has one."""

JUDGEMENTS_OF_ONE_ARENA = 25
"""Then the sandboxes are started anew: each process is a little faster or slower than the next."""

CLEAR = (1 / 2, 1 / 1.5, 1 / 1.25, 1.25, 1.5, 2.0)
NEAR = (1 / 1.10, 1 / 1.05, 1.0, 1.05, 1.10)
NEAR_RUNG = 4.0
IDENTICAL_RUNG = 1.25


@dataclass(frozen=True)
class Scale:
    """How long a call of the reference takes: a student's takes the rung's multiple of it.

    Attributes:
        duel_s: In a duel.
        peer_s: In a peer's trial, which has two hundred calls in a row.
    """

    duel_s: float
    peer_s: float


SCALES = {
    1.25: Scale(1e-3, 50e-6),
    4.0: Scale(1e-3, 50e-6),
    15.0: Scale(2.5e-3, 30e-6),
    20.0: Scale(2.5e-3, 25e-6),
    100.0: Scale(1.5e-3, 15e-6),
}
FAR_RUNG = 15.0
FAR = (1 / 1.25, 1.25)
"""From this rung on: a verdict takes a second there, and who is farther off is told more easily."""


@dataclass(frozen=True)
class Cell:
    """One student before one rung, in the quiet or beside a neighbour."""

    rung: float
    factor: float
    noise: str
    call_ms: float

    @property
    def ratio(self) -> float:
        """The student's true one."""
        return self.rung * self.factor

    @property
    def is_near(self) -> bool:
        """Whether it is so near the rung that a verdict may take every pair there is."""
        return abs(math.log(self.factor)) < math.log(1.2)

    @property
    def is_long(self) -> bool:
        """Whether a verdict takes long."""
        return self.is_near or self.rung >= FAR_RUNG

    @property
    def key(self) -> str:
        """Of its figures in the file of results."""
        return f"{self.rung:g} x {self.factor:.3f} {self.noise} {self.call_ms:g} ms"


def cells(
    noises: list[str], rungs: list[float], *, all_near: bool, near_only: bool, call_scale: float
) -> list[Cell]:
    chosen = []
    for noise in noises:
        for rung in rungs:
            if rung == IDENTICAL_RUNG:
                factors: tuple[float, ...] = (1 / rung,)
            else:
                factors = FAR if rung >= FAR_RUNG else CLEAR
                if rung == NEAR_RUNG or all_near:
                    factors = (*factors, *NEAR)
                if rung == NEAR_RUNG:
                    factors = (*factors, 1 / rung)
            call_ms = round(1e3 * SCALES[rung].duel_s * call_scale, 3)
            chosen += [Cell(rung, factor, noise, call_ms) for factor in sorted(factors)]
    return [cell for cell in chosen if cell.is_near or not near_only]


class Helper:
    """The process that measures peers' rules and costs, on one core."""

    def __init__(self, core: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        os.sched_setaffinity(self._process.pid, {core})

    def costs(self, seconds: float) -> Costs:
        """Of a call of the reference that takes about so long; measured once."""
        return self._ask("costs", seconds)

    def trial(self, seconds: float, ratio: float, rung: float) -> dict[str, str]:
        """What each rule says of one student."""
        return self._ask("trial", seconds, ratio, rung)

    def _ask(self, method: str, *arguments: float) -> Any:
        self._channel.send((method, arguments))
        return self._channel.recv()

    def close(self) -> None:
        """End the process."""
        self._channel.send(None)
        self._process.join()


class Figures:
    """What has been measured, in a file that is never half written."""

    def __init__(self, path: Path, *, afresh: bool) -> None:
        self._path = path
        self.all: dict[str, Any] = {"machines": [], "cells": {}, "raw": {}}
        if path.exists() and not afresh:
            self.all |= json.loads(path.read_text())

    def here(self) -> int:
        """The number of this machine among those that anything was measured on."""
        known = self.all["machines"]
        if machine() not in known:
            known.append(machine())
        return int(known.index(machine()))

    def of(self, cell: Cell) -> dict[str, Any]:
        """Of one cell: `trials`, each with the duel's outcome and the peers'."""
        values = {**asdict(cell), "ratio": cell.ratio, "machine": self.here(), "trials": []}
        return self.all["cells"].setdefault(cell.key, values)

    def begin_again(self, cell: Cell) -> dict[str, Any]:
        """Of one cell, with nothing in it."""
        self.all["cells"].pop(cell.key)
        return self.of(cell)

    def flush(self) -> None:
        """Write it all."""
        self._path.parent.mkdir(exist_ok=True)
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(self.all, separators=(",", ":")))
        beside.replace(self._path)


def measure_cell(
    cell: Cell, figures: Figures, helper: Helper, count: int, *, costs: Costs | None, core: int
) -> None:
    """Bring a cell's trials up to `count`."""
    scale = SCALES[cell.rung]
    known = figures.of(cell)
    if len(known["trials"]) >= count:
        return
    if known["machine"] != figures.here():
        known = figures.begin_again(cell)
    trials = known["trials"]
    with contextlib.ExitStack() as stack:
        if cell.noise == "noisy":
            seed = int(1000 * cell.ratio) + len(trials)
            stack.enter_context(bursts(seed, sorted(os.sched_getaffinity(0))))
        judgements = iter_duels(cell, costs, core, len(trials)) if costs else None
        if judgements is not None:
            stack.enter_context(contextlib.closing(judgements))
        while len(trials) < count:
            trial: dict[str, Any] = {}
            if judgements is not None:
                trial["duel"] = next(judgements)
            if len(trials) % PEERS_EVERY == 0:
                trial["peers"] = helper.trial(scale.peer_s, cell.ratio, cell.rung)
            trials.append(trial)
            if len(trials) % 10 == 0:
                figures.flush()
    figures.flush()


def iter_duels(cell: Cell, costs: Costs, core: int, seed: int) -> Iterator[dict[str, Any]]:
    """Outcomes of one duel after another, in real sandboxes that are renewed now and then."""
    from real_duels import duels_in_fresh_sandboxes  # noqa: PLC0415  # not with --without-duel

    source = student_source(cell.ratio, costs)
    while True:
        with duels_in_fresh_sandboxes(source, costs.rows, cell.rung, core, seed) as judge_once:
            for _ in range(JUDGEMENTS_OF_ONE_ARENA):
                started = time.perf_counter()
                try:
                    measured = judge_once()
                except InfrastructureFault as fault:
                    yield {"verdict": "void", "why": str(fault)}
                    continue
                seconds = time.perf_counter() - started
                yield {
                    "verdict": measured.rungs[0].verdict.value,
                    "tries": measured.tries,
                    "pairs": len(measured.student_s),
                    "seconds": round(seconds, 4),
                    "interval": [
                        None if figure is None else round(figure, 4)
                        for figure in (measured.low, measured.ratio, measured.high)
                    ],
                }
        seed += JUDGEMENTS_OF_ONE_ARENA


def costs_inside(rung: float, rows: int, core: int) -> Costs:
    from real_duels import measure_costs_inside  # noqa: PLC0415  # not with --without-duel

    return measure_costs_inside(rows, max(5, round(rung)), core)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 judgements of each, no document")
    parser.add_argument("--only", choices=("quiet", "noisy"))
    parser.add_argument("--rungs", default=",".join(f"{rung:g}" for rung in SCALES))
    parser.add_argument("--judgements", type=int, help="of each student, however long they take")
    parser.add_argument("--all-near", action="store_true", help="near students at every rung")
    parser.add_argument("--near-only", action="store_true", help="only near students")
    parser.add_argument("--call-scale", type=float, default=1.0, help="of the reference's calls")
    parser.add_argument("--without-duel", action="store_true", help="peers' rules only")
    parser.add_argument("--afresh", action="store_true", help="forget earlier figures")
    parser.add_argument("--raw", action="store_true", help="only the reference against raw GEMM")
    parser.add_argument("--show", action="store_true", help="measure nothing, write the document")
    options = parser.parse_args()
    rungs = [float(text) for text in options.rungs.split(",")]
    unknown = [rung for rung in rungs if rung not in SCALES]
    if unknown:
        parser.error(f"no rung {unknown[0]:g}: choose from {[*SCALES]}")
    name = "speed_verdicts_quick" if options.quick else "speed_verdicts"
    figures = Figures(RESULTS / f"{name}.json", afresh=options.afresh)
    core = max(os.sched_getaffinity(0))
    if not options.show:
        here = str(figures.here())
        if options.raw or here not in figures.all["raw"]:
            figures.all["raw"][here] = measure_raw(core, rounds=5 if options.quick else 60)
            figures.flush()
        if not options.raw:
            noises = [options.only] if options.only else ["quiet", "noisy"]
            measure_all(
                cells(
                    noises,
                    rungs,
                    all_near=options.all_near,
                    near_only=options.near_only,
                    call_scale=options.call_scale,
                ),
                figures,
                5 if options.quick else options.judgements,
                duel=not options.without_duel,
                call_scale=options.call_scale,
                core=core,
            )
    write_report(figures.all, RESULTS / f"{name}.png", document=not options.quick)


def measure_all(
    chosen: list[Cell],
    figures: Figures,
    count: int | None,
    *,
    duel: bool,
    call_scale: float,
    core: int,
) -> None:
    helper = Helper(core)
    try:
        known: dict[float, Costs | None] = {}
        for rung in sorted({cell.rung for cell in chosen}):  # while it is quiet
            helper.costs(SCALES[rung].peer_s)
            known[rung] = None
            if duel:
                rows = helper.costs(SCALES[rung].duel_s * call_scale).rows
                known[rung] = costs_inside(rung, rows, core)
        for cell in chosen:
            started = time.perf_counter()
            wanted = count or (LONG_JUDGEMENTS if cell.is_long else JUDGEMENTS)
            measure_cell(cell, figures, helper, wanted, costs=known[cell.rung], core=core)
            seconds = time.perf_counter() - started
            print(f"{cell.key}: {seconds:.1f} s", file=sys.stderr, flush=True)
    finally:
        helper.close()


if __name__ == "__main__":
    main()
