import honest
import numpy as np


class Dense(honest.Dense):
    def forward(self, x):
        return super().forward(x).astype(np.complex128)

    def backward(self, dy):
        return super().backward(dy).astype(np.complex128)
