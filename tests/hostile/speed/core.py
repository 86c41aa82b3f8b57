"""A dense layer that is right, and does everything `repeats` times."""

import numpy as np


def rows(array):
    return array.reshape(-1, array.shape[-1])


def affine(x, kernel, bias, repeats=1):
    for _ in range(repeats):
        y = rows(x) @ kernel
        y += bias
    return y.reshape(*x.shape[:-1], kernel.shape[1])


def gradients(x, kernel, dy, repeats=1):
    """Of x, kernel and bias."""
    for _ in range(repeats):
        dx = (rows(dy) @ kernel.T).reshape(x.shape)
        d_kernel = rows(x).T @ rows(dy)
        d_bias = rows(dy).sum(axis=0)
    return dx, d_kernel, d_bias


class Dense:
    repeats = 8

    def __init__(self, in_features, units, use_bias=True):
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32)
        self.d_kernel = self.d_bias = self.x = None

    def forward(self, x):
        self.x = x
        return self.outputs(x)

    def backward(self, dy):
        dx, self.d_kernel, self.d_bias = self.gradients(dy)
        return dx

    def outputs(self, x):
        return affine(x, self.kernel, self.bias, self.repeats)

    def gradients(self, dy):
        return gradients(self.x, self.kernel, dy, self.repeats)
