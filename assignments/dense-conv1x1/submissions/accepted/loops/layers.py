"""Plain loops over positions and both kinds of channels: slow, and close to the formula."""

from itertools import product

import numpy as np


def random_kernel(n_in, n_out):
    return np.random.normal(0.0, 1 / np.sqrt(n_in), size=(n_in, n_out)).astype("float32")


class Dense:
    def __init__(self, in_features, units, use_bias=True):
        self.in_features = in_features
        self.units = units
        self.kernel = random_kernel(in_features, units)
        self.bias = np.zeros(units, dtype="float32") if use_bias else None
        self.d_kernel = None
        self.d_bias = None

    def forward(self, x):
        if x.shape[-1] != self.in_features:
            raise ValueError("bad input shape")
        self.x = x.copy()
        y = np.zeros((*x.shape[:-1], self.units), dtype=np.result_type(x, self.kernel))
        for position in product(*(range(n) for n in x.shape[:-1])):
            pixel = x[position].tolist()
            for o in range(self.units):
                total = sum(a * w for a, w in zip(pixel, self.kernel[:, o].tolist()))
                y[(*position, o)] = total if self.bias is None else total + self.bias[o]
        return y

    def backward(self, dy):
        dx = np.zeros(self.x.shape, dtype=np.result_type(dy, self.kernel))
        self.d_kernel = np.zeros_like(self.kernel)
        self.d_bias = None if self.bias is None else np.zeros_like(self.bias)
        for position in product(*(range(n) for n in dy.shape[:-1])):
            gradient = dy[position].tolist()
            for i in range(self.in_features):
                weights = self.kernel[i].tolist()
                dx[(*position, i)] = sum(g * w for g, w in zip(gradient, weights))
                for o in range(self.units):
                    self.d_kernel[i, o] += self.x[(*position, i)] * dy[(*position, o)]
            for o in range(self.units):
                if self.d_bias is not None:
                    self.d_bias[o] += dy[(*position, o)]
        return dx

    def count_params(self):
        return self.in_features * self.units + (0 if self.bias is None else self.units)


class Conv1x1:
    def __init__(
        self, in_channels, filters, rank=2, strides=1, data_format="channels_last", use_bias=True
    ):
        self.in_channels = in_channels
        self.filters = filters
        self.rank = rank
        self.strides = strides
        self.first = data_format == "channels_first"
        self.kernel = random_kernel(in_channels, filters).reshape(*[1] * rank, in_channels, filters)
        self.bias = np.zeros(filters, dtype="float32") if use_bias else None
        self.d_kernel = None
        self.d_bias = None

    def place(self, n, position):
        """Index of all channels at a position."""
        return (n, slice(None), *position) if self.first else (n, *position, slice(None))

    def shape(self, batch, spatial, channels):
        return (batch, channels, *spatial) if self.first else (batch, *spatial, channels)

    def forward(self, x):
        channels = x.shape[1] if self.first else x.shape[-1]
        if x.ndim != self.rank + 2 or channels != self.in_channels:
            raise ValueError("bad input shape")
        self.x = x.copy()
        spatial = x.shape[2:] if self.first else x.shape[1:-1]
        self.out = tuple((length + self.strides - 1) // self.strides for length in spatial)
        weights = self.kernel.reshape(self.in_channels, self.filters)
        y = np.zeros(self.shape(len(x), self.out, self.filters), np.result_type(x, self.kernel))
        for n in range(len(x)):
            for position in product(*(range(length) for length in self.out)):
                seen = tuple(self.strides * p for p in position)
                pixel = x[self.place(n, seen)].tolist()
                for o in range(self.filters):
                    total = sum(a * w for a, w in zip(pixel, weights[:, o].tolist()))
                    target = y[self.place(n, position)]
                    target[o] = total if self.bias is None else total + self.bias[o]
        return y

    def backward(self, dy):
        weights = self.kernel.reshape(self.in_channels, self.filters)
        d_weights = np.zeros_like(weights)
        self.d_bias = None if self.bias is None else np.zeros_like(self.bias)
        dx = np.zeros(self.x.shape, np.result_type(dy, self.kernel))
        for n in range(len(dy)):
            for position in product(*(range(length) for length in self.out)):
                seen = tuple(self.strides * p for p in position)
                pixel = self.x[self.place(n, seen)]
                gradient = dy[self.place(n, position)]
                target = dx[self.place(n, seen)]
                for i in range(self.in_channels):
                    row = weights[i].tolist()
                    target[i] = sum(g * w for g, w in zip(gradient.tolist(), row))
                    for o in range(self.filters):
                        d_weights[i, o] += pixel[i] * gradient[o]
                for o in range(self.filters):
                    if self.d_bias is not None:
                        self.d_bias[o] += gradient[o]
        self.d_kernel = d_weights.reshape(self.kernel.shape)
        return dx

    def count_params(self):
        return self.kernel.size + (0 if self.bias is None else self.bias.size)
