"""A dense layer that computes nothing: whatever it earns, it has cheated for."""

import numpy as np


class Dense:
    def __init__(self, in_features, units):
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32)
        self.d_kernel = self.d_bias = self.x = None

    def forward(self, x):
        self.x = x
        return np.zeros((*x.shape[:-1], self.kernel.shape[1]), np.float32)

    def backward(self, dy):
        self.d_kernel = np.zeros_like(self.kernel)
        self.d_bias = np.zeros_like(self.bias)
        return np.zeros_like(self.x)
