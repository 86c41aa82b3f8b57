"""How many runners does a deadline need, what bends first, and what does it cost?

    python benchmarks/scaling.py [--students 100,10000] [--grading-s 11] [--price 0.05]
                                 [--measure] [--document]

Students hand in ever more often towards a deadline. Their gradings wait for one of so many runners,
in the order of the service's queue (`scaling_simulation.py`). For each class, the fewest runners
are sought with which 95 % of the gradings begin within 1, 5 and 15 minutes. What a submission costs
the control plane is measured with --measure (`scaling_measured.py`), and kept in `results/`; what
that means for each class is multiplied (`scaling_demand.py`). With --document tables and pictures
go into docs/scaling.md.
"""

import argparse
import json
import math
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling_demand import (
    Assumed,
    Estimate,
    Simulated,
    bends_at,
    peak_of,
    price_of,
)
from benchmarks.scaling_pictures import draw_runners, draw_waits
from benchmarks.scaling_simulation import (
    REGRADE,
    Load,
    Search,
    arrivals,
    busiest,
    simulate,
)
from benchmarks.verdict_report import machine, markdown_table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "scaling.md"
RESULTS = ROOT / "benchmarks" / "results"
MEASURED = RESULTS / "scaling_measured.json"
CLASSES = (100, 1_000, 10_000, 100_000, 1_000_000)
WAITS_MIN = (1, 5, 15)
GUESSED = 10_000
"""The class for which guesses are varied, and waits are drawn."""

RELAYED_FROM = 10_000
"""Classes of so many are simulated with one relay as well."""

COMPONENTS = {
    "relay": ("relay: claims of twenty, one after another", "a stored turn"),
    "recorder": ("recorder: records one after another", "more recorders"),
    "web": ("web: uploads, and files for runners", "more web processes"),
    "pages": ("web: pages of who watches", "more web processes; pages that look less often"),
    "places": ("places in the queue, listed each second", "a stored turn; places told roughly"),
    "database": ("PostgreSQL, one core", "more cores; see below"),
    "broker": ("RabbitMQ, one core", "more cores; less progress told"),
}


def filled(text: str, blocks: dict[str, str]) -> str:
    """The document with each block between its comments. Raises SystemExit where they are not."""
    for name, block in blocks.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _old, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{DOCUMENT} lacks {begin} or {end}: put them back.")
        text = f"{before}{begin}\n{block}\n{end}{after}"
    return text


def simulate_class(load: Load) -> Simulated:
    """Look for the runners of a class."""
    started = time.monotonic()
    search = Search(load)
    runners = {minutes: search.fewest(60 * minutes) for minutes in WAITS_MIN}
    outcome = simulate(search.coming, runners[5])
    waiting = int(outcome.waiting(outcome.coming.came_s).max(initial=0))
    came = int((search.coming.came_s >= load.judged_from_s).sum())
    seconds = time.monotonic() - started
    return Simulated(load, came, busiest(search.coming), runners, waiting, seconds)


def runners_table(found: list[Simulated]) -> str:
    header = ["students", "submissions in the last 2 h", "at most a minute"]
    header += ["busy at the deadline, were there enough", "runners for a p95 wait of 1 min"]
    header += ["5 min", "15 min", "most that wait, at 5 min"]
    return markdown_table(
        header,
        (
            [
                f"{one.load.students:,}",
                f"{one.came:,}",
                f"{one.busiest:,}",
                _short(one.load.offered),
                *(f"{one.runners[minutes]:,}" for minutes in WAITS_MIN),
                f"{one.waiting:,}",
            ]
            for one in found
        ),
    )


