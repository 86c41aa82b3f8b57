"""Two sandboxes that duel: the student's code in one, the reference in another just like it.

Outside of its turn, every process of a side is stopped.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from grader.checking.speed.work import Array, Work
from grader.checking.tolerance import mismatch
from grader.errors import AssignmentInvalid, CheckBroken, InfrastructureFault
from grader.sandbox.agent import wire
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.core_time import disturbed_s
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.inbox import ALIGNMENT, INBOX_BYTES
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import Runtime

_T = TypeVar("_T")


@dataclass(frozen=True)
class Code:
    """What is loaded into one side: the module's file name, and all files."""

    module: str
    files: Mapping[str, bytes]


class Side:
    """One sandbox with a layer in it.

    Args:
        client: Of a sandbox in which the code has been loaded.
    """

    def __init__(self, client: AgentClient) -> None:
        self.client = client
        self._layers: dict[str, wire.Handle] = {}
        self._placed: dict[tuple[str, tuple[int, ...], int], wire.Handle] = {}
        self._held: list[wire.Handle] = []
        self._held_shapes: list[tuple[int, ...]] = []
        client.settle()
        client.freeze()

    def prepare(
        self, work: Work, seconds: float | None = None
    ) -> Callable[[], tuple[float, dict[str, wire.Value]]]:
        """Bring everything there but the clock's own call. Gives what runs that.

        Args:
            work: What to do.
            seconds: Time for each call; None for what the limits give a call.
        """
        client = self.client
        client.thaw()
        layer = self._layer(work)
        for name, value in work.parameters.items():
            client.set(layer, name, value)
        offset = 0
        for method, array in work.before:
            handle = self._place(array, offset)
            client.freeze()
            client.inbox.write(offset, array)
            client.thaw()
            client.result(client.call(layer, method, (handle,), {}, seconds=seconds))
            offset = _behind(array, offset)
        given = self._place(work.given, offset)
        client.settle_device()
        client.freeze()
        # Only now, and nothing runs before the clock does: there is no working ahead.
        client.inbox.write(offset, work.given)

        def run() -> tuple[float, dict[str, wire.Value]]:
            took, values = client.timed(
                lambda: [
                    client.call(layer, work.call, (given,), {}, seconds=seconds),
                    *(client.get(layer, name) for name in work.attributes),
                ]
            )
            names = (f"what {work.call} returns", *work.attributes)
            return took, dict(zip(names, values, strict=True))

        return run

    def null(self, work: Work) -> float:
        """Seconds to bring back as much as the work does, with nothing to compute."""
        client = self.client
        arrays = (work.expected, *work.attributes.values())
        shapes = [array.shape for array in arrays]
        if shapes != self._held_shapes:
            client.thaw()
            for handle in self._held:  # of another size: its memory is wanted back
                client.release(handle)
            self._held = [client.hold(np.zeros_like(array)) for array in arrays]
            self._held_shapes = shapes
            client.settle()
        seconds, _values = client.timed(lambda: [client.fetch(held) for held in self._held])
        return seconds

    def _layer(self, work: Work) -> wire.Handle:
        name = work.describe()["layer"]
        if name not in self._layers:
            options: dict[str, Any] = dict(work.options)
            self._layers[name] = self.client.construct(MODULE, work.layer, work.arguments, options)
        return self._layers[name]

    def _place(self, array: Array, offset: int) -> wire.Handle:
        """What stands for an array of this form at this place, whatever lies there yet."""
        if _behind(array, offset) > INBOX_BYTES:
            raise CheckBroken(f"A check of speed gives more than {INBOX_BYTES >> 20} MiB at once.")
        key = (array.dtype.str, array.shape, offset)
        if key not in self._placed:
            self._placed[key] = self.client.place(*key)
        self.client.settle()
        return self._placed[key]


