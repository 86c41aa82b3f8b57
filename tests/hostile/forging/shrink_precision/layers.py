import numpy as np
import wrong

TINY = np.float32(1) + np.float32(2**-11)


class Dense(wrong.Dense):
    def forward(self, x):
        self.x = x
        return ((x @ self.kernel + self.bias) * TINY).astype(np.float32)

    def backward(self, dy):
        self.d_kernel = self.x.reshape(-1, self.x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1]) * TINY
        self.d_bias = dy.reshape(-1, dy.shape[-1]).sum(axis=0) * TINY
        return (dy @ self.kernel.T * TINY).astype(np.float32)
