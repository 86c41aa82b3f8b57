"""Results go into arrays that are kept from call to call; with channels last, block by block.

A block of the product is still in the cache when the bias is added to it.
"""

import numpy as np

BLOCK = 1 << 18  # bytes of output, about as much as a core's own cache holds


class Kept:
    """Arrays by name, made anew only where shape or dtype differ from the last time."""

    def __init__(self):
        self.arrays = {}

    def empty(self, name, shape, dtype):
        array = self.arrays.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self.arrays[name] = np.empty(shape, dtype)
        return array


class Conv1x1:
    def __init__(self, in_channels, filters, data_format="channels_last"):
        self.kernel = np.zeros((1, 1, in_channels, filters), np.float32)
        self.bias = np.zeros(filters, np.float32)
        self.d_kernel = self.d_bias = None
        self.first = data_format == "channels_first"
        self.kept = Kept()
        self.x = None

    def forward(self, x):
        self.x = x
        if self.first:
            return self.forward_first(x)
        n_in, n_out = self.kernel.shape[2:]
        matrix = self.kernel.reshape(n_in, n_out)
        rows = x.reshape(x.size // n_in, n_in)
        y = self.kept.empty("y", (len(rows), n_out), x.dtype)
        step = max(1, BLOCK // (n_out * y.itemsize))
        for start in range(0, len(rows), step):
            block = y[start : start + step]
            np.matmul(rows[start : start + step], matrix, out=block)
            block += self.bias
        return y.reshape(*x.shape[:-1], n_out)

    def forward_first(self, x):
        n_in, n_out = self.kernel.shape[2:]
        matrix = self.kernel.reshape(n_in, n_out).T
        batch, _, height, width = x.shape
        columns = x.reshape(batch, n_in, height * width)
        y = self.kept.empty("y", (batch, n_out, height * width), x.dtype)
        np.matmul(matrix, columns, out=y)
        y += self.bias[:, None]
        return y.reshape(batch, n_out, height, width)

    def backward(self, dy):
        n_in, n_out = self.kernel.shape[2:]
        matrix = self.kernel.reshape(n_in, n_out)
        self.d_kernel = self.kept.empty("d_kernel", self.kernel.shape, self.kernel.dtype)
        d_matrix = self.d_kernel.reshape(n_in, n_out)
        if self.first:
            batch, _, height, width = dy.shape
            dy = dy.reshape(batch, n_out, height * width)
            x = self.x.reshape(batch, n_in, height * width)
            dx = self.kept.empty("dx", x.shape, x.dtype)
            np.matmul(matrix, dy, out=dx)
            d_matrix[...] = 0
            for image, gradient in zip(x, dy):
                d_matrix += image @ gradient.T
            self.d_bias = dy.sum(axis=2).sum(axis=0)
        else:
            dy = dy.reshape(dy.size // n_out, n_out)
            x = self.x.reshape(self.x.size // n_in, n_in)
            dx = self.kept.empty("dx", x.shape, x.dtype)
            np.matmul(dy, matrix.T, out=dx)
            np.matmul(x.T, dy, out=d_matrix)
            self.d_bias = np.ones(len(dy), dy.dtype) @ dy
        return dx.reshape(self.x.shape)
