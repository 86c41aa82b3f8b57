"""Cases with their right answers, in float64 and with NumPy, independent of the solution.

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
        weight: In the layer's own shape.
        bias: Shape (out,), or None.
        output: Of forward.
        gradients: Of x, weight and, if there is one, bias.
    """

    x: Array
    dy: Array
    weight: Array
    bias: Array | None
    output: Expected
    gradients: dict[str, Expected]

    @property
    def parameters(self) -> dict[str, Array | None]:
        """Weight and bias by attribute name."""
        return {"weight": self.weight, "bias": self.bias}


def normal(rng: np.random.Generator, *shape: int, dtype: DTypeLike = np.float32) -> Array:
    """Draw from the normal distribution."""
    return rng.standard_normal(shape).astype(dtype)


def linear_case(
    rng: np.random.Generator,
    shape: Sequence[int],
    outputs: int,
    *,
    bias: bool = True,
    dtype: DTypeLike = np.float32,
    draw: Draw = whole_numbers,
) -> Case:
    """Draw a case for `Linear(shape[-1], outputs, bias)` with x of this shape, of any rank."""
    x = draw(rng, *shape, dtype=dtype)
    dy = draw(rng, *shape[:-1], outputs, dtype=dtype)
    weight = draw(rng, outputs, shape[-1], dtype=dtype)
    return linear(x, dy, weight, draw(rng, outputs, dtype=dtype) if bias else None)


def linear(x: Array, dy: Array, weight: Array, bias: Array | None) -> Case:
    """The case of a linear layer with these data; weight has the shape (out, in)."""
    found = affine_gradients(x, weight.T, dy, use_bias=bias is not None)
    gradients = {"x": found["x"], "weight": found["kernel"].arranged(np.transpose)}
    if bias is not None:
        gradients["bias"] = found["bias"]
    return Case(x, dy, weight, bias, affine(x, weight.T, bias), gradients)


def conv_case(
    rng: np.random.Generator,
    batch: int,
    spatial: Sequence[int],
    channels: int,
    outputs: int,
    *,
    stride: int = 1,
    bias: bool = True,
    dtype: DTypeLike = np.float32,
    draw: Draw = whole_numbers,
) -> Case:
    """Draw a case for the convolution of rank len(spatial), channels first."""
    visited = [-(-length // stride) for length in spatial]  # rounded up
    x = draw(rng, batch, channels, *spatial, dtype=dtype)
    dy = draw(rng, batch, outputs, *visited, dtype=dtype)
    weight = draw(rng, outputs, channels, *(1,) * len(spatial), dtype=dtype)
    return conv(x, dy, weight, draw(rng, outputs, dtype=dtype) if bias else None, stride=stride)


def conv(x: Array, dy: Array, weight: Array, bias: Array | None, *, stride: int = 1) -> Case:
    """The case of a convolution with these data: a linear layer on the visited positions."""
    x_last, dy_last = np.moveaxis(x, 1, -1), np.moveaxis(dy, 1, -1)
    visited = (slice(None), *(slice(None, None, stride),) * (x.ndim - 2))
    inner = linear(x_last[visited], dy_last, weight.reshape(weight.shape[:2]), bias)

    def scatter(values: Array) -> Array:
        everywhere = np.zeros(x_last.shape, values.dtype)
        everywhere[visited] = values
        return np.moveaxis(everywhere, -1, 1)

    gradients = {
        **inner.gradients,
        "x": inner.gradients["x"].arranged(scatter),
        "weight": inner.gradients["weight"].arranged(lambda a: a.reshape(weight.shape)),
    }
    output = inner.output.arranged(lambda a: np.moveaxis(a, -1, 1))
    return Case(x, dy, weight, bias, output, gradients)


_LARGEST_SUM = 2**24 - 1
_WIDE = 4095  # twelve binary digits, which neither float16 nor bfloat16 nor TF32 holds
_LARGEST_BIAS = 1000


def linear_work(
    rng: np.random.Generator, positions: int, inputs: int, outputs: int, *, call: str
) -> Work:
    """A call of `Linear(inputs, outputs)` on an input of rank 3.

    Args:
        rng: Draws the data.
        positions: How many, of all axes but the last; a multiple of 8.
        inputs: How many.
        outputs: How many.
        call: `forward` or `backward`.
    """
    return _work("Linear", (inputs, outputs), (8, positions // 8), 0, rng, call)


def conv2d_work(
    rng: np.random.Generator, positions: int, channels: int, outputs: int, *, call: str
) -> Work:
    """The same of `Conv2d(channels, outputs)`, on a batch of two."""
    return _work("Conv2d", (channels, outputs), (2, 4, positions // 8), 2, rng, call)


def _work(
    layer: str,
    sizes: tuple[int, int],
    leading: tuple[int, ...],
    rank: int,
    rng: np.random.Generator,
    call: str,
) -> Work:
    """Computed with the channels last, and handed over as the layer has them."""
    data = _forward_data if call == "forward" else _backward_data
    x, matrix, bias = data(rng, leading, *sizes)

    def arranged(array: Array) -> Array:
        return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if rank else array

    def as_weight(array: Array) -> Array:
        return np.ascontiguousarray(array.T).reshape(sizes[1], sizes[0], *(1,) * rank)

    parameters = {"weight": as_weight(matrix), "bias": bias}
    if call == "forward":
        return Work(
            layer=layer,
            arguments=sizes,
            parameters=parameters,
            call=call,
            given=arranged(x),
            expected=arranged(exact_affine(x, matrix, bias)),
        )
    dy = _signs(rng, (*leading, sizes[1]))
    dx, d_matrix, d_bias = exact_affine_gradients(x, matrix, dy)
    return Work(
        layer=layer,
        arguments=sizes,
        parameters=parameters,
        before=(("forward", arranged(x)),),
        call=call,
        given=arranged(dy),
        expected=arranged(dx),
        attributes={"d_weight": as_weight(d_matrix), "d_bias": d_bias},
    )


def _forward_data(
    rng: np.random.Generator, leading: tuple[int, ...], inputs: int, outputs: int
) -> tuple[Array, Array, Array]:
    """One of x and the matrix is wide, by chance; the other as wide as sums have room for."""
    narrow = _limit(inputs * _WIDE, _LARGEST_SUM - _LARGEST_BIAS)
    x_limit, limit = (_WIDE, narrow) if rng.integers(2) else (narrow, _WIDE)
    return (
        _whole(rng, (*leading, inputs), x_limit),
        _whole(rng, (inputs, outputs), limit),
        _whole(rng, (outputs,), _LARGEST_BIAS),
    )


def _backward_data(
    rng: np.random.Generator, leading: tuple[int, ...], inputs: int, outputs: int
) -> tuple[Array, Array, Array]:
    """Both are wide, since dy is not."""
    return (
        _whole(rng, (*leading, inputs), _limit(math.prod(leading), _LARGEST_SUM)),
        _whole(rng, (inputs, outputs), _limit(outputs, _LARGEST_SUM)),
        _whole(rng, (outputs,), _LARGEST_BIAS),
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