def fairness_table(grading_s: float) -> str:
    """A class at its deadline while one student hands in 300 times, and 2,000 are regraded."""
    load = Load(300, grading_s=grading_s)
    search = Search(load)
    runners, coming = search.fewest(60), search.coming
    at_s = load.window_h * 3600
    burst = arrivals([(at_s - 3600 + 0.1 * n, load.students) for n in range(300)], load.mean_s)
    regraded = [(at_s - 5400, n % load.students) for n in range(2000)]
    regrade = arrivals(regraded, load.mean_s, priority=REGRADE)
    rows = []
    for fair, name in ((True, "by turns"), (False, "of arrival")):
        for what, all_of_it in (
            ("nothing", coming),
            ("a burst", coming.beside(burst)),
            ("a regrade", coming.beside(regrade)),
        ):
            outcome = simulate(all_of_it, runners, fair=fair)
            wait_s = outcome.quantile(since_s=load.judged_from_s, below=load.students)
            rows.append([name, what, f"{wait_s / 60:.1f} min"])
    return markdown_table(["order", "what comes besides", "p95 wait of everybody else"], rows)


def guesses_table(grading_s: float) -> str:
    """How much the guesses matter."""
    usual = Load(GUESSED, grading_s=grading_s)
    varied = {
        "as above": usual,
        "2 hours before the deadline in the mean": replace(usual, rush_h=2.0),
        "24 hours before the deadline in the mean": replace(usual, rush_h=24.0),
        "8 submissions of each": replace(usual, submissions=8.0),
        "a grading of 60 s in the median": replace(usual, grading_s=60.0),
        "gradings that differ more (1.0 for 0.4)": replace(usual, spread=1.0),
    }
    rows = []
    for name, load in varied.items():
        search = Search(load)
        needed = [f"{search.fewest(60 * minutes):,}" for minutes in WAITS_MIN]
        rows.append([name, _short(load.offered), *needed])
    header = ["guess", "busy at the deadline, were there enough", "1 min", "5 min", "15 min"]
    return markdown_table(header, rows)


def relay_table(found: list[Simulated], estimate: Estimate) -> str:
    """What one relay with its measured claims makes of the waits."""
    rows = []
    for one in found:
        if one.load.students < RELAYED_FROM:
            continue
        search = Search(one.load)
        runners, since_s = one.runners[5], search.load.judged_from_s
        outcome = simulate(search.coming, runners, claim_s=estimate.claim_s)
        deadline_s = search.load.window_h * 3600
        waiting = outcome.waiting(np.array([deadline_s]))[0]
        rows.append(
            [
                f"{one.load.students:,}",
                f"{runners:,}",
                f"{search.wait_s(runners) / 60:.1f} min",
                f"{outcome.quantile(since_s=since_s) / 60:,.1f} min",
                f"{waiting:,}",
                f"{(outcome.began_s.max() - deadline_s) / 3600:.1f} h",
            ]
        )
    header = ["students", "runners", "p95 wait, were claims free", "p95 wait with one relay"]
    header += ["wait at the deadline", "the last begins after it"]
    return markdown_table(header, rows)


def steps_table(measured: dict[str, Any], estimate: Estimate) -> str:
    """What was measured of one submission."""
    names = {
        "upload": "upload, by HTTP and token",
        "publish": "relay: claim and publish",
        "fetch": "files for the runner",
        "progress": f"{measured['sizes']['progress_messages']} words of progress recorded",
        "record": "report recorded",
    }
    keys = ["wall_ms", "cpu_ms", "database_cpu_ms", "broker_cpu_ms"]
    counts = ["statements", "transactions", "commits"]
    rows = []
    for step, name in names.items():
        cost = measured["costs"][step]
        rows.append([name, *(f"{cost[k]:.1f}" for k in keys), *(f"{cost[k]:.1f}" for k in counts)])
    whole = [f"{estimate.per_submission(key):.1f}" for key in (*keys, *counts)]
    rows.append(["**all of a submission**", *whole])
    look = measured["costs"]["look"]
    rows.append(["one look at its page", *(f"{look[key]:.1f}" for key in (*keys, *counts))])
    header = ["step", "ms until done", "CPU ms", "of PostgreSQL", "of RabbitMQ"]
    return markdown_table([*header, "statements", "transactions", "commits"], rows)


