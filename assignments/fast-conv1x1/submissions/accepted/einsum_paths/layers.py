"""One einsum for each formula and layout, with a path, which goes by way of matrix products."""

import numpy as np


class Conv1x1:
    def __init__(self, in_channels, filters, data_format="channels_last"):
        self.kernel = np.zeros((1, 1, in_channels, filters), np.float32)
        self.bias = np.zeros(filters, np.float32)
        self.d_kernel = self.d_bias = self.x = None
        if data_format == "channels_last":
            self.i, self.o = "nhwi", "nhwo"
            self.along = (1, 1, 1, filters)
        else:
            self.i, self.o = "nihw", "nohw"
            self.along = (1, filters, 1, 1)

    def forward(self, x):
        self.x = x
        y = np.einsum(f"{self.i},io->{self.o}", x, self.kernel[0, 0], optimize=True)
        return y + self.bias.reshape(self.along)

    def backward(self, dy):
        d_kernel = np.einsum(f"{self.i},{self.o}->io", self.x, dy, optimize=True)
        self.d_kernel = d_kernel.reshape(self.kernel.shape)
        self.d_bias = np.einsum(f"{self.o}->o", dy)
        return np.einsum(f"{self.o},io->{self.i}", dy, self.kernel[0, 0], optimize=True)
