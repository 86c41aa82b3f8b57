"""The duel of a student's call with the reference's, from which a share of the points follows.

The procedure is that of `docs/speed.md`. Its measure is the ratio of times within a pair, never a
time that was taken earlier or elsewhere; its verdict comes from `verdict`.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.assignment_schema import Rung, SpeedRules
from grader.checking.speed.arena import Arena, Arenas
from grader.checking.speed.verdict import CONFIDENCE, LOOKS, Interval, interval, judge, share_of
from grader.checking.speed.verdict import is_decided as decided
from grader.checking.speed.work import MakeWork, Work
from grader.errors import MachineBusy
from grader.measurement import RungResult, RungVerdict, SpeedMeasurement
from grader.sandbox.failures import Failure, SandboxEnded
from grader.sandbox.inbox import INBOX_BYTES

TRIES = 2
"""How often a duel is run that stays unsure."""

WAITS_S = (1.0, 2.0, 5.0, 10.0, 20.0)
"""How long to wait for a quieter machine, each time that it is too busy to judge."""

_FIRST_POSITIONS = 8
_LARGEST_GROWTH = 8.0
_SMALLEST_GROWTH = 1.5
_SLOW_S = 0.15
"""A student's call that takes so long need not grow with the reference's any further."""

_ENOUGH_S = 0.0015
"""A call of the reference that is shorter does not tell how it compares: it may only show that a
student is too slow, since what every call costs, whatever its size, flatters the slower side."""

_BUSY = 8.0
"""By how much the reference's median may exceed its fastest call before nothing counts."""

_LARGEST_NULL = 0.8
"""What a null call may take, of the reference's fastest call, before nothing counts."""

_LARGEST_DISTURBANCE = 0.35
"""Of a student's call the median share that may be others' before nothing counts. Long calls share
their core with a neighbour that never rests, and short ones come between: what is slow would look
slower than it is."""

_SHARE_OF_ROOM = 0.7
_SHORTEST_S = 1e-7
_WARM_UPS = 3
_SIZING = 3
_NEARLY = 0.8


@dataclass(frozen=True)
class Pair:
    """Seconds of one call of each side on equal inputs, and of a call that computes nothing.

    Attributes:
        student: Of the student's call.
        reference: Of the reference's.
        null: Of the one that computes nothing.
        student_first: The order.
        disturbed: Of the student's seconds those in which the core did others' work.
    """

    student: float
    reference: float
    null: float
    student_first: bool
    disturbed: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """What pairs of one size say: their ratios' interval, and the rungs that it clears."""

    pairs: Sequence[Pair]
    found: Interval
    results: tuple[RungResult, ...]


class TooSlow(Exception):
    """The student's code did not finish what everybody must; the message says what."""