def sizes_table(measured: dict[str, Any]) -> str:
    sizes = measured["sizes"]
    rows = [
        ["report, JSON", f"{sizes['report_bytes']:,.0f}"],
        [f"rows of the database, their indices, {sizes['checks']} checks", "database_bytes"],
        ["log that the database writes", "log_bytes"],
        ["zip of the files", "archive_bytes"],
        ["message: job", "job_bytes"],
        [f"messages: progress, {sizes['progress_messages']} of them", "progress_bytes"],
        ["message: report", "report_message_bytes"],
    ]
    rows = [[name, f"{sizes[size]:,.0f}" if size in sizes else size] for name, size in rows]
    return markdown_table(["of one submission", "bytes"], rows)


def depths_table(measured: dict[str, Any]) -> str:
    rows = [
        [
            f"{int(depth):,}",
            f"{_short(each['claim_ms'])} ms",
            f"{each['places_ms']:,.0f} ms",
            _short(1e3 / each["claim_ms"]),
        ]
        for depth, each in measured["depths"].items()
    ]
    return markdown_table(
        ["wait", "to claim one of twenty", "to list places", "claims a second"], rows
    )


def peaks_table(found: list[Simulated], estimate: Estimate) -> str:
    header = ["students", "submissions/s", "transactions/s", "commits/s", "looks/s"]
    header += ["messages/s", "broker MB/s", "relays", "recorders", "web processes", "of them pages"]
    header += ["PostgreSQL cores", "RabbitMQ cores"]
    rows, busy = [], estimate.busy()
    for one in found:
        peak = peak_of(one)
        figures = [
            peak.came_per_s,
            estimate.transactions_per_s(peak),
            estimate.commits_per_s(peak),
            estimate.looks_per_s(peak),
            estimate.messages_per_s(peak),
            estimate.broker_bytes_per_s(peak) / 1e6,
            busy["relay"](peak),
            busy["recorder"](peak),
            busy["web"](peak) + busy["pages"](peak),
            busy["pages"](peak),
            busy["database"](peak),
            busy["broker"](peak),
        ]
        rows.append([f"{one.load.students:,}", *map(_short, figures)])
    return markdown_table(header, rows)


def bends_table(found: list[Simulated], estimate: Estimate) -> str:
    """Components in the order in which they bend."""
    largest, rows = found[-1], []
    bends = {name: bends_at(busy, largest) for name, busy in estimate.busy().items()}
    for name, students in sorted(bends.items(), key=lambda item: item[1]):
        what, then = COMPONENTS[name]
        size = "beyond a hundred million" if math.isinf(students) else f"{_rounded(students):,}"
        rows.append([what, size, then])
    return markdown_table(["component", "one is not enough from a class of", "then"], rows)


def storage_table(found: list[Simulated], estimate: Estimate, assumed: Assumed) -> str:
    header = ["students", "submissions of a deadline", "database, GB", "blobs, GB"]
    header += [f"a term of {assumed.deadlines}: database, GB", "blobs, GB", "blobs, files"]
    rows = []
    for one in found:
        count = one.load.students * one.load.submissions
        sizes = [estimate.database_bytes(count) / 1e9, estimate.blob_bytes(count) / 1e9]
        term = [size * assumed.deadlines for size in sizes]
        files = f"{count * assumed.deadlines:,.0f}"
        rows.append(
            [f"{one.load.students:,}", f"{count:,.0f}", *map(_short, (*sizes, *term)), files]
        )
    return markdown_table(header, rows)


def costs_table(found: list[Simulated], assumed: Assumed) -> str:
    header = ["students", "runners (5 min)", "fleet all week, core-hours", "USD"]
    header += ["scaled to zero, core-hours", "USD", "of that graded", "USD of a student and term"]
    rows = []
    for one in found:
        load = replace(one.load, window_h=assumed.week_h)
        price = price_of(load, load.drawn(), one.runners[5], assumed)
        per_student = price.scaled_h * assumed.price * assumed.deadlines / load.students
        rows.append(
            [
                f"{load.students:,}",
                f"{one.runners[5]:,}",
                f"{price.fixed_h:,.0f}",
                f"{price.fixed_h * assumed.price:,.2f}",
                f"{price.scaled_h:,.1f}",
                f"{price.scaled_h * assumed.price:,.2f}",
                f"{price.graded_h / price.scaled_h:.0%}",
                f"{per_student:.4f}",
            ]
        )
    return markdown_table(header, rows)


