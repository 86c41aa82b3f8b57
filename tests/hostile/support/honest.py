"""A dense layer that is right: what an attack hides behind."""

import numpy as np


def rows(array):
    return array.reshape(-1, array.shape[-1])


class Dense:
    def __init__(self, in_features, units):
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32)
        self.d_kernel = self.d_bias = self.x = None

    def forward(self, x):
        self.x = x
        return x @ self.kernel + self.bias

    def backward(self, dy):
        self.d_kernel = rows(self.x).T @ rows(dy)
        self.d_bias = rows(dy).sum(axis=0)
        return dy @ self.kernel.T
