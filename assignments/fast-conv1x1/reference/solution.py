"""Conv1x1 by one product for each formula, in the layout that the data already have."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Conv1x1:
    """y[..., o] = sum_i x[..., i] kernel[0, 0, i, o] + bias[o], channels last or first."""

    def __init__(
        self,
        in_channels: int,
        filters: int,
        data_format: Literal["channels_last", "channels_first"] = "channels_last",
    ) -> None:
        # How a layer begins is the first assignment's matter: here it is told.
        self.kernel: Array = np.zeros((1, 1, in_channels, filters), np.float32)
        self.bias: Array = np.zeros(filters, np.float32)
        self.d_kernel: Array | None = None
        self.d_bias: Array | None = None
        self._channels_first = data_format == "channels_first"
        self._x: Array

    def forward(self, x: Array) -> Array:
        """Shape (N, H, W, C) to (N, H, W, O), or (N, C, H, W) to (N, O, H, W)."""
        self._x = x
        matrix = self.kernel[0, 0]
        if self._channels_first:
            batch, _channels, height, width = x.shape
            y = matrix.T @ _columns(x)
            y += self.bias[:, None]
            return y.reshape(batch, len(self.bias), height, width)
        y = _rows(x) @ matrix
        y += self.bias
        return y.reshape(*x.shape[:-1], len(self.bias))

    def backward(self, dy: Array) -> Array:
        """The shape of the output to that of the input; sets d_kernel and d_bias."""
        matrix = self.kernel[0, 0]
        if self._channels_first:
            x, dy = _columns(self._x), _columns(dy)
            d_matrix = (x @ dy.swapaxes(1, 2)).sum(axis=0)
            self.d_bias = dy.sum(axis=(0, 2))
            dx = matrix @ dy
        else:
            x, dy = _rows(self._x), _rows(dy)
            d_matrix = x.T @ dy
            self.d_bias = dy.sum(axis=0)
            dx = dy @ matrix.T
        self.d_kernel = d_matrix[None, None]
        return dx.reshape(self._x.shape)


def _rows(x: Array) -> Array:
    """One row for each position: (N, H, W, C) to (N * H * W, C)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _columns(x: Array) -> Array:
    """One column for each position of an image: (N, C, H, W) to (N, C, H * W)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
