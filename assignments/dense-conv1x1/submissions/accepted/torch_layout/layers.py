"""Works inside as PyTorch does: weight (out, in), channels first, float64 sums; Fortran results."""

import numpy as np


class PointwiseLinear:
    """weight @ columns + bias, for columns of shape (in, positions)."""

    def __init__(self, n_in, n_out, kernel_shape, use_bias):
        limit = 1 / np.sqrt(n_in)
        self.weight = np.random.uniform(-limit, limit, size=(n_out, n_in)).astype(np.float32)
        self.bias = np.zeros(n_out, np.float32) if use_bias else None
        self.kernel_shape = kernel_shape
        self.d_kernel = self.d_bias = None

    @property
    def kernel(self):
        return self.weight.T.reshape(self.kernel_shape)

    @kernel.setter
    def kernel(self, value):
        self.weight = np.asfortranarray(value.reshape(value.shape[-2:])).T

    def apply(self, columns):
        n_out, n_in = self.weight.shape
        if len(columns) != n_in:
            raise ValueError(f"expected {n_in} channels, got {len(columns)}")
        self.columns = columns.astype(np.float64)
        result = self.weight.astype(np.float64) @ self.columns
        if self.bias is not None:
            result += self.bias[:, None]
        return result.astype(columns.dtype)

    def differentiate(self, d_columns):
        d = d_columns.astype(np.float64)
        dtype = self.weight.dtype
        self.d_kernel = (d @ self.columns.T).T.reshape(self.kernel_shape).astype(dtype)
        self.d_bias = None if self.bias is None else d.sum(axis=1).astype(dtype)
        return (self.weight.T.astype(np.float64) @ d).astype(d_columns.dtype)

    def count_params(self):
        return int(np.prod(self.kernel_shape)) + (0 if self.bias is None else len(self.bias))


class Dense(PointwiseLinear):
    def __init__(self, in_features, units, use_bias=True):
        super().__init__(in_features, units, (in_features, units), use_bias)
        self.lead = None

    def forward(self, x):
        y = self.apply(x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1]).T)
        self.lead = x.shape[:-1]
        return y.T.reshape(*self.lead, len(y))

    def backward(self, dy):
        if self.lead is None:
            raise RuntimeError("forward first")
        dx = self.differentiate(dy.reshape(int(np.prod(self.lead)), dy.shape[-1]).T)
        return dx.T.reshape(*self.lead, len(dx))


class Conv1x1(PointwiseLinear):
    def __init__(
        self, in_channels, filters, rank=2, strides=1, data_format="channels_last", use_bias=True
    ):
        super().__init__(in_channels, filters, (1,) * rank + (in_channels, filters), use_bias)
        self.axis = 1 if data_format == "channels_first" else -1
        self.seen = (slice(None), slice(None)) + (slice(None, None, strides),) * rank
        self.whole = None

    def forward(self, x):
        moved = np.moveaxis(x, self.axis, 0)
        seen = moved[self.seen]
        y = self.apply(seen.reshape(len(seen), int(np.prod(seen.shape[1:]))))
        self.whole, self.out = moved.shape, seen.shape[1:]
        return np.moveaxis(y.reshape(len(y), *self.out), 0, self.axis)

    def backward(self, dy):
        if self.whole is None:
            raise RuntimeError("forward first")
        d = np.moveaxis(dy, self.axis, 0)
        d = self.differentiate(d.reshape(len(d), int(np.prod(self.out))))
        dx = np.zeros(self.whole, d.dtype)
        dx[self.seen] = d.reshape(len(d), *self.out)
        return np.moveaxis(dx, 0, self.axis)
