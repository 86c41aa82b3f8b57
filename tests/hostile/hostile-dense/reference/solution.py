"""A dense layer by one matrix product."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Dense:
    """y[..., o] = sum_i x[..., i] kernel[i, o] + bias[o]."""

    def __init__(self, in_features: int, units: int) -> None:
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32)
        self.d_kernel: Array | None = None
        self.d_bias: Array | None = None
        self._x = np.zeros((1, in_features), np.float32)

    def forward(self, x: Array) -> Array:
        """Shape (..., in_features) to (..., units)."""
        self._x = x
        return (x @ self.kernel + self.bias).astype(np.float32)

    def backward(self, dy: Array) -> Array:
        """Shape (..., units) to (..., in_features); sets d_kernel and d_bias."""
        x, rows = (array.reshape(-1, array.shape[-1]) for array in (self._x, dy))
        self.d_kernel = x.T @ rows
        self.d_bias = rows.sum(axis=0)
        return dy @ self.kernel.T
