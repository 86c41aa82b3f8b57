"""The peak of memory in one call, by the kernel's own count."""

from collections.abc import Callable

import numpy as np

from grader.checking.recorder import record
from grader.checking.speed.arena import Arena, Arenas, Side
from grader.checking.speed.work import MakeWork, Work

_TRIES = 3
_MIB = 1 << 20
_SMALL_POSITIONS = 8


def peak_ratio(
    arenas: Arenas, make: MakeWork, positions: int, rng: np.random.Generator, enough: float
) -> float | None:
    """Memory that the student's call needs on top of what was there, over the reference's.

    Counted in fresh sandboxes, whose peak is this call's own. Measured again where it is more
    than enough, since a count may be disturbed upwards; the least one counts.

    Args:
        arenas: Where fresh sandboxes come from.
        make: Makes the work.
        positions: For so many positions.
        rng: Draws the data.
        enough: The ratio that needs no second look.

    Returns:
        The ratio; None where the kernel does not count.

    Raises:
        Mismatch: The student's result was wrong.
        StudentError, SandboxEnded: There was none.
    """
    best: tuple[float, int, int] | None = None
    for _ in range(_TRIES):
        arena = arenas.fresh()
        try:
            measured = _measure(arena, make, positions, rng)
        finally:
            arena.close()
        if measured is None:
            return None
        best = measured if best is None else min(best, measured)
        if best[0] <= enough:
            break
    if best is None:
        return None
    ratio, student, reference = best
    record("speed_memory_ratio", ratio)
    record("peak_mib", student / _MIB)
    record("reference_peak_mib", reference / _MIB)
    return ratio


def _measure(
    arena: Arena, make: MakeWork, positions: int, rng: np.random.Generator
) -> tuple[float, int, int] | None:
    small, work = make(rng, _SMALL_POSITIONS), make(rng, positions)
    arena.run_reference(small)
    arena.run_student(small)
    reference = _growth(arena.reference, lambda: arena.run_reference(work))
    student = _growth(arena.student, lambda: arena.run_student(work))
    if reference is None or student is None:
        return None
    # What must be brought back cannot be done without.
    least = _returned(work)
    reference, student = max(reference, least), max(student, least)
    return student / reference, student, reference


def _growth(side: Side, run: Callable[[], float]) -> int | None:
    """Bytes between what is there before a call, its inputs included, and the peak."""
    before = side.client.memory()
    run()
    after = side.client.memory()
    return None if before is None or after is None else after.peak - before.now


def _returned(work: Work) -> int:
    return sum(array.nbytes for array in (work.expected, *work.attributes.values()))
