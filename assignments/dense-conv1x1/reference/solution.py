"""Dense and Conv1x1 as one function: an affine map of the channels, by one matrix product."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Dense:
    """y[..., o] = sum_i x[..., i] kernel[i, o] + bias[o]."""

    def __init__(self, in_features: int, units: int, use_bias: bool = True) -> None:
        self.kernel = _glorot_uniform(in_features, units)
        self.bias = np.zeros(units, np.float32) if use_bias else None
        self.d_kernel: Array | None = None
        self.d_bias: Array | None = None
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Shape (..., in_features) to (..., units)."""
        self._x = x
        return _affine(x, self.kernel, self.bias)

    def backward(self, dy: Array) -> Array:
        """Shape (..., units) to (..., in_features); sets d_kernel and d_bias."""
        if self._x is None:
            raise RuntimeError("call forward before backward")
        dx, self.d_kernel, d_bias = _affine_gradients(self._x, self.kernel, dy)
        self.d_bias = d_bias if self.bias is not None else None
        return dx

    def count_params(self) -> int:
        """How many numbers can be learnt."""
        return _size(self.kernel, self.bias)


class Conv1x1:
    """The same map at every `strides`-th position of each spatial axis."""

    def __init__(
        self,
        in_channels: int,
        filters: int,
        rank: int = 2,
        strides: int = 1,
        data_format: Literal["channels_last", "channels_first"] = "channels_last",
        use_bias: bool = True,
    ) -> None:
        self.kernel = _glorot_uniform(in_channels, filters).reshape(
            *(1,) * rank, in_channels, filters
        )
        self.bias = np.zeros(filters, np.float32) if use_bias else None
        self.d_kernel: Array | None = None
        self.d_bias: Array | None = None
        self._channel_axis = -1 if data_format == "channels_last" else 1
        self._visited = (slice(None), *(slice(None, None, strides),) * rank)
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Shape (N, *spatial, C) to (N, *ceil(spatial / strides), O), or channels first."""
        self._x = np.moveaxis(x, self._channel_axis, -1)
        y = _affine(self._x[self._visited], self._matrix(), self.bias)
        return np.moveaxis(y, -1, self._channel_axis)

    def backward(self, dy: Array) -> Array:
        """The shape of the output to that of the input; sets d_kernel and d_bias."""
        if self._x is None:
            raise RuntimeError("call forward before backward")
        dy = np.moveaxis(dy, self._channel_axis, -1)
        d_visited, d_matrix, d_bias = _affine_gradients(self._x[self._visited], self._matrix(), dy)
        self.d_kernel = d_matrix.reshape(self.kernel.shape)
        self.d_bias = d_bias if self.bias is not None else None
        # Positions that were skipped have no influence, so their gradient is zero.
        dx = np.zeros(self._x.shape, d_visited.dtype)
        dx[self._visited] = d_visited
        return np.moveaxis(dx, -1, self._channel_axis)

    def count_params(self) -> int:
        """How many numbers can be learnt."""
        return _size(self.kernel, self.bias)

    def _matrix(self) -> Array:
        return self.kernel.reshape(self.kernel.shape[-2:])


def _affine(x: Array, matrix: Array, bias: Array | None) -> Array:
    inputs, outputs = matrix.shape
    rows = _rows(x, inputs)
    if bias is not None and 4 * inputs <= outputs:
        # The output is by far the largest array. A column of ones saves a second pass over it.
        rows, matrix, bias = np.insert(rows, inputs, 1, axis=1), np.vstack((matrix, bias)), None
    y = rows @ matrix
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], outputs)


def _affine_gradients(x: Array, matrix: Array, dy: Array) -> tuple[Array, Array, Array]:
    dy_rows = _rows(dy, matrix.shape[1])
    dx = (dy_rows @ matrix.T).reshape(x.shape)
    return dx, _rows(x, matrix.shape[0]).T @ dy_rows, dy_rows.sum(axis=0)


def _rows(x: Array, channels: int) -> Array:
    """One row for each position, with an explicit size: -1 cannot be told for empty arrays."""
    if x.shape[-1] != channels:
        raise ValueError(f"expected {channels} channels, got {x.shape[-1]}")
    return x.reshape(math.prod(x.shape[:-1]), channels)


def _glorot_uniform(inputs: int, outputs: int) -> Array:
    """Glorot and Bengio 2010: a variance of 2 / (inputs + outputs)."""
    limit = math.sqrt(6.0 / (inputs + outputs))
    kernel = np.random.default_rng().uniform(-limit, limit, (inputs, outputs))
    return kernel.astype(np.float32)


def _size(kernel: Array, bias: Array | None) -> int:
    return kernel.size + (bias.size if bias is not None else 0)