class Duel:
    """One check's duel.

    Args:
        arenas: Pairs of sandboxes.
        rungs: The ladder, steepest first.
        rules: Of the assignment.
        rng: Draws data and order.
        reply_bytes: The most that one call may bring back.
        budget_s: Of the student's calls, all together.
        device: What is known of the device, for the report.
    """

    def __init__(
        self,
        arenas: Arenas,
        rungs: Sequence[Rung],
        rules: SpeedRules,
        rng: np.random.Generator,
        *,
        reply_bytes: int,
        budget_s: float,
        device: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._arenas = arenas
        self._rungs = tuple(rungs)
        self._rules = rules
        self._rng = rng
        self._reply_bytes = reply_bytes
        self._budget_s = budget_s
        self._device = device
        self._enough_s = min(_ENOUGH_S, rules.call_ms / 1000 / 2)
        self._spent_s = 0.0
        self._void = 0
        self._pairs: list[Pair] = []

    def run(
        self, make: MakeWork, small: Callable[[np.random.Generator], Work] | None = None
    ) -> SpeedMeasurement:
        """Measure until every rung that matters is decided, or the tries are used up.

        Args:
            make: Makes the work for a number of positions.
            small: Makes the case that everybody must finish, if there is one.

        Raises:
            Mismatch: A result of the student's was wrong.
            StudentError, SandboxEnded: There was none.
            TooSlow: The small case took too long.
            MachineBusy: The machine is too busy to measure anything on it, and stays so.
        """
        if small is not None:
            self._finish_small(small)
        floor = self._rules.small_share if small is not None else 0.0
        for tries in range(1, TRIES + 1):
            last = tries == TRIES
            try:
                work, judged = self._when_quiet(make)
            except SandboxEnded as ended:
                if ended.failure is not Failure.TIME_LIMIT or self._is_over_budget():
                    raise
                if last and small is None:
                    raise
                if last:  # nothing but too slow, in a call that right code need not finish
                    work = make(self._rng, _FIRST_POSITIONS)
                    return self._measurement(work, None, tries, floor)
            else:
                if decided(judged.results) or last:
                    return self._measurement(work, judged, tries, floor)
            self._arenas.renew()
        raise AssertionError("the last try returns")

    def _finish_small(self, small: Callable[[np.random.Generator], Work]) -> None:
        for tries in range(1, TRIES + 1):
            try:
                self._arenas[0].run_student(small(self._rng), self._rules.small_s)
            except SandboxEnded as ended:
                if ended.failure is not Failure.TIME_LIMIT:
                    raise
                if tries == TRIES:
                    raise TooSlow(f"A small case was not finished. {ended.message}") from ended
            else:
                return

    def _when_quiet(self, make: MakeWork) -> tuple[Work, Judgement]:
        """A try; what was void is forgotten, and tried again after a wait."""
        for wait_s in WAITS_S[self._void :]:
            spent_s = self._spent_s
            try:
                return self._try(make)
            except MachineBusy:
                self._spent_s = spent_s
                self._void += 1
                self._arenas.renew()
                time.sleep(wait_s)
        return self._try(make)

    def _try(self, make: MakeWork) -> tuple[Work, Judgement]:
        """Find a fitting size, and judge there."""
        positions = _FIRST_POSITIONS
        while True:
            arena = self._arenas[0]
            work, pair = self._pair(arena, make, positions)
            pairs = [pair]
            if pair.student < _SLOW_S and self._is_whole(work, positions, pairs):
                # One call may have been disturbed, and then the work would be too small.
                pairs += [self._pair(arena, make, positions)[1] for _ in range(_SIZING - 1)]
            whole = self._is_whole(work, positions, pairs)
            if whole or pair.student >= _SLOW_S:
                tells = whole or _busy_s(pairs) >= self._enough_s
                judged = self._looks(make, positions, whole=tells)
                # What a disturbance made look long enough has shown its true length by now.
                busy = _busy_s(judged.pairs)
                tells = tells and (busy >= self._enough_s or self._is_at_the_end(work, positions))
                if tells or _all_failed(judged.results):
                    self._pairs += judged.pairs
                    return work, judged
            # By the whole time, null call included: approached from below, never overshot.
            wanted = self._rules.call_ms / 1000 / min(pair.reference for pair in pairs)
            growth = min(wanted, _LARGEST_GROWTH, 1.2 * _SLOW_S / pair.student)
            positions = self._fitting(work, positions, max(growth, _SMALLEST_GROWTH))

    def _is_whole(self, work: Work, positions: int, pairs: Sequence[Pair]) -> bool:
        """Whether the reference is busy for as long as it should be, or as it can."""
        wanted = _NEARLY * self._rules.call_ms / 1000
        return _busy_s(pairs) >= wanted or self._is_at_the_end(work, positions)

    def _looks(self, make: MakeWork, positions: int, *, whole: bool) -> Judgement:
        """Pairs until the interval is clear of the rungs, each look's on fresh processes.

        Args:
            make: Makes the work.
            positions: For so many positions.
            whole: The reference is busy for long enough to be compared with.
        """
        pairs: list[Pair] = []
        for number, look in enumerate(LOOKS):
            arena = self._arenas[number]
            for _ in range(_WARM_UPS if number else _WARM_UPS - 1):
                self._pair(arena, make, positions)
            while len(pairs) < look:
                pairs.append(self._pair(arena, make, positions)[1])
            found = interval(_ratios(pairs, whole=whole))
            results = judge(found, self._rungs)
            if decided(results):
                break
        require_own_time(pairs)
        if whole:  # a shorter call is easily disturbed, which there only flatters the student
            require_quiet(pairs)
        return Judgement(pairs, found, results)

    def _pair(self, arena: Arena, make: MakeWork, positions: int) -> tuple[Work, Pair]:
        if self._is_over_budget():
            raise SandboxEnded(
                Failure.TIME_LIMIT,
                f"Your calls took more than {self._budget_s:g} s together in this check.",
            )
        work = make(self._rng, positions)
        first = bool(self._rng.integers(2))
        started = time.monotonic()
        student = arena.run_student(work) if first else 0.0
        between = time.monotonic()
        reference = arena.run_reference(work)
        null = arena.run_null(work)
        resumed = time.monotonic()
        if not first:
            student = arena.run_student(work)
        self._spent_s += time.monotonic() - resumed + between - started
        return work, Pair(student, reference, null, first, arena.disturbed_s)

    def _is_at_the_end(self, work: Work, positions: int) -> bool:
        return self._fitting(work, positions, 2.0) <= positions

    def _fitting(self, work: Work, positions: int, growth: float) -> int:
        """So many times more positions, as far as what crosses has room."""
        returned = sum(array.nbytes for array in (work.expected, *work.attributes.values()))
        # What a call before returns is of the size of what is given then.
        largest = max(returned, work.given.nbytes if work.before else 0)
        placed = work.given.nbytes + sum(array.nbytes for _method, array in work.before)
        room = _SHARE_OF_ROOM * min(self._reply_bytes / largest, INBOX_BYTES / placed)
        wanted = int(positions * min(growth, room))
        return max(positions, wanted // _FIRST_POSITIONS * _FIRST_POSITIONS)

    def _is_over_budget(self) -> bool:
        return self._spent_s > self._budget_s

    def _measurement(
        self, work: Work, judged: Judgement | None, tries: int, floor: float
    ) -> SpeedMeasurement:
        """What the report keeps; without a judgement, nothing was finished: every rung failed."""
        found = judged.found if judged else None
        endless = Interval(np.inf, np.inf, np.inf)
        results = judged.results if judged else judge(endless, self._rungs)
        share, doubt = share_of(results)
        return SpeedMeasurement(
            work=work.describe(),
            device={
                "arrays": self._arenas.runtime.arrays.value,
                "kind": self._arenas.runtime.device.value,
                **self._device(),
            },
            ratio=found.median if found else None,
            low=found.low if found else None,
            high=found.high if found else None,
            confidence=CONFIDENCE,
            pairs=len(judged.pairs) if judged else 0,
            tries=tries,
            void=self._void,
            rungs=results,
            benefit_of_doubt=doubt,
            share=max(share, floor),
            student_s=tuple(pair.student for pair in self._pairs),
            reference_s=tuple(pair.reference for pair in self._pairs),
            null_s=tuple(pair.null for pair in self._pairs),
            student_first=tuple(pair.student_first for pair in self._pairs),
        )


def _all_failed(results: Sequence[RungResult]) -> bool:
    return all(result.verdict is RungVerdict.FAIL for result in results)


def _busy_s(pairs: Sequence[Pair]) -> float:
    """What the reference computes for, at least: disturbances only ever add to a time."""
    return min(pair.reference for pair in pairs) - min(pair.null for pair in pairs)


def _ratios(pairs: Sequence[Pair], *, whole: bool) -> list[float]:
    """Student over reference, each without what the way there and back takes.

    Where that is most of the reference's time, its difference is little but noise: there the
    reference keeps it, which flatters the student.
    """
    null = statistics.median(pair.null for pair in pairs)
    off = null if whole else 0.0
    return [
        max(pair.student - null, _SHORTEST_S) / max(pair.reference - off, _SHORTEST_S)
        for pair in pairs
    ]


def require_quiet(pairs: Sequence[Pair]) -> None:
    """Make sure that what is taken off is little of the reference's time, and this is steady.

    Raises:
        MachineBusy: The reference would look faster than it is.
    """
    times = [pair.reference for pair in pairs]
    null = statistics.median(pair.null for pair in pairs)
    if statistics.median(times) > _BUSY * min(times) or null > _LARGEST_NULL * min(times):
        raise MachineBusy(
            f"This machine is too busy to measure speed: the same work took from "
            f"{min(times) * 1e3:.2g} to {max(times) * 1e3:.2g} ms. Try again when it is quieter."
        )


def require_own_time(pairs: Sequence[Pair]) -> None:
    """Make sure that most of the time of the student's calls was the student's.

    Raises:
        MachineBusy: The student would look slower than it is.
    """
    share = statistics.median(pair.disturbed / pair.student for pair in pairs)
    if share > _LARGEST_DISTURBANCE:
        raise MachineBusy(
            f"This machine is too busy to measure speed: for {share:.0%} of the time of a call its "
            f"core did something else. Try again when it is quieter."
        )
