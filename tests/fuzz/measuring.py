"""Memory and time of one reading."""

import contextlib
import time
import tracemalloc
from typing import NamedTuple


class Cost(NamedTuple):
    """Most bytes that were allocated at a time, and seconds of processor time."""

    peak: int
    seconds: float


@contextlib.contextmanager
def tracing():
    """Have the allocator's figures meanwhile.

    Each beginning leaves some memory behind in the interpreter: for many readings, begin once.
    """
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def measured(read):
    """What `read()` returns, and its cost."""
    with tracing():
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        started = time.thread_time()
        result = read()
        seconds = time.thread_time() - started
        return result, Cost(tracemalloc.get_traced_memory()[1] - before, seconds)
