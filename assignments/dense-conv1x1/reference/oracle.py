"""Cases with their right answers, in float64, independent of the solution.

A case holds what a layer is given and what it must return. By default its data are small whole
numbers, for which any order of summation gives the same bits; `normal` data ask how accurate a
layer is. Works are what is timed: large, exact, and made faster than they are computed.
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
        x: The input.
        dy: The gradient of the output.
        kernel: In the layer's own shape.
        bias: Shape (out,), or None.
        output: Of forward.
        gradients: Of x, kernel and, if there is one, bias.
    """

    x: Array
    dy: Array
    kernel: Array
    bias: Array | None
    output: Expected
    gradients: dict[str, Expected]

    @property
    def parameters(self) -> dict[str, Array | None]:
        """Kernel and bias by attribute name."""
        return {"kernel": self.kernel, "bias": self.bias}


def normal(rng: np.random.Generator, *shape: int, dtype: DTypeLike = np.float32) -> Array:
    """Draw from the normal distribution."""
    return rng.standard_normal(shape).astype(dtype)


def dense_case(
    rng: np.random.Generator,
    shape: Sequence[int],
    units: int,
    *,
    use_bias: bool = True,
    dtype: DTypeLike = np.float32,
    draw: Draw = whole_numbers,
) -> Case:
    """Draw a case for `Dense(shape[-1], units, use_bias)` with x of this shape."""
    x = draw(rng, *shape, dtype=dtype)
    dy = draw(rng, *shape[:-1], units, dtype=dtype)
    kernel = draw(rng, shape[-1], units, dtype=dtype)
    bias = draw(rng, units, dtype=dtype) if use_bias else None
    return dense(x, dy, kernel, bias)


def dense(x: Array, dy: Array, kernel: Array, bias: Array | None) -> Case:
    """The case of a dense layer with these data."""
    gradients = affine_gradients(x, kernel, dy, use_bias=bias is not None)
    return Case(x, dy, kernel, bias, affine(x, kernel, bias), gradients)


def conv1x1_case(
    rng: np.random.Generator,
    batch: int,
    spatial: Sequence[int],
    channels: int,
    filters: int,
    *,
    strides: int = 1,
    data_format: str = "channels_last",
    use_bias: bool = True,
    dtype: DTypeLike = np.float32,
    draw: Draw = whole_numbers,
) -> Case:
    """Draw a case for `Conv1x1` of rank len(spatial)."""
    visited = [-(-length // strides) for length in spatial]  # rounded up
    x = draw(rng, *_shape(batch, spatial, channels, data_format), dtype=dtype)
    dy = draw(rng, *_shape(batch, visited, filters, data_format), dtype=dtype)
    kernel = draw(rng, *(1,) * len(spatial), channels, filters, dtype=dtype)
    bias = draw(rng, filters, dtype=dtype) if use_bias else None
    return conv1x1(x, dy, kernel, bias, strides=strides, data_format=data_format)


def conv1x1(
    x: Array,
    dy: Array,
    kernel: Array,
    bias: Array | None,
    *,
    strides: int = 1,
    data_format: str = "channels_last",
) -> Case:
    """The case of a 1x1 convolution with these data: a dense layer on the visited positions."""
    axis = -1 if data_format == "channels_last" else 1
    x_last, dy_last = np.moveaxis(x, axis, -1), np.moveaxis(dy, axis, -1)
    visited = (slice(None), *(slice(None, None, strides),) * (x.ndim - 2))
    matrix = kernel.reshape(kernel.shape[-2:])
    inner = dense(x_last[visited], dy_last, matrix, bias)

    def scatter(values: Array) -> Array:
        everywhere = np.zeros(x_last.shape, values.dtype)
        everywhere[visited] = values
        return np.moveaxis(everywhere, -1, axis)

    gradients = {
        **inner.gradients,
        "x": inner.gradients["x"].arranged(scatter),
        "kernel": inner.gradients["kernel"].arranged(lambda a: a.reshape(kernel.shape)),
    }
    output = inner.output.arranged(lambda a: np.moveaxis(a, -1, axis))
    return Case(x, dy, kernel, bias, output, gradients)


def _shape(batch: int, spatial: Sequence[int], channels: int, data_format: str) -> tuple[int, ...]:
    if data_format == "channels_last":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


_LARGEST_SUM = 2**24 - 1
_WIDE = 4095  # twelve binary digits, which neither float16 nor bfloat16 nor TF32 holds
_LARGEST_BIAS = 1000


def dense_work(
    rng: np.random.Generator, positions: int, inputs: int, units: int, *, call: str
) -> Work:
    """A call of `Dense(inputs, units)` on an input of rank 3.

    Args:
        rng: Draws the data.
        positions: How many, of all axes but the last; a multiple of 8.
        inputs: How many.
        units: How many.
        call: `forward` or `backward`.
    """
    leading = (8, positions // 8)
    return _work("Dense", (inputs, units), (inputs, units), leading, rng, call)


def conv1x1_work(
    rng: np.random.Generator, positions: int, channels: int, filters: int, *, call: str
) -> Work:
    """The same of `Conv1x1(channels, filters, rank=2)`, channels last."""
    leading, shape = (2, 4, positions // 8), (1, 1, channels, filters)
    return _work("Conv1x1", (channels, filters), shape, leading, rng, call)


def _work(
    layer: str,
    arguments: tuple[int, int],
    kernel_shape: tuple[int, ...],
    leading: tuple[int, ...],
    rng: np.random.Generator,
    call: str,
) -> Work:
    data = _forward_data if call == "forward" else _backward_data
    x, matrix, bias = data(rng, leading, *arguments)
    kernel = matrix.reshape(kernel_shape)
    parameters = {"kernel": kernel, "bias": bias}
    if call == "forward":
        return Work(
            layer=layer,
            arguments=arguments,
            parameters=parameters,
            call=call,
            given=x,
            expected=exact_affine(x, matrix, bias),
        )
    dy = _signs(rng, (*leading, arguments[1]))
    dx, d_matrix, d_bias = exact_affine_gradients(x, matrix, dy)
    return Work(
        layer=layer,
        arguments=arguments,
        parameters=parameters,
        before=(("forward", x),),
        call=call,
        given=dy,
        expected=dx,
        attributes={"d_kernel": d_matrix.reshape(kernel_shape), "d_bias": d_bias},
    )


def _forward_data(
    rng: np.random.Generator, leading: tuple[int, ...], inputs: int, units: int
) -> tuple[Array, Array, Array]:
    """One of x and the matrix is wide, by chance; the other as wide as sums have room for."""
    narrow = _limit(inputs * _WIDE, _LARGEST_SUM - _LARGEST_BIAS)
    x_limit, limit = (_WIDE, narrow) if rng.integers(2) else (narrow, _WIDE)
    return (
        _whole(rng, (*leading, inputs), x_limit),
        _whole(rng, (inputs, units), limit),
        _whole(rng, (units,), _LARGEST_BIAS),
    )


def _backward_data(
    rng: np.random.Generator, leading: tuple[int, ...], inputs: int, units: int
) -> tuple[Array, Array, Array]:
    """Both are wide, since dy is not."""
    return (
        _whole(rng, (*leading, inputs), _limit(math.prod(leading), _LARGEST_SUM)),
        _whole(rng, (inputs, units), _limit(units, _LARGEST_SUM)),
        _whole(rng, (units,), _LARGEST_BIAS),
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
