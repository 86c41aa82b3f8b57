"""The fixture `speed`: what checks of speed and memory are written with."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from grader.assignment import Assignment, Rung
from grader.checking.mismatch import PartialCredit
from grader.checking.recorder import record, record_speed
from grader.checking.speed.arena import Arenas, Code
from grader.checking.speed.duel import Duel, TooSlow
from grader.checking.speed.gpu import describe_gpu
from grader.checking.speed.lease import lease
from grader.checking.speed.peak import peak_ratio
from grader.checking.speed.slow_paths import LARGE, explain
from grader.checking.speed.work import MakeWork, Work
from grader.checking.student import call_later, get_later
from grader.checking.tolerance import assert_matches
from grader.errors import AssignmentInvalid
from grader.measurement import SpeedMeasurement
from grader.sandbox.affinity import pinned_here
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import Device
from grader.submission import Submission

_MIB = 1 << 20
_UNTIMED_POSITIONS = 8


class SpeedChecker(Protocol):
    """What a check of speed is given."""

    def judge(
        self,
        make: MakeWork,
        *,
        ladder: str,
        small: Callable[[np.random.Generator], Work] | None = None,
    ) -> None:
        """Pass if the student's call reaches the top of the ladder.

        Args:
            make: Makes the work for a number of positions, on fresh data.
            ladder: One of `[speed.ladders]` in assignment.toml.
            small: Makes a case that everybody must finish; that is worth `small_share`.

        Raises:
            PartialCredit: It reaches a lower rung, or none.
            Mismatch: A result was wrong.
        """
        ...

    def judge_memory(self, make: MakeWork, *, positions: int, ladder: str) -> None:
        """The same for the peak of memory in one call.

        Args:
            make: As for `judge`.
            positions: How many; what the call returns should be some MiB.
            ladder: As for `judge`.
        """
        ...


class DuellingChecker:
    """Judges in a grading, by duels.

    Args:
        pool: Where sandboxes come from.
        submission: The student's code.
        assignment: Its rules and its reference.
    """

    def __init__(self, pool: SandboxPool, submission: Submission, assignment: Assignment) -> None:
        self._assignment = assignment
        self._rules = assignment.speed
        on_gpu = assignment.runtime.device is Device.CUDA
        self._gpu = pool.describe().device if on_gpu else None
        self._source = submission.files.get(assignment.interface.file, b"")
        self._own_cores, self._cores = _divide_cores(assignment.limits.cpus)
        self._arenas = Arenas(
            pool,
            Code(assignment.interface.file, submission.files),
            _reference_code(assignment),
            self._cores,
        )
        self._rng = np.random.default_rng()

    def begin_check(self, seed: int) -> "DuellingChecker":
        """The same for the next check, with its own seed."""
        self._rng = np.random.default_rng(seed)
        return self

    def judge(
        self,
        make: MakeWork,
        *,
        ladder: str,
        small: Callable[[np.random.Generator], Work] | None = None,
    ) -> None:
        """See `SpeedChecker.judge`."""
        limits = self._assignment.limits
        duel = Duel(
            self._arenas,
            self._rungs(ladder),
            self._rules,
            self._rng,
            reply_bytes=limits.reply_mib * _MIB,
            budget_s=limits.wall_s,
            device=lambda: {} if self._gpu is None else describe_gpu(self._gpu),
        )
        try:
            with self._alone():
                measured = duel.run(make, small)
        except TooSlow as error:
            raise PartialCredit(str(error), share=0.0) from error
        record_speed(measured)
        if measured.ratio is not None:
            record("speed_ratio", measured.ratio)
        if measured.share < 1:
            raise PartialCredit(
                _verdict_on(measured), share=measured.share, hint=self._hint(measured)
            )

    def judge_memory(self, make: MakeWork, *, positions: int, ladder: str) -> None:
        """See `SpeedChecker.judge_memory`."""
        rungs = self._rungs(ladder)
        with self._alone():
            ratio = peak_ratio(self._arenas, make, positions, self._rng, rungs[0].at_most)
        if ratio is None:
            return  # this machine cannot tell, which is not the student's fault
        share = next((rung.share for rung in rungs if ratio <= rung.at_most), 0.0)
        if share < 1:
            work = make(np.random.default_rng(0), _UNTIMED_POSITIONS)
            hint = self._explained(work.call, work.layer, ratio, among=LARGE)
            raise PartialCredit(
                f"The call needs more than {rungs[0].at_most:g} times the memory that the "
                f"reference needs on top of what it is given. Is there a copy of the input or of "
                f"the result, something in float64, or an array with one axis too many?",
                share=share,
                hint=hint,
            )

    def close(self) -> None:
        """Give all sandboxes back."""
        self._arenas.renew()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """With the machine, or the GPU, for this grading only, and away from the sides' cores."""
        # Threads of our own that wait for work in a loop would take turns with the clock.
        one_thread = threadpool_limits(limits=1, user_api="blas")
        with lease(self._gpu or "cpu"), one_thread, pinned_here(self._own_cores):
            yield

    def _rungs(self, ladder: str) -> tuple[Rung, ...]:
        if ladder not in self._rules.ladders:
            raise AssignmentInvalid(
                f"A check is judged by the ladder {ladder!r}, which [speed.ladders] in "
                f"assignment.toml does not have."
            )
        return self._rules.ladders[ladder]

    def _hint(self, measured: SpeedMeasurement) -> tuple[str, str] | None:
        layer = str(measured.work["layer"]).partition("(")[0]
        return self._explained(str(measured.work["call"]), layer, measured.ratio or math.inf)

    def _explained(
        self, call: str, layer: str, ratio: float, among: frozenset[str] | None = None
    ) -> tuple[str, str] | None:
        source = self._source.decode("utf-8", "replace")
        return explain(source, call, ratio, layer=layer, among=among)


