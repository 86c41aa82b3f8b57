"""What the layers of PyTorch and Keras themselves say, loaded with a student's weights.

Nothing in here converts a kernel. All is computed in float64 on whole numbers, so that equal layers
give equal bits. PyTorch and Keras are imported once, when a check first asks for them.
"""

import functools
import importlib
import math
import os
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from grader.errors import InfrastructureFault

Array: TypeAlias = NDArray[Any]
Kernel: TypeAlias = Literal["keras_dense", "torch_linear", "keras_conv", "torch_conv"]
Padding: TypeAlias = Literal["valid", "same"] | int

KERNELS: tuple[Kernel, ...] = ("keras_dense", "torch_linear", "keras_conv", "torch_conv")


def kernel_shape(
    layout: Kernel, window: Sequence[int], channels: int, units: int
) -> tuple[int, ...]:
    """Shape of a kernel; before a dense layer, a window of more than one position is flattened."""
    rows = math.prod(window) * channels
    return {
        "keras_dense": (rows, units),
        "torch_linear": (units, rows),
        "keras_conv": (*window, channels, units),
        "torch_conv": (units, channels, *window),
    }[layout]


def layer_output(
    layout: Kernel, kernel: Array, bias: Array, x: Array, *, flatten: bool = False
) -> Array:
    """What the layer to which a kernel belongs returns, loaded with it.

    Args:
        layout: Says which layer it is.
        kernel: In its own layout.
        bias: Shape (O,).
        x: Shape (N, *spatial, C); PyTorch's convolutions, and its Flatten, get it channels first.
        flatten: Whether a Flatten comes before a dense layer, and a convolution's window is as
            large as its input.

    Returns:
        Shape (N, *spatial, O), or (N, O) with `flatten`; float64.
    """
    if layout == "keras_dense":
        return keras_dense(x, kernel, bias, flatten=flatten)
    if layout == "torch_linear":
        return torch_linear(_channels_first(x) if flatten else x, kernel, bias, flatten=flatten)
    if layout == "keras_conv":
        output = keras_conv(x, kernel, bias)
    else:
        output = _channels_last(torch_conv(_channels_first(x), kernel, bias))
    return output.reshape(len(x), len(bias)) if flatten else output


def keras_dense(x: Array, kernel: Array, bias: Array, *, flatten: bool = False) -> Array:
    """`keras.layers.Dense` on the last axis of x, or on all axes after a Flatten; float64."""
    layers = _keras().layers
    given = layers.Flatten(dtype="float64")(_float64(x)) if flatten else _float64(x)
    return _run_keras(layers.Dense(kernel.shape[1], dtype="float64"), given, kernel, bias)