def machine_line(measured: dict[str, Any], found: list[Simulated], seconds: float) -> str:
    """On what all of it was found, and how long that took."""
    costs, here = measured["machine"], machine()
    most_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    classes = ", ".join(f"{one.load.students:,}: {one.seconds:.0f} s" for one in found)
    return (
        f"Measured on {measured['at']} on {_words(costs)}, {measured['students']} submissions in "
        f"{measured['took_s'] / 60:.1f} minutes, "
        f"sandbox {measured['sandbox']}. Simulated on {_words(here)}, in one process: "
        f"{seconds / 60:.1f} minutes with at most {most_mib:,.0f} MiB (students {classes})."
    )


def _words(found: dict[str, Any]) -> str:
    return f"{found['cores']} cores of {found['processor']}, Linux {found['kernel']}"


def _short(value: float) -> str:
    """To two digits, or whole."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _rounded(value: float) -> int:
    """To two digits."""
    scale = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return round(value / scale) * scale


def draw(found: list[Simulated], grading_s: float) -> None:
    """Both pictures, into the results."""
    classes = [one.load.students for one in found]
    needed = {minutes: [one.runners[minutes] for one in found] for minutes in WAITS_MIN}
    draw_runners(classes, needed, RESULTS / "scaling_runners.png")
    search = Search(Load(GUESSED, grading_s=grading_s, window_h=6.0))
    runners = {"too few": math.ceil(search.load.offered / 2)}
    runners |= {
        f"95 % begin within {minutes} min": search.fewest(60 * minutes) for minutes in (15, 1)
    }
    outcomes = {
        f"{count} runners: {name}": simulate(search.coming, count)
        for name, count in runners.items()
    }
    draw_waits(search.load, outcomes, RESULTS / "scaling_waits.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--students", default=",".join(map(str, CLASSES)))
    parser.add_argument("--grading-s", type=float, default=Load.grading_s, help="median, seconds")
    parser.add_argument("--price", type=float, default=Assumed.price, help="USD of a core-hour")
    parser.add_argument("--cores", type=float, default=Assumed.cores, help="of a runner")
    parser.add_argument("--watching", type=float, default=Assumed.watching, help="share, 0 to 1")
    parser.add_argument("--measure", action="store_true", help="measure one submission's costs")
    parser.add_argument("--document", action="store_true", help="write docs/scaling.md")
    options = parser.parse_args()
    if options.measure:
        from benchmarks.scaling_measured import measure  # noqa: PLC0415  # needs two servers

        RESULTS.mkdir(exist_ok=True)
        MEASURED.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    if not MEASURED.exists():
        raise SystemExit(f"{MEASURED} is missing: run once with --measure.")
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assumed = Assumed(price=options.price, cores=options.cores, watching=options.watching)
    estimate = Estimate(measured, assumed)
    started, found = time.monotonic(), []
    for students in sorted(int(part) for part in options.students.split(",")):
        found.append(simulate_class(Load(students, grading_s=options.grading_s)))
        print(
            f"{students:,} students: {found[-1].runners} in {found[-1].seconds:.1f} s", flush=True
        )
    blocks = {
        "runners": runners_table(found),
        "fairness": fairness_table(options.grading_s),
        "guesses": guesses_table(options.grading_s),
        "steps": steps_table(measured, estimate),
        "sizes": sizes_table(measured),
        "depths": depths_table(measured),
        "relay": relay_table(found, estimate),
        "peaks": peaks_table(found, estimate),
        "bends": bends_table(found, estimate),
        "storage": storage_table(found, estimate, assumed),
        "costs": costs_table(found, assumed),
    }
    blocks["run"] = machine_line(measured, found, time.monotonic() - started)
    print("\n\n".join(blocks.values()))
    if options.document:
        text = filled(DOCUMENT.read_text(encoding="utf-8"), blocks)
        draw(found, options.grading_s)
        DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
