"""A vector times the kernel, for one position after the other."""

import numpy as np


class Conv1x1:
    def __init__(self, in_channels, filters, data_format="channels_last"):
        limit = np.sqrt(6 / (in_channels + filters))
        kernel = np.random.uniform(-limit, limit, (1, 1, in_channels, filters))
        self.kernel = kernel.astype(np.float32)
        self.bias = np.zeros(filters, dtype=np.float32)
        self.d_kernel = None
        self.d_bias = None
        self.x = None
        self.channels_first = data_format == "channels_first"

    def to_last(self, a):
        return np.moveaxis(a, 1, -1) if self.channels_first else a

    def from_last(self, a):
        return np.moveaxis(a, -1, 1) if self.channels_first else a

    def forward(self, x):
        self.x = self.to_last(x)
        matrix = self.kernel[0, 0]
        n_in, n_out = matrix.shape
        rows = self.x.reshape(-1, n_in)
        y = np.zeros((len(rows), n_out), x.dtype)
        for p in range(len(rows)):
            y[p] = rows[p] @ matrix + self.bias
        return self.from_last(y.reshape(*self.x.shape[:-1], n_out))

    def backward(self, dy):
        matrix = self.kernel[0, 0]
        n_in, n_out = matrix.shape
        dy = self.to_last(dy)
        rows = self.x.reshape(-1, n_in)
        dy_rows = dy.reshape(-1, n_out)
        dx = np.zeros_like(rows)
        d_matrix = np.zeros_like(matrix)
        for p in range(len(rows)):
            dx[p] = matrix @ dy_rows[p]
            d_matrix += np.outer(rows[p], dy_rows[p])
        self.d_kernel = d_matrix.reshape(self.kernel.shape)
        self.d_bias = dy_rows.sum(axis=0)
        return self.from_last(dx.reshape(self.x.shape))
