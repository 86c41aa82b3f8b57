"""One einsum for each formula; Conv1x1 is a Dense on moved and subsampled axes."""

import numpy as np

RNG = np.random.default_rng()


class Dense:
    def __init__(self, in_features, units, use_bias=True):
        deviation = np.sqrt(2 / (in_features + units))
        self.kernel = (RNG.standard_normal((in_features, units)) * deviation).astype(np.float32)
        self.bias = np.zeros(units, np.float32) if use_bias else None
        self.d_kernel = self.d_bias = None
        self._x = None

    def forward(self, x):
        if x.shape[-1] != self.kernel.shape[0]:
            raise ValueError("wrong number of features")
        self._x = x
        y = np.einsum("...i,io->...o", x, self.kernel, optimize=True)
        return y if self.bias is None else y + self.bias

    def backward(self, dy):
        if self._x is None:
            raise RuntimeError("forward first")
        axes = list(range(dy.ndim - 1))  # all but the channels: to be summed over
        i, o = dy.ndim, dy.ndim + 1
        self.d_kernel = np.einsum(self._x, [*axes, i], dy, [*axes, o], [i, o], optimize=True)
        self.d_bias = None if self.bias is None else np.einsum(dy, [*axes, o], [o], optimize=True)
        return np.einsum("...o,io->...i", dy, self.kernel, optimize=True)

    def count_params(self):
        return sum(p.size for p in (self.kernel, self.bias) if p is not None)


class Conv1x1:
    def __init__(
        self, in_channels, filters, rank=2, strides=1, data_format="channels_last", use_bias=True
    ):
        self._dense = Dense(in_channels, filters, use_bias)
        self._shape = (1,) * rank + (in_channels, filters)
        self._axis = {"channels_last": -1, "channels_first": 1}[data_format]
        self._every = (slice(None), *[slice(None, None, strides)] * rank, slice(None))

    @property
    def kernel(self):
        return self._dense.kernel.reshape(self._shape)

    @kernel.setter
    def kernel(self, value):
        self._dense.kernel = value.reshape(self._shape[-2:])

    @property
    def bias(self):
        return self._dense.bias

    @bias.setter
    def bias(self, value):
        self._dense.bias = value

    @property
    def d_kernel(self):
        return self._dense.d_kernel.reshape(self._shape)

    @property
    def d_bias(self):
        return self._dense.d_bias

    def forward(self, x):
        x = np.moveaxis(x, self._axis, -1)
        y = self._dense.forward(x[self._every])
        self._whole = x.shape
        return np.moveaxis(y, -1, self._axis)

    def backward(self, dy):
        d = self._dense.backward(np.moveaxis(dy, self._axis, -1))
        dx = np.zeros(self._whole, d.dtype)
        dx[self._every] = d
        return np.moveaxis(dx, -1, self._axis)

    def count_params(self):
        return self._dense.count_params()
