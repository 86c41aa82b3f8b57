"""How long the processes of a sandbox ran, and how long they waited to run (Linux)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NS = 1e-9
_SCHEDULED = 2
"""Which of a process's three clocks: what the scheduler counted, in nanoseconds."""


@dataclass(frozen=True)
class CoreTime:
    """Seconds of all processes together, since each began.

    Attributes:
        ran: On a core, threads that have ended included.
        waited: Threads that there are: ready to run, while their core did something else.
    """

    ran: float
    waited: float


def core_time(processes: Iterable[int]) -> CoreTime | None:
    """What the scheduler counts for the processes that there are; None where it does not."""
    ran, waited, threads = 0.0, 0, 0
    for process in processes:
        try:
            ran += time.clock_gettime(_clock_of(process))
        except OSError:  # it has ended
            continue
        for thread in Path(f"/proc/{process}/task").glob("*/schedstat"):
            try:
                waited += int(thread.read_text().split()[1])
            except OSError:
                continue
            threads += 1
    return CoreTime(ran, waited * _NS) if threads else None


def _clock_of(process: int) -> int:
    """The clock of a process's time on cores; its number is made as by clock_getcpuclockid(3)."""
    return (~process << 3) | _SCHEDULED


def disturbed_s(before: CoreTime | None, after: CoreTime | None, took_s: float) -> float:
    """For how long of a call the core did others' work, at least; 0 where that is not known.

    Threads of one sandbox that wait for each other are no disturbance, since one of them runs; and
    a sandbox that sleeps does not wait.
    """
    if before is None or after is None:
        return 0.0
    idle = took_s - (after.ran - before.ran)
    return max(0.0, min(after.waited - before.waited, idle))