class UntimedChecker:
    """Stands in outside of gradings: a plain pytest run asks only whether results are right.

    Args:
        student: The module.
        seed: Of this check.
    """

    def __init__(self, student: Any, seed: int) -> None:
        self._student = student
        self._rng = np.random.default_rng(seed)

    def judge(
        self,
        make: MakeWork,
        *,
        ladder: str,  # noqa: ARG002 - as in the protocol
        small: Callable[[np.random.Generator], Work] | None = None,
    ) -> None:
        """Pass if the small case is right."""
        self._verify(small(self._rng) if small else make(self._rng, _UNTIMED_POSITIONS))

    def judge_memory(self, make: MakeWork, *, positions: int, ladder: str) -> None:  # noqa: ARG002
        """Pass if a small case is right."""
        self._verify(make(self._rng, _UNTIMED_POSITIONS))

    def _verify(self, work: Work) -> None:
        layer = getattr(self._student, work.layer)(*work.arguments, **work.options)
        for name, value in work.parameters.items():
            setattr(layer, name, value)
        for method, array in work.before:
            call_later(layer, method, array)()
        actual = call_later(layer, work.call, work.given)()
        assert_matches(actual=actual, expected=work.expected, name=f"what {work.call} returns")
        for name, expected in work.attributes.items():
            assert_matches(actual=get_later(layer, name)(), expected=expected, name=name)


def _verdict_on(measured: SpeedMeasurement) -> str:
    """What a student reads; figures stand beside it, since they differ from run to run."""
    call = measured.work["call"]
    if measured.ratio is None:
        return f"{call} finishes a small case, but takes too long for any larger one."
    reached = [rung for rung in measured.rungs if rung.share == measured.share]
    if reached:
        return (
            f"{call} is right, and takes at most {reached[0].at_most:g} times as long as the "
            f"reference, but more than {measured.rungs[0].at_most:g} times."
        )
    slowest = measured.rungs[-1].at_most
    return f"{call} is right, but takes more than {slowest:g} times as long as the reference."


def _reference_code(assignment: Assignment) -> Code:
    """What the reference's sandbox gets: the solution, and never the oracle."""
    files = {
        path.name: path.read_bytes()
        for path in sorted(assignment.reference.glob("*.py"))
        if path.name != "oracle.py"
    }
    if "solution.py" not in files:
        raise AssignmentInvalid(
            f"{assignment.reference} has no solution.py: checks of speed need a reference to run."
        )
    return Code("solution.py", files)


def _divide_cores(cpus: float) -> tuple[frozenset[int] | None, frozenset[int] | None]:
    """Cores for this process and for the sides of a duel; None where there are too few."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    needed = math.ceil(cpus)
    if len(cores) <= needed:
        return None, None
    return frozenset(cores[:-needed]), frozenset(cores[-needed:])
