"""np.dot on inputs of four axes, which leaves BLAS."""

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

    def forward(self, x):
        self.x = x
        matrix = self.kernel[0, 0]
        if self.channels_first:
            x = np.moveaxis(x, 1, -1)
        y = np.dot(x, matrix) + self.bias
        return np.moveaxis(y, -1, 1) if self.channels_first else y

    def backward(self, dy):
        matrix = self.kernel[0, 0]
        n_in, n_out = matrix.shape
        x = self.x
        if self.channels_first:
            x, dy = np.moveaxis(x, 1, -1), np.moveaxis(dy, 1, -1)
        d_matrix = x.reshape(-1, n_in).T @ dy.reshape(-1, n_out)
        self.d_kernel = d_matrix.reshape(self.kernel.shape)
        self.d_bias = dy.sum(axis=(0, 1, 2))
        dx = np.dot(dy, matrix.T)
        return np.moveaxis(dx, -1, 1) if self.channels_first else dx