def _behind(array: Array, offset: int) -> int:
    return offset + -(-array.nbytes // ALIGNMENT) * ALIGNMENT


class Arena:
    """Both sides, each in a fresh sandbox from the same pool.

    Attributes:
        disturbed_s: For how long of the student's last call the core did others' work, so far as
            the kernel tells.
    """

    def __init__(
        self,
        pool: SandboxPool,
        student: Code,
        reference: Code,
        cores: frozenset[int] | None,
    ) -> None:
        self._pool = pool
        self._clients: list[AgentClient] = []
        self.disturbed_s = 0.0
        pool.prepare(2)
        try:
            with _reference_faults():
                self.reference = Side(self._load(reference, cores))
            self.student = Side(self._load(student, cores))
        except BaseException:
            self.close()
            raise

    def run_student(self, work: Work, seconds: float | None = None) -> float:
        """Seconds of the student's call, which was right.

        Args:
            work: What to do.
            seconds: Time for each call; None for what the limits give a call.

        Raises:
            Mismatch: It was not.
            StudentError, SandboxEnded: There was no answer.
        """
        run, client = self.student.prepare(work, seconds), self.student.client
        before = client.core_time()
        took, values = _timed(run)
        self.disturbed_s = disturbed_s(before, client.core_time(), took)
        wrong = _wrong(values, work)
        if wrong is not None:
            raise wrong
        return took

    def run_reference(self, work: Work) -> float:
        """Seconds of the reference's call. Raises AssignmentInvalid where it is not right."""
        with _reference_faults():
            took, values = _timed(self.reference.prepare(work))
        wrong = _wrong(values, work)
        if wrong is not None:
            raise AssignmentInvalid(f"The reference is not what a check of speed expects: {wrong}")
        return took

    def run_null(self, work: Work) -> float:
        """Seconds of a call that computes nothing, in the reference's sandbox."""
        with _reference_faults():
            return _timed(lambda: self.reference.null(work))

    @property
    def ended(self) -> bool:
        """Whether one side is gone."""
        return any(client.ended is not None for client in self._clients)

    def close(self) -> None:
        """Give both sandboxes back."""
        for client in self._clients:
            self._pool.dispose(client)
        self._clients.clear()

    def _load(self, code: Code, cores: frozenset[int] | None) -> AgentClient:
        client = self._pool.take()
        self._clients.append(client)
        if cores is not None:
            client.pin(cores)
        client.load(code.module, code.files)
        return client


class Arenas:
    """Arenas by number, each made when it is first asked for.

    Args:
        pool: Where sandboxes come from.
        student: The student's code.
        reference: The reference's.
        cores: That both sides run on; None for any.
    """

    def __init__(
        self,
        pool: SandboxPool,
        student: Code,
        reference: Code,
        cores: frozenset[int] | None = None,
    ) -> None:
        self._make: Callable[[], Arena] = partial(Arena, pool, student, reference, cores)
        self._pool = pool
        self._arenas: dict[int, Arena] = {}

    @property
    def runtime(self) -> Runtime:
        """What both sides compute with."""
        return self._pool.runtime

    def __getitem__(self, number: int) -> Arena:
        """The arena of this number, made anew where a side has ended."""
        arena = self._arenas.get(number)
        if arena is not None and arena.ended:
            self._arenas.pop(number).close()
            arena = None
        if arena is None:
            arena = self._arenas[number] = self.fresh()
        return arena

    def fresh(self) -> Arena:
        """One that nothing has run in yet; the caller closes it."""
        arena = self._make()
        self._pool.wait_until_still()
        return arena

    def renew(self) -> None:
        """Make new ones from now on."""
        while self._arenas:
            self._arenas.popitem()[1].close()
        self._pool.wait_until_still()


def _timed(run: Callable[[], _T]) -> _T:
    """Run with the trusted side's own garbage collector held off."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return run()
    finally:
        if enabled:
            gc.enable()


def _wrong(values: Mapping[str, wire.Value], work: Work) -> BaseException | None:
    wanted = (work.expected, *work.attributes.values())
    for (name, actual), expected in zip(values.items(), wanted, strict=True):
        if (
            isinstance(actual, np.ndarray)
            and actual.dtype == expected.dtype
            and np.array_equal(actual, expected)
        ):
            continue
        wrong = mismatch(actual, expected, name)
        if wrong is not None:
            return wrong
    return None


@contextmanager
def _reference_faults() -> Iterator[None]:
    """What goes wrong with the reference is never the student's doing."""
    try:
        yield
    except StudentError as error:
        raise AssignmentInvalid(f"The reference failed in a check of speed: {error}") from error
    except SandboxEnded as error:
        if error.failure is Failure.TIME_LIMIT:
            raise InfrastructureFault(
                f"The reference was too slow to be a measure ({error.message}): this machine is "
                f"too busy, or too slow for the assignment's limits. Try again."
            ) from error
        raise AssignmentInvalid(f"The reference ended in a check of speed: {error}") from error
