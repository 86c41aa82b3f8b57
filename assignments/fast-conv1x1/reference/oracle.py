"""Cases with their right answers, in float64, independent of the solution; and works to be timed.

By default a case's data are small whole numbers, for which any order of summation gives the same
bits. Works are large, exact, and made faster than they are computed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from grader.checking.oracle import (
    affine,
    affine_gradients,
    exact_affine,
    exact_affine_gradients,
    whole_numbers,
)
from grader.checking.speed.work import Work
from grader.checking.tolerance import Expected

Array = NDArray[Any]
Draw = Callable[..., Array]


@dataclass(frozen=True)
class Case:
    """What a layer is given, and what it must return.

    Attributes:
        x: Shape (N, H, W, C), or (N, C, H, W).
        dy: Shape of the output.
        kernel: Shape (1, 1, C, O).
        bias: Shape (O,).
        output: Of forward.
        gradients: Of x, kernel and bias.
    """

    x: Array
    dy: Array
    kernel: Array
    bias: Array
    output: Expected
    gradients: dict[str, Expected]


def normal(rng: np.random.Generator, *shape: int, dtype: DTypeLike = np.float32) -> Array:
    """Draw from the normal distribution."""
    return rng.standard_normal(shape).astype(dtype)


def draw_case(
    rng: np.random.Generator,
    image: Sequence[int],
    channels: int,
    filters: int,
    *,
    data_format: str = "channels_last",
    dtype: DTypeLike = np.float32,
    draw: Draw = whole_numbers,
) -> Case:
    """Draw a case for `Conv1x1(channels, filters, data_format)`.

    Args:
        rng: Draws.
        image: N, H and W.
        channels: C.
        filters: O.
        data_format: Of x and dy.
        dtype: Of everything.
        draw: Called with the generator, a shape and the dtype.
    """
    x = draw(rng, *image, channels, dtype=dtype)
    dy = draw(rng, *image, filters, dtype=dtype)
    matrix = draw(rng, channels, filters, dtype=dtype)
    bias = draw(rng, filters, dtype=dtype)
    gradients = affine_gradients(x, matrix, dy)

    def arranged(array: Array) -> Array:
        return _from_last(array, data_format)

    return Case(
        x=arranged(x),
        dy=arranged(dy),
        kernel=matrix[None, None],
        bias=bias,
        output=affine(x, matrix, bias).arranged(arranged),
        gradients={
            **gradients,
            "x": gradients["x"].arranged(arranged),
            "kernel": gradients["kernel"].arranged(lambda array: array[None, None]),
        },
    )


_LARGEST_SUM = 2**24 - 1
_WIDE = 4095  # twelve binary digits, which neither float16 nor bfloat16 nor TF32 holds
_LARGEST_BIAS = 1000
_IMAGES = 4
_HEIGHT = 2


def draw_work(
    rng: np.random.Generator,
    positions: int,
    channels: int,
    filters: int,
    *,
    call: str,
    data_format: str,
) -> Work:
    """A call of `Conv1x1(channels, filters, data_format)` on a batch of wide images.

    Args:
        rng: Draws the data.
        positions: N * H * W, a multiple of 8.
        channels: C.
        filters: O.
        call: `forward` or `backward`.
        data_format: Of everything that is given and returned.
    """
    image = (_IMAGES, _HEIGHT, positions // (_IMAGES * _HEIGHT))
    draw = _draw_forward if call == "forward" else _draw_backward
    x, matrix, bias = draw(rng, image, channels, filters)
    layer = {
        "layer": "Conv1x1",
        "arguments": (channels, filters),
        "options": {"data_format": data_format},
        "parameters": {"kernel": matrix[None, None], "bias": bias},
        "call": call,
    }
    given = _from_last(x, data_format)
    if call == "forward":
        expected = _from_last(exact_affine(x, matrix, bias), data_format)
        return Work(**layer, given=given, expected=expected)
    dy = _signs(rng, (*image, filters))
    dx, d_matrix, d_bias = exact_affine_gradients(x, matrix, dy)
    return Work(
        **layer,
        before=(("forward", given),),
        given=_from_last(dy, data_format),
        expected=_from_last(dx, data_format),
        attributes={"d_kernel": d_matrix[None, None], "d_bias": d_bias},
    )


def _from_last(array: Array, data_format: str) -> Array:
    """The same image in the layout that is asked for, in C order."""
    axis = 1 if data_format == "channels_first" else -1
    return np.ascontiguousarray(np.moveaxis(array, -1, axis))


def _draw_forward(
    rng: np.random.Generator, image: tuple[int, ...], channels: int, filters: int
) -> tuple[Array, Array, Array]:
    """One of x and the matrix is wide, by chance; the other as wide as sums have room for."""
    narrow = _limit(channels * _WIDE, _LARGEST_SUM - _LARGEST_BIAS)
    x_limit, limit = (_WIDE, narrow) if rng.integers(2) else (narrow, _WIDE)
    return (
        _whole(rng, (*image, channels), x_limit),
        _whole(rng, (channels, filters), limit),
        _whole(rng, (filters,), _LARGEST_BIAS),
    )


def _draw_backward(
    rng: np.random.Generator, image: tuple[int, ...], channels: int, filters: int
) -> tuple[Array, Array, Array]:
    """Both are as wide as sums have room for, since dy is one or minus one."""
    return (
        _whole(rng, (*image, channels), _limit(math.prod(image), _LARGEST_SUM)),
        _whole(rng, (channels, filters), _limit(filters, _LARGEST_SUM)),
        _whole(rng, (filters,), _LARGEST_BIAS),
    )


def _limit(times: int, largest_sum: int) -> int:
    """The widest number that fits into the largest sum so many times."""
    return max(1, min(_WIDE, largest_sum // times))


def _whole(rng: np.random.Generator, shape: tuple[int, ...], limit: int) -> Array:
    """Like `whole_numbers`, from two bytes each: fast."""
    return rng.integers(-limit, limit + 1, shape, dtype=np.int16).astype(np.float32)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Minus one or one, from one bit each."""
    count = math.prod(shape)
    bits = np.unpackbits(rng.integers(0, 256, -(-count // 8), dtype=np.uint8), count=count)
    signs = bits.astype(np.float32)
    signs *= 2
    signs -= 1
    return signs.reshape(shape)
