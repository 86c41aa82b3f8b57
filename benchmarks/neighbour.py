"""A neighbour that burns cores in bursts, on and off as a seed says.

python benchmarks/neighbour.py SEED CORE      # until its parent ends
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

ON_S, OFF_S = 0.12, 0.18
"""Mean length of a burst, and of the pause after it; both exponential."""


@contextlib.contextmanager
def bursts(seed: int, cores: list[int]) -> Iterator[None]:
    """One neighbour pinned to each core, for as long as the context lasts."""
    neighbours = [
        subprocess.Popen(
            [sys.executable, __file__, str(seed + number), str(core)],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        for number, core in enumerate(cores)
    ]
    try:
        time.sleep(0.5)  # until they have imported NumPy
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def burn(seed: int, core: int) -> None:
    """Products and copies by turns, so that both arithmetic and caches are contended for."""
    os.sched_setaffinity(0, {core})
    rng = np.random.default_rng(seed)
    parent = os.getppid()
    matrix = np.ones((128, 128), np.float32)
    wide = np.ones(1 << 20, np.float32)
    while os.getppid() == parent:
        until = time.perf_counter() + rng.exponential(ON_S)
        while time.perf_counter() < until:
            np.matmul(matrix, matrix)
            wide.copy()
        time.sleep(rng.exponential(OFF_S))


if __name__ == "__main__":
    burn(int(sys.argv[1]), int(sys.argv[2]))
