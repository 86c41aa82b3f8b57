"""How many runners does a deadline need? A simulation, calibrated by measured gradings.

    python benchmarks/scaling.py [--students 100,10000] [--grading-s 11] [--document]

Students hand in ever more often towards a deadline. Their gradings wait for one of so many runners,
in the order of the service's queue: everybody's first waiting submission comes before anybody's
second, and regrades come after all of them. For each class, the fewest runners are sought with
which 95 % of the gradings begin within 1, 5 and 15 minutes. With --document the table goes into
docs/scaling.md. Larger classes than these take long: the library keeps its queue as a sorted list.
"""

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import simpy

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "scaling.md"
WAITS_MIN = (1, 5, 15)
QUANTILE = 0.95
REGRADE = 10**6
"""The turn of a regrade: after everybody's."""


@dataclass(frozen=True)
class Load:
    """What comes to the runners.

    Attributes:
        students: How many.
        submissions: Of each, in the mean; their number is geometric.
        rush_h: Time before the deadline, in the mean; exponential.
        window_h: Only what comes within so many hours of the deadline is simulated: it is most of
            the load, and what came before is long graded.
        grading_s: A grading takes so long in the median; lognormal.
        spread: Of its logarithm.
    """

    students: int
    submissions: float = 4.0
    rush_h: float = 6.0
    window_h: float = 2.0
    grading_s: float = 11.0
    spread: float = 0.4

    def arrivals(self, rng: random.Random) -> list[tuple[float, int]]:
        """Seconds since the window began, and whose: in order of time."""
        found = []
        for student in range(self.students):
            count = 1 + math.floor(math.log(1 - rng.random()) / math.log(1 - 1 / self.submissions))
            for _ in range(count):
                before_h = rng.expovariate(1 / self.rush_h)
                if before_h < self.window_h:
                    found.append(((self.window_h - before_h) * 3600, student))
        found.sort()
        return found

    def service(self, rng: random.Random) -> float:
        """Seconds of one grading."""
        return self.grading_s * math.exp(rng.gauss(0.0, self.spread))

    @property
    def least_runners(self) -> int:
        """What the mean of the last ten minutes needs, were it spread evenly."""
        per_s = self.students * self.submissions / (self.rush_h * 3600)
        return max(1, math.ceil(per_s * self.grading_s * math.exp(self.spread**2 / 2) * 0.5))


@dataclass
class Outcome:
    """Seconds that gradings waited, by whose they were; -1 is a regrade's."""

    waits: dict[int, list[float]] = field(default_factory=dict)

    def quantile(self, share: float = QUANTILE, *, without: frozenset[int] = frozenset()) -> float:
        """Of all waits but some students'."""
        every = sorted(
            wait for who, waits in self.waits.items() if who not in without for wait in waits
        )
        return every[min(len(every) - 1, math.ceil(share * len(every)) - 1)] if every else 0.0


def simulate(
    load: Load,
    runners: int,
    *,
    seed: int = 1,
    fair: bool = True,
    arrivals: list[tuple[float, int]] | None = None,
) -> Outcome:
    """Run a deadline.

    Args:
        load: What comes.
        runners: How many gradings go on side by side.
        seed: Of everything that is drawn.
        fair: By turns, as the service does; else in order of arrival.
        arrivals: In place of those that `load` draws; student -1 is a regrade.
    """
    rng = random.Random(seed)
    coming = load.arrivals(rng) if arrivals is None else sorted(arrivals)
    environment = simpy.Environment()
    pool = simpy.PriorityResource(environment, runners)
    outcome, waiting = Outcome(), Counter()

    def grade(student: int) -> Iterator[simpy.Event]:
        came = environment.now
        turn = (REGRADE if student < 0 else waiting[student]) if fair else 0
        waiting[student] += 1
        with pool.request(priority=turn) as request:
            yield request
            waiting[student] -= 1
            outcome.waits.setdefault(student, []).append(environment.now - came)
            yield environment.timeout(load.service(rng))

    def arrive() -> Iterator[simpy.Event]:
        for moment, student in coming:
            yield environment.timeout(moment - environment.now)
            environment.process(grade(student))

    environment.process(arrive())
    environment.run()
    return outcome


def runners_for(load: Load, wait_s: float, seed: int = 1) -> tuple[int, float]:
    """The fewest runners with which the quantile of waits is at most so long, and that quantile."""
    low, high = 0, load.least_runners
    while (found := simulate(load, high, seed=seed).quantile()) > wait_s:
        low, high = high, math.ceil(high * 1.5)
    best = high, found
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        found = simulate(load, middle, seed=seed).quantile()
        if found <= wait_s:
            high, best = middle, (middle, found)
        else:
            low = middle
    return best


def table(classes: list[int], grading_s: float) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "| students | submissions in the last 2 h | at most a minute | "
        "runners for a p95 wait of 1 min | 5 min | 15 min |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for students in classes:
        load = Load(students, grading_s=grading_s)
        coming = load.arrivals(random.Random(1))
        busiest = max(Counter(int(moment // 60) for moment, _who in coming).values(), default=0)
        needed = [str(runners_for(load, 60 * minutes)[0]) for minutes in WAITS_MIN]
        cells = [f"{students:,}", f"{len(coming):,}", f"{busiest:,}", *needed]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def fairness(grading_s: float) -> list[str]:
    """A class at its deadline while one student hands in 300 times, and 2,000 are regraded."""
    load = Load(300, grading_s=grading_s)
    ordinary = load.arrivals(random.Random(1))
    burst = [(3600.0 + 0.1 * number, 10**6) for number in range(300)]
    regrade = [(1800.0, -1)] * 2000
    runners = runners_for(load, 60)[0]
    others = frozenset({-1, 10**6})
    lines = ["| order | what comes besides | p95 wait of everybody else |", "| --- | --- | --- |"]
    for fair, name in ((True, "by turns"), (False, "of arrival")):
        for what, more in (("nothing", []), ("a burst", burst), ("a regrade", regrade)):
            outcome = simulate(load, runners, fair=fair, arrivals=ordinary + more)
            wait = outcome.quantile(without=others)
            lines.append(f"| {name} | {what} | {wait / 60:.1f} min |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--students", default="100,1000,10000")
    parser.add_argument("--grading-s", type=float, default=Load.grading_s)
    parser.add_argument("--document", action="store_true")
    options = parser.parse_args()
    classes = [int(part) for part in options.students.split(",")]
    needed, fair = table(classes, options.grading_s), fairness(options.grading_s)
    print("\n".join(fair))
    if options.document:
        text = DOCUMENT.read_text(encoding="utf-8")
        for name, lines in (("runners", needed), ("fairness", fair)):
            begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
            before, rest = text.split(begin)
            text = before + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1]
        DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
