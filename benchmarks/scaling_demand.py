"""From what one submission costs and a simulated class: what bends, where, and what it costs.

Nothing here is measured or simulated: it is multiplication, and each assumption is a field with a
name.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scaling_simulation import Arrivals, Load

BLOCK = 4096
"""Bytes that a file takes at least."""

LARGEST_CLASS = 10**8
"""Where nothing bends up to here, nothing bends."""


@dataclass(frozen=True)
class Assumed:
    """What is neither measured nor simulated; change it for your course.

    Attributes:
        watching: Share of the submissions whose page is open while they wait and are graded.
        deadlines: In a term.
        price: US dollars of an hour of one core.
        cores: That a runner takes.
        step_s: A fleet that scales to zero is set so often.
        busy: Share of a step that such a fleet's runners grade; the rest is starting and waiting.
        week_h: A fleet that does not scale stands for so many hours for each deadline.
    """

    watching: float = 0.5
    deadlines: int = 10
    price: float = 0.05
    cores: float = 1.0
    step_s: float = 600.0
    busy: float = 0.8
    week_h: float = 168.0


@dataclass(frozen=True)
class Simulated:
    """What the simulation says of a class.

    Attributes:
        load: The class.
        came: Submissions within the judged hours.
        busiest: Submissions within the busiest minute.
        runners: The fewest, by minutes that 95 % wait at most.
        waiting: The most that wait at once with the runners for 5 minutes.
        seconds: That simulating it took.
    """

    load: Load
    came: int
    busiest: int
    runners: Mapping[int, int]
    waiting: int
    seconds: float


@dataclass(frozen=True)
class Peak:
    """A class at its busiest.

    Attributes:
        came_per_s: Submissions that come.
        began_per_s: Gradings that begin: no more than the runners take.
        running: Gradings that go on.
        waiting: Gradings that wait.
    """

    came_per_s: float
    began_per_s: float
    running: float
    waiting: float


class Estimate:
    """Figures of a class at its busiest.

    Args:
        measured: As `benchmarks.scaling_measured.measure` gives it.
        assumed: The rest.
    """

    def __init__(self, measured: Mapping[str, Any], assumed: Assumed) -> None:
        self._costs: dict[str, dict[str, float]] = measured["costs"]
        self._sizes: dict[str, float] = measured["sizes"]
        depths = sorted(measured["depths"].items(), key=lambda item: int(item[0]))
        self._depths = [float(depth) for depth, _each in depths]
        self._queue_ms = {
            what: [each[what] for _depth, each in depths] for what in ("claim_ms", "places_ms")
        }
        self._assumed = assumed

    def per_submission(self, what: str) -> float:
        """Of all steps of a submission together, in the unit of `what`; nobody watches."""
        return sum(cost[what] for name, cost in self._costs.items() if name != "look")

    def queue_ms(self, what: str, waiting: float) -> float:
        """Milliseconds of `claim_ms` or `places_ms` while so many wait.

        Between measured depths it is interpolated; beyond the last, it goes on in proportion.
        """
        depths, values = self._depths, self._queue_ms[what]
        if waiting > depths[-1]:
            return values[-1] * waiting / depths[-1]
        return float(np.interp(waiting, depths, values))

    def claim_s(self, waiting: float) -> float:
        """Seconds in which the relay claims one and publishes it, while so many wait."""
        beside = max(0.0, self._costs["publish"]["wall_ms"] - self._queue_ms["claim_ms"][0])
        return (beside + self.queue_ms("claim_ms", waiting)) / 1e3

    def looks_per_s(self, peak: Peak) -> float:
        """Requests of pages that watch: twice a second while graded, and by place while waiting."""
        near = min(peak.waiting, 15.0)
        by_place = math.log(near) + 0.58 if near >= 1 else near  # 1 + 1/2 + ... + 1/near
        waits = by_place + max(0.0, peak.waiting - 15.0) / 15.0
        return self._assumed.watching * (2.0 * peak.running + waits)

    def transactions_per_s(self, peak: Peak) -> float:
        """Of the database, those that only read included."""
        looks = self.looks_per_s(peak) * self._costs["look"]["transactions"]
        return self._rate("transactions", peak) + looks

    def commits_per_s(self, peak: Peak) -> float:
        """Of the database: for each the disk is waited for."""
        return self._rate("commits", peak)

    def messages_per_s(self, peak: Peak) -> float:
        """Of the broker: a job, its progress, a report."""
        return peak.began_per_s * (2 + self._sizes["progress_messages"])

    def broker_bytes_per_s(self, peak: Peak) -> float:
        """Bodies of messages."""
        names = ("job_bytes", "progress_bytes", "report_message_bytes")
        return peak.began_per_s * sum(self._sizes[name] for name in names)

    def database_bytes(self, submissions: float) -> float:
        """On the disk: tables with their indices."""
        return submissions * self._sizes["database_bytes"]

    def blob_bytes(self, submissions: float) -> float:
        """On the disk: each in whole blocks."""
        return submissions * math.ceil(self._sizes["archive_bytes"] / BLOCK) * BLOCK

    def busy(self) -> dict[str, Callable[[Peak], float]]:
        """Of each component, how many of it are busy: processes of one core, cores, or relays."""
        return {
            "relay": lambda peak: peak.began_per_s * self.claim_s(peak.waiting),
            "recorder": lambda peak: peak.began_per_s * self._wall_s("progress", "record"),
            "web": lambda peak: (
                peak.came_per_s * self._cpu_s("upload") + peak.began_per_s * self._cpu_s("fetch")
            ),
            "pages": lambda peak: self.looks_per_s(peak) * self._cpu_s("look"),
            "places": lambda peak: self.queue_ms("places_ms", peak.waiting) / 1e3,
            "database": self._database,
            "broker": lambda peak: self._rate("broker_cpu_ms", peak) / 1e3,
        }

    def _database(self, peak: Peak) -> float:
        """Cores: what submissions cost, and pages, and what a long queue makes dearer."""
        longer = self.queue_ms("claim_ms", peak.waiting) - self._queue_ms["claim_ms"][0]
        looks = self.looks_per_s(peak) * self._costs["look"]["database_cpu_ms"]
        spent = self._rate("database_cpu_ms", peak) + looks + peak.began_per_s * max(0.0, longer)
        return spent / 1e3

    def _rate(self, what: str, peak: Peak) -> float:
        rates = {"upload": peak.came_per_s}
        return sum(
            cost[what] * rates.get(name, peak.began_per_s)
            for name, cost in self._costs.items()
            if name != "look"
        )

    def _cpu_s(self, step: str) -> float:
        return self._costs[step]["cpu_ms"] / 1e3

    def _wall_s(self, *steps: str) -> float:
        return sum(self._costs[step]["wall_ms"] for step in steps) / 1e3


def peak_of(simulated: Simulated, minutes: int = 5) -> Peak:
    """Of a class with the runners for a wait of so many minutes."""
    runners = simulated.runners[minutes]
    came_per_s = simulated.busiest / 60
    return Peak(
        came_per_s,
        min(came_per_s, runners / simulated.load.mean_s),
        min(runners, came_per_s * simulated.load.mean_s),
        simulated.waiting,
    )


def bends_at(busy: Callable[[Peak], float], like: Simulated, minutes: int = 5) -> float:
    """The class from which one of a component is not enough; infinity where it always is.

    Args:
        busy: How many are, of a class at its busiest.
        like: A large class: another's peak is in proportion.
        minutes: As of `peak_of`.
    """
    known = peak_of(like, minutes)

    def share(students: float) -> float:
        scale = students / like.load.students
        return busy(
            Peak(
                known.came_per_s * scale,
                known.began_per_s * scale,
                known.running * scale,
                known.waiting * scale,
            )
        )

    low, high = 1.0, float(LARGEST_CLASS)
    if share(high) < 1:
        return math.inf
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if share(middle) >= 1 else (middle, high)
    return high


@dataclass(frozen=True)
class Price:
    """Core-hours of runners for one deadline.

    Attributes:
        fixed_h: A fleet for the rush stands all the week.
        scaled_h: It is set anew in each step, to nothing where nothing comes.
        graded_h: Of that, gradings: less is impossible.
    """

    fixed_h: float
    scaled_h: float
    graded_h: float


def price_of(load: Load, coming: Arrivals, runners: int, assumed: Assumed) -> Price:
    """What a week with one deadline takes.

    Args:
        load: The class.
        coming: All of the week.
        runners: Of the fleet that does not scale.
        assumed: Steps, share, and cores.
    """
    steps = np.bincount((coming.came_s // assumed.step_s).astype(np.int64))
    needed = np.ceil(steps * load.mean_s / (assumed.step_s * assumed.busy))
    return Price(
        runners * assumed.week_h * assumed.cores,
        float(needed.sum()) * assumed.step_s / 3600 * assumed.cores,
        float(coming.grading_s.sum()) / 3600 * assumed.cores,
    )
