"""What a dense layer must compute, and the work of its duels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking import (
    affine,
    affine_gradients,
    exact_affine,
    exact_affine_gradients,
    whole_numbers,
)
from grader.checking.speed.work import Work
from grader.checking.tolerance import Expected

Array = NDArray[Any]

_WIDE = 4095  # twelve binary digits, which neither float16 nor bfloat16 holds
_LARGEST_SUM = 2**24 - 1


@dataclass(frozen=True)
class Case:
    """What a layer is given, and what it must return."""

    x: Array
    dy: Array
    kernel: Array
    bias: Array
    output: Expected
    gradients: dict[str, Expected]


def case(rng: np.random.Generator, inputs: int, units: int) -> Case:
    """A small case of rank 3."""
    x, dy = whole_numbers(rng, 2, 3, inputs), whole_numbers(rng, 2, 3, units)
    kernel, bias = whole_numbers(rng, inputs, units), whole_numbers(rng, units)
    return Case(x, dy, kernel, bias, affine(x, kernel, bias), affine_gradients(x, kernel, dy))


def work(rng: np.random.Generator, positions: int, inputs: int, units: int, *, call: str) -> Work:
    """A call of `Dense(inputs, units)` on an input of rank 3."""
    leading = (8, positions // 8)
    if call == "forward":
        x = _whole(rng, (*leading, inputs), _WIDE)
        kernel, bias = _whole(rng, (inputs, units), 7), _whole(rng, (units,), 1000)
        return Work(
            layer="Dense",
            arguments=(inputs, units),
            parameters={"kernel": kernel, "bias": bias},
            call=call,
            given=x,
            expected=exact_affine(x, kernel, bias),
        )
    x = _whole(rng, (*leading, inputs), _limit(math.prod(leading)))
    kernel, bias = _whole(rng, (inputs, units), _limit(units)), _whole(rng, (units,), 1000)
    dy = (2 * rng.integers(0, 2, (*leading, units), dtype=np.int8) - 1).astype(np.float32)
    dx, d_kernel, d_bias = exact_affine_gradients(x, kernel, dy)
    return Work(
        layer="Dense",
        arguments=(inputs, units),
        parameters={"kernel": kernel, "bias": bias},
        before=(("forward", x),),
        call=call,
        given=dy,
        expected=dx,
        attributes={"d_kernel": d_kernel, "d_bias": d_bias},
    )


def _limit(times: int) -> int:
    return min(_WIDE, _LARGEST_SUM // times)


def _whole(rng: np.random.Generator, shape: tuple[int, ...], limit: int) -> Array:
    return rng.integers(-limit, limit + 1, shape, dtype=np.int16).astype(np.float32)
