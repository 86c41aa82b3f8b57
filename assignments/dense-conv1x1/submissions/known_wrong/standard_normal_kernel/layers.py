"""Mistake: draws the kernel from N(0, 1) whatever its size."""

import numpy as np

_random = np.random.default_rng(7)  # so that its report is always the same


def glorot(n_in, n_out):
    return _random.standard_normal((n_in, n_out)).astype(np.float32)


class Dense:
    def __init__(self, in_features, units, use_bias=True):
        self.kernel = glorot(in_features, units)
        self.bias = np.zeros(units, dtype=np.float32) if use_bias else None
        self.d_kernel = None
        self.d_bias = None
        self.x = None

    def forward(self, x):
        n_in, n_out = self.kernel.shape
        if x.shape[-1] != n_in:
            raise ValueError(f"the last axis should have length {n_in}, not {x.shape[-1]}")
        self.x = x
        positions = int(np.prod(x.shape[:-1]))
        y = x.reshape(positions, n_in) @ self.kernel
        if self.bias is not None:
            y = y + self.bias
        return y.reshape(x.shape[:-1] + (n_out,))

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("backward needs a forward first")
        n_in, n_out = self.kernel.shape
        positions = int(np.prod(dy.shape[:-1]))
        rows = self.x.reshape(positions, n_in)
        dy_rows = dy.reshape(positions, n_out)
        self.d_kernel = rows.T @ dy_rows
        if self.bias is not None:
            self.d_bias = dy_rows.sum(axis=0)
        return (dy_rows @ self.kernel.T).reshape(self.x.shape)

    def count_params(self):
        count = self.kernel.size
        if self.bias is not None:
            count += self.bias.size
        return count


class Conv1x1:
    def __init__(
        self, in_channels, filters, rank=2, strides=1, data_format="channels_last", use_bias=True
    ):
        self.kernel = glorot(in_channels, filters).reshape((1,) * rank + (in_channels, filters))
        self.bias = np.zeros(filters, dtype=np.float32) if use_bias else None
        self.d_kernel = None
        self.d_bias = None
        self.x = None
        self.steps = (slice(None),) + (slice(None, None, strides),) * rank
        self.channels_first = data_format == "channels_first"

    def to_last(self, a):
        return np.moveaxis(a, 1, -1) if self.channels_first else a

    def from_last(self, a):
        return np.moveaxis(a, -1, 1) if self.channels_first else a

    def forward(self, x):
        n_in, n_out = self.kernel.shape[-2:]
        x = self.to_last(x)
        if x.shape[-1] != n_in:
            raise ValueError(f"expected {n_in} channels, not {x.shape[-1]}")
        self.x = x
        seen = x[self.steps]
        positions = int(np.prod(seen.shape[:-1]))
        y = seen.reshape(positions, n_in) @ self.kernel.reshape(n_in, n_out)
        if self.bias is not None:
            y = y + self.bias
        return self.from_last(y.reshape(seen.shape[:-1] + (n_out,)))

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("backward needs a forward first")
        n_in, n_out = self.kernel.shape[-2:]
        dy = self.to_last(dy)
        positions = int(np.prod(dy.shape[:-1]))
        rows = self.x[self.steps].reshape(positions, n_in)
        dy_rows = dy.reshape(positions, n_out)
        self.d_kernel = (rows.T @ dy_rows).reshape(self.kernel.shape)
        if self.bias is not None:
            self.d_bias = dy_rows.sum(axis=0)
        d_seen = dy_rows @ self.kernel.reshape(n_in, n_out).T
        dx = np.zeros(self.x.shape, dtype=d_seen.dtype)
        dx[self.steps] = d_seen.reshape(dy.shape[:-1] + (n_in,))
        return self.from_last(dx)

    def count_params(self):
        count = self.kernel.size
        if self.bias is not None:
            count += self.bias.size
        return count
