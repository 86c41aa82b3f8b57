"""The reference's forward and backward against the matrix products that no solution can avoid."""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from known_students import REFERENCE

CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]]] = {
    "Dense 512 -> 512": ("Dense", (512, 512), {}, (8, 256, 512)),
    "Dense 1024 -> 64": ("Dense", (1024, 64), {}, (4096, 1024)),
    "Conv1x1 96 -> 1536": ("Conv1x1", (96, 1536), {}, (4, 28, 28, 96)),
    "Conv1x1 96 -> 1536, channels first": (
        "Conv1x1",
        (96, 1536),
        {"data_format": "channels_first"},
        (4, 96, 28, 28),
    ),
}


def measure_raw(core: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of calls in turn on one core and one thread: of the reference, and of the products.

    The products go from flat rows into arrays that are there already; a forward has one, a backward
    two. What the reference takes beyond that is its bias, its copies and its fresh memory.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        names: dict[str, Any] = {"__name__": "solution"}
        exec(compile(REFERENCE.read_text(), str(REFERENCE), "exec"), names)
        return {name: _measure(names, case, rounds) for name, case in CASES.items()}
    finally:
        os.sched_setaffinity(0, before)


def _measure(
    names: dict[str, Any],
    case: tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]],
    rounds: int,
) -> dict[str, float]:
    layer_name, (inputs, outputs), options, shape = case
    layer = names[layer_name](inputs, outputs, **options)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, np.float32)
    dy = rng.standard_normal(layer.forward(x).shape, np.float32)
    count = x.size // inputs
    rows = rng.standard_normal((count, inputs), np.float32)
    d_rows = rng.standard_normal((count, outputs), np.float32)
    kernel = np.ascontiguousarray(layer.kernel.reshape(inputs, outputs))
    y, dx, d_kernel = np.empty_like(d_rows), np.empty_like(rows), np.empty_like(kernel)

    def raw_backward() -> None:
        np.matmul(d_rows, kernel.T, out=dx)
        np.matmul(rows.T, d_rows, out=d_kernel)

    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: layer.forward(x),
        "raw_forward": lambda: np.matmul(rows, kernel, out=y),
        "backward": lambda: layer.backward(dy),
        "raw_backward": raw_backward,
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 2):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - started)
    medians = {f"{name}_ms": 1e3 * statistics.median(taken) for name, taken in seconds.items()}
    ratios = {
        f"{name}_ratio": statistics.median(
            ours / raw for ours, raw in zip(seconds[name], seconds[f"raw_{name}"], strict=True)
        )
        for name in ("forward", "backward")
    }
    return {**medians, **ratios}
