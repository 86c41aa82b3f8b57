"""On which cores the processes of a sandbox run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def pin_processes(processes: set[int], cores: frozenset[int]) -> None:
    """Let every thread of these processes run on these cores only; those that ended are skipped.

    Raises:
        OSError: It may not be done.
    """
    for process in processes:
        try:
            threads = [int(path.name) for path in Path(f"/proc/{process}/task").iterdir()]
        except FileNotFoundError:
            continue
        for thread in threads:
            try:
                os.sched_setaffinity(thread, cores)
            except ProcessLookupError:
                continue


@contextmanager
def pinned_here(cores: frozenset[int] | None) -> Iterator[None]:
    """Keep every thread of this process on these cores meanwhile; None changes nothing."""
    if cores is None:
        yield
        return
    own = {os.getpid()}
    before = frozenset(os.sched_getaffinity(0))
    pin_processes(own, cores)
    try:
        yield
    finally:
        pin_processes(own, before)
