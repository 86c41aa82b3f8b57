import numpy as np


class Dense:
    def __init__(self, in_features, units, use_bias=True):
        self.kernel = np.zeros((in_features, units), np.float32)
        self.bias = np.zeros(units, np.float32) if use_bias else None
        self.d_kernel = self.d_bias = None

    def forward(self, x):
        return np.zeros((64 << 20,), np.float32)


class Conv1x1:
    pass
