"""Conversions by way of one form: a window of positions, then input and output channels."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Kernel: TypeAlias = Literal["keras_dense", "torch_linear", "keras_conv", "torch_conv"]
Input: TypeAlias = Literal["channels_last", "channels_first"]
Padding: TypeAlias = Literal["valid", "same"] | int


def convert_kernel(kernel: Array, source: Kernel, target: Kernel, rank: int = 2) -> Array:
    """The kernel of a dense layer or a 1x1 convolution in another layout."""
    # A dense layer is a convolution without any spatial axis; a convolution's own are all one.
    matrix = convert_window(kernel, source, "keras_dense", ())
    return convert_window(matrix, "keras_dense", target, (1,) * rank)


def move_channels(x: Array, source: Input, target: Input) -> Array:
    """The input with its channels where the target has them."""
    axes = {"channels_last": -1, "channels_first": 1}
    return np.moveaxis(x, axes[source], axes[target])


def count_params(
    layer: Literal["dense", "flatten_dense", "conv"],
    spatial: Sequence[int],
    channels: int,
    units: int,
    kernel_size: Sequence[int] | None = None,
    use_bias: bool = True,
) -> int:
    """Every output is a weighted sum of so many numbers; whether there is a bias adds one."""
    seen = {"dense": (), "flatten_dense": spatial, "conv": kernel_size or ()}[layer]
    return (math.prod(seen) * channels + use_bias) * units


def output_shape(
    shape: Sequence[int],
    filters: int,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
) -> tuple[int, ...]:
    """Shape (N, *out, filters) for an input of shape (N, *spatial, C)."""
    batch, *spatial, _channels = shape
    axes = zip(spatial, kernel_size, strides, strict=True)
    return (batch, *(_windows(*axis, padding) for axis in axes), filters)


def equals_dense(
    spatial: Sequence[int], kernel_size: Sequence[int], strides: Sequence[int], padding: Padding
) -> bool:
    """Whether each output depends on its own position alone, and by the same weights."""
    axes = zip(spatial, kernel_size, strides, strict=True)
    alone = all(size == 1 and (step == 1 or length == 1) for length, size, step in axes)
    return alone and padding in ("valid", "same", 0)


def visited_positions(x: Array, strides: Sequence[int]) -> Array:
    """Shape (N, *spatial, C) to (N, *out, C)."""
    return x[:, *(slice(None, None, step) for step in strides)]


def convert_window(kernel: Array, source: Kernel, target: Kernel, window: Sequence[int]) -> Array:
    """Between Flatten with a dense layer and a convolution as large as its input."""
    return _from_window(_to_window(kernel, source, tuple(window)), target)


def _to_window(kernel: Array, source: Kernel, window: tuple[int, ...]) -> Array:
    """Shape (*window, C, O)."""
    if source == "keras_dense":
        return kernel.reshape(*window, kernel.shape[0] // math.prod(window), kernel.shape[1])
    if source == "torch_linear":
        units, columns = kernel.shape
        kernel = kernel.reshape(units, columns // math.prod(window), *window)
    return np.moveaxis(kernel, (1, 0), (-2, -1)) if source.startswith("torch") else kernel


def _from_window(kernel: Array, target: Kernel) -> Array:
    """From shape (*window, C, O)."""
    if target == "keras_dense":
        return kernel.reshape(math.prod(kernel.shape[:-1]), kernel.shape[-1])
    if target == "keras_conv":
        return kernel
    weight = np.moveaxis(kernel, (-2, -1), (1, 0))
    return weight.reshape(len(weight), -1) if target == "torch_linear" else weight


def _windows(length: int, size: int, step: int, padding: Padding) -> int:
    """How many windows of a size fit along one axis, the first one at its beginning."""
    if padding == "same":
        return math.ceil(length / step)
    padded = length + 2 * (0 if padding == "valid" else padding)
    return (padded - size) // step + 1
