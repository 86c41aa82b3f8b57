"""A deadline as discrete events: students hand in, so many runners grade, in the queue's order.

The order is that of `web.grading.queue.claim`: by priority, then by turn, then in order of arrival.
A turn is how many of the same student's gradings of the same priority are taken before it: those
that were waiting when it came, and those that came later and overtook it.
Only what comes and what ends is an event of simpy. What waits lies in a heap, and all that is known
of a grading in arrays, so that a million students fit into some hundred MiB.
"""

import heapq
import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import simpy
from numpy.typing import NDArray

QUANTILE = 0.95
REGRADE = 10
"""The priority of regrades, as `web.grading.queue` has it; a submission's is 0."""

ClaimSeconds = Callable[[int], float]

_PART = 100_000
"""So many arrivals are made into Python's numbers at a time."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What comes to the runners, in order of time; all arrays are of shape (n,).

    Attributes:
        came_s: float64, seconds since the window began.
        students: int64, whose it is.
        priorities: int64, 0 or `REGRADE`.
        grading_s: float64, seconds that each grading takes.
    """

    came_s: NDArray[np.float64]
    students: NDArray[np.int64]
    priorities: NDArray[np.int64]
    grading_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.came_s)

    def beside(self, other: "Arrivals") -> "Arrivals":
        """Both, in order of time; of what comes at the same moment, these come first."""
        came_s = np.concatenate([self.came_s, other.came_s])
        order = np.argsort(came_s, kind="stable")
        return Arrivals(
            came_s[order],
            np.concatenate([self.students, other.students])[order],
            np.concatenate([self.priorities, other.priorities])[order],
            np.concatenate([self.grading_s, other.grading_s])[order],
        )


def arrivals(
    coming: list[tuple[float, int]], grading_s: float | list[float], *, priority: int = 0
) -> Arrivals:
    """Arrivals from pairs of a moment, in seconds, and a student, and seconds of their gradings."""
    came_s = np.array([moment for moment, _student in coming], dtype=np.float64)
    order = np.argsort(came_s, kind="stable")
    return Arrivals(
        came_s[order],
        np.array([student for _moment, student in coming], dtype=np.int64)[order],
        np.full(len(coming), priority, dtype=np.int64),
        np.broadcast_to(np.asarray(grading_s, dtype=np.float64), came_s.shape)[order],
    )