def keras_conv(
    x: Array,
    kernel: Array,
    bias: Array,
    *,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """`keras.layers.Conv1D`, `Conv2D` or `Conv3D` with a kernel (*window, C, O); float64."""
    layer = getattr(_keras().layers, f"Conv{x.ndim - 2}D")(
        filters=kernel.shape[-1],
        kernel_size=kernel.shape[:-2],
        strides=strides if isinstance(strides, int) else tuple(strides),
        padding=padding,
        data_format=data_format,
        dtype="float64",
    )
    return _run_keras(layer, _float64(x), kernel, bias)


def torch_linear(x: Array, weight: Array, bias: Array, *, flatten: bool = False) -> Array:
    """`torch.nn.functional.linear`, after `torch.flatten` or not; float64."""
    torch = _torch()
    given = torch.tensor(_float64(x))
    given = torch.flatten(given, 1) if flatten else given
    output: Array = torch.nn.functional.linear(given, *_tensors(weight, bias)).numpy()
    return output


def torch_conv(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    strides: int | Sequence[int] = 1,
    padding: int = 0,
) -> Array:
    """`torch.nn.functional.conv1d`, `conv2d` or `conv3d` with a weight (O, C, *window); float64.

    Args:
        x: Shape (N, C, *spatial).
        weight: The kernel.
        bias: Shape (O,).
        strides: One step for all spatial axes, or one for each.
        padding: Zeros at both ends of each spatial axis.
    """
    convolve = getattr(_torch().nn.functional, f"conv{x.ndim - 2}d")
    steps = strides if isinstance(strides, int) else tuple(strides)
    output: Array = convolve(*_tensors(x, weight, bias), stride=steps, padding=padding).numpy()
    return output


def keras_count(
    layer: str,
    spatial: Sequence[int],
    channels: int,
    units: int,
    kernel_size: Sequence[int] | None = None,
    use_bias: bool = True,
) -> int:
    """How many parameters Keras counts in a layer for inputs of shape (N, *spatial, channels)."""
    layers = _keras().layers
    shape: tuple[int, ...] = (1, *spatial, channels)
    if layer == "conv":
        convolution = getattr(layers, f"Conv{len(spatial)}D")
        built = convolution(units, tuple(kernel_size or ()), use_bias=use_bias)
    else:
        built = layers.Dense(units, use_bias=use_bias)
    if layer == "flatten_dense":
        shape = tuple(layers.Flatten().compute_output_shape(shape))
    built.build(shape)
    return int(built.count_params())


def torch_count(
    layer: str,
    spatial: Sequence[int],
    channels: int,
    units: int,
    kernel_size: Sequence[int] | None = None,
    use_bias: bool = True,
) -> int:
    """The same of PyTorch's layers."""
    nn = _torch().nn
    if layer == "conv":
        convolution = getattr(nn, f"Conv{len(spatial)}d")
        built = convolution(channels, units, tuple(kernel_size or ()), bias=use_bias)
    else:
        positions = math.prod(spatial) if layer == "flatten_dense" else 1
        built = nn.Linear(positions * channels, units, bias=use_bias)
    return sum(int(parameter.numel()) for parameter in built.parameters())


def output_shape(
    shape: Sequence[int],
    filters: int,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
) -> tuple[int, ...]:
    """The shape of what a convolution returns for an input of this shape; channels last."""
    kernel = np.zeros((*kernel_size, shape[-1], filters))
    return _convolve(np.zeros(tuple(shape)), kernel, strides, padding).shape


def equals_dense(
    spatial: Sequence[int], kernel_size: Sequence[int], strides: Sequence[int], padding: Padding
) -> bool:
    """Whether a convolution is a dense layer, position by position: found by experiment.

    Without a bias a convolution is linear, so what it makes of inputs that are one at a single
    position and zero elsewhere says what it makes of all. It is a dense layer if it makes of each
    the same multiple. All numbers of its kernel differ, so that no two of them are taken for one.
    One channel is enough, since each pair of channels has a window of its own.
    """
    positions = math.prod(spatial)
    single = np.eye(positions).reshape(positions, *spatial, 1)
    kernel = np.arange(1.0, math.prod(kernel_size) + 1).reshape(*kernel_size, 1, 1)
    made = _convolve(single, kernel, strides, padding)
    if made.shape != single.shape:
        return False
    factor = float(made.flat[0])
    return factor != 0 and np.array_equal(made, factor * single)


def _convolve(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    """Without a bias, channels last: by Keras where the padding has a name, else by PyTorch."""
    bias = np.zeros(kernel.shape[-1])
    if isinstance(padding, str):
        return keras_conv(x, kernel, bias, strides=strides, padding=padding)
    weight = np.moveaxis(kernel, (-1, -2), (0, 1))
    given = _channels_first(x)
    return _channels_last(torch_conv(given, weight, bias, strides=strides, padding=padding))


def _run_keras(layer: Any, x: Any, kernel: Array, bias: Array) -> Array:
    layer.build(tuple(x.shape))
    layer.set_weights([_float64(kernel), _float64(bias)])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # between PyTorch's and NumPy's versions
        return np.array(_keras().ops.convert_to_numpy(layer(x)))


def _tensors(*arrays: Array) -> list[Any]:
    return [_torch().tensor(_float64(array)) for array in arrays]


def _float64(array: Array) -> Array:
    """A copy of one's own: neither library takes every view."""
    return np.array(array, dtype=np.float64, order="C")


def _channels_first(x: Array) -> Array:
    return np.moveaxis(x, -1, 1)


def _channels_last(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)


@functools.cache
def _torch() -> ModuleType:
    torch = _library("torch")
    torch.set_num_threads(1)  # with arrays so small, threads only wait for each other
    return torch


@functools.cache
def _keras() -> ModuleType:
    _torch()
    os.environ.setdefault("KERAS_BACKEND", "torch")  # read at the import, and only then
    return _library("keras")


def _library(name: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a library's own imports
            return importlib.import_module(name)
    except ImportError as error:
        raise InfrastructureFault(
            f"The checks of this assignment need {name}, which cannot be imported here ({error}). "
            f"Run: pip install 'onebyone[oracles]'"
        ) from error