@dataclass(frozen=True)
class Load:
    """A class at its deadline.

    Attributes:
        students: How many.
        submissions: Of each, in the mean; their number is geometric.
        rush_h: Hours before the deadline, in the mean; exponential.
        window_h: Only what comes within so many hours of the deadline is simulated.
        judged_h: Only waits of what comes within so many hours of the deadline are looked at. The
            hours before these let the queue become what it is.
        grading_s: Seconds of a grading in the median; lognormal.
        spread: Of its logarithm.
    """

    students: int
    submissions: float = 4.0
    rush_h: float = 6.0
    window_h: float = 4.0
    judged_h: float = 2.0
    grading_s: float = 11.0
    spread: float = 0.4

    @property
    def mean_s(self) -> float:
        """Seconds of a grading in the mean."""
        return self.grading_s * math.exp(self.spread**2 / 2)

    @property
    def peak_per_s(self) -> float:
        """Submissions a second at the deadline, in the mean."""
        return self.students * self.submissions / (self.rush_h * 3600)

    @property
    def offered(self) -> float:
        """Runners that the mean of the last moment would keep busy (erlangs)."""
        return self.peak_per_s * self.mean_s

    @property
    def judged_from_s(self) -> float:
        """Seconds after the window's begin."""
        return (self.window_h - self.judged_h) * 3600

    def drawn(self, seed: int = 1) -> Arrivals:
        """Of the whole window."""
        rng = np.random.default_rng(seed)
        counts = rng.geometric(1 / self.submissions, self.students)
        before_h = rng.exponential(self.rush_h, int(counts.sum()))
        # Drawn for what is left out as well: a wider window only adds to a narrower one.
        grading_s = self.grading_s * np.exp(rng.normal(0.0, self.spread, len(before_h)))
        order = np.argsort(-before_h)
        order = order[before_h[order] < self.window_h]
        return Arrivals(
            (self.window_h - before_h[order]) * 3600,
            np.repeat(np.arange(self.students), counts)[order],
            np.zeros(len(order), dtype=np.int64),
            grading_s[order],
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of arrivals.

    Attributes:
        coming: What came.
        began_s: float64, shape (n,): when each grading began, seconds since the window's begin.
        order: int64, shape (n,): the gradings' numbers in the order in which they began.
    """

    coming: Arrivals
    began_s: NDArray[np.float64]
    order: NDArray[np.int64]

    @cached_property
    def waits_s(self) -> NDArray[np.float64]:
        """Seconds that each waited, shape (n,)."""
        return self.began_s - self.coming.came_s

    def quantile(
        self, share: float = QUANTILE, *, since_s: float = 0.0, below: int | None = None
    ) -> float:
        """Seconds that this share of the submissions waited at most; regrades are left out.

        Args:
            share: From 0 to 1.
            since_s: Only of those that came since.
            below: Only of students whose number is less.
        """
        judged = (self.coming.priorities < REGRADE) & (self.coming.came_s >= since_s)
        if below is not None:
            judged &= self.coming.students < below
        waits = self.waits_s[judged]
        return float(np.quantile(waits, share, method="inverted_cdf")) if len(waits) else 0.0

    def waiting(self, moments_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many wait at each of these moments."""
        came = np.searchsorted(self.coming.came_s, moments_s, side="right")
        return came - np.searchsorted(np.sort(self.began_s), moments_s, side="right")


class _Pool:
    """So many runners, and what waits for one."""

    def __init__(
        self,
        environment: simpy.Environment,
        coming: Arrivals,
        runners: int,
        fair: bool,
        claim_s: ClaimSeconds | None,
    ) -> None:
        self._environment = environment
        self._idle = runners
        self._fair = fair
        self._claim_s = claim_s
        self._is_claiming = False
        self._grading_s = array("d", coming.grading_s)
        self._queue: list[tuple[int, int, int, int]] = []
        self._waits = 0
        # By priority and student, the turn of each that waits, in order of arrival.
        self._turns: defaultdict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self.began_s = array("d", bytes(8 * len(coming)))
        self.order = array("q")

    def come(self, number: int, student: int, priority: int) -> None:
        """A grading is to be done; it begins now if a runner is idle."""
        if self._fair:
            mine = self._turns[priority, student]
            mine[number] = len(mine)
            heapq.heappush(self._queue, (priority, mine[number], number, student))
        else:
            heapq.heappush(self._queue, (0, 0, number, student))
        self._waits += 1
        self._give()

    def _give(self) -> None:
        while self._waits and self._idle and not self._is_claiming:
            self._idle -= 1
            if self._claim_s is None:
                self._begin(self._claim())
                continue
            self._is_claiming = True
            taking = self._environment.timeout(self._claim_s(self._waits), self._claim())
            taking.callbacks.append(self._give_claimed)

    def _give_claimed(self, taking: simpy.Event) -> None:
        self._is_claiming = False
        self._begin(taking.value)
        self._give()

    def _begin(self, number: int) -> None:
        self.began_s[number] = self._environment.now
        self.order.append(number)
        self._environment.timeout(self._grading_s[number]).callbacks.append(self._end)

    def _end(self, _event: simpy.Event) -> None:
        self._idle += 1
        self._give()

    def _claim(self) -> int:
        """Take the next one, of which there is one."""
        self._waits -= 1
        while True:
            priority, turn, number, student = heapq.heappop(self._queue)
            if not self._fair:
                return number
            mine = self._turns[priority, student]
            if mine.get(number) == turn:  # else it has another turn by now
                break
        del mine[number]
        for earlier in mine:
            if earlier > number:
                break
            # What came before and begins later has one more taken before it.
            mine[earlier] += 1
            heapq.heappush(self._queue, (priority, mine[earlier], earlier, student))
        if not mine:
            del self._turns[priority, student]
        return number


def simulate(
    coming: Arrivals, runners: int, *, fair: bool = True, claim_s: ClaimSeconds | None = None
) -> Outcome:
    """Run a deadline until everything is graded.

    Args:
        coming: What comes, in order of time.
        runners: How many gradings go on side by side.
        fair: By priority and turns, as the service does; else in order of arrival.
        claim_s: For how many seconds one claim keeps the relay, while so many wait; claims are made
            one after another. None for no time.
    """
    environment = simpy.Environment()
    pool = _Pool(environment, coming, runners, fair, claim_s)

    def arrive() -> Iterator[simpy.Event]:
        for start in range(0, len(coming), _PART):
            part = slice(start, start + _PART)
            rows = zip(
                coming.came_s[part].tolist(),
                coming.students[part].tolist(),
                coming.priorities[part].tolist(),
                strict=True,
            )
            for number, (moment, student, priority) in enumerate(rows, start):
                if moment > environment.now:
                    yield environment.timeout(moment - environment.now)
                pool.come(number, student, priority)

    environment.process(arrive())
    environment.run()
    return Outcome(coming, np.array(pool.began_s), np.array(pool.order))


class Search:
    """Looks for the fewest runners of one load, and simulates no number of them twice.

    Args:
        load: What comes.
        seed: Of all that is drawn; the same arrivals and gradings meet any number of runners.
    """

    def __init__(self, load: Load, seed: int = 1) -> None:
        self.load = load
        self.coming = load.drawn(seed)
        self.simulated: dict[int, float] = {}

    def wait_s(self, runners: int) -> float:
        """The quantile of the judged waits."""
        if runners not in self.simulated:
            outcome = simulate(self.coming, runners)
            self.simulated[runners] = outcome.quantile(since_s=self.load.judged_from_s)
        return self.simulated[runners]

    def fewest(self, wait_s: float, precision: float = 0.005) -> int:
        """The fewest runners with which the quantile of waits is at most so long.

        By bisection, from the offered load on.

        Args:
            wait_s: Seconds.
            precision: So large a share of the answer may be too many.
        """
        low, high = 0, max(1, math.ceil(self.load.offered))
        while self.wait_s(high) > wait_s:
            low, high = high, math.ceil(high * 1.1) + 1
        high = min(runners for runners, found in self.simulated.items() if found <= wait_s)
        low = max([low, *(n for n, found in self.simulated.items() if found > wait_s and n < high)])
        while high - low > max(1, high * precision):
            middle = (low + high) // 2
            if self.wait_s(middle) <= wait_s:
                high = middle
            else:
                low = middle
        return high


def busiest(coming: Arrivals, per_s: float = 60.0) -> int:
    """How many come within the busiest stretch of so many seconds."""
    return int(np.bincount((coming.came_s // per_s).astype(np.int64)).max()) if len(coming) else 0
