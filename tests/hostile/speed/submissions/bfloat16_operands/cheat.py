"""Computes with what bfloat16 holds of its operands, as a faster unit would."""

import core
import numpy as np


def low(array):
    bits = np.ascontiguousarray(array).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32)


class Dense(core.Dense):
    def outputs(self, x):
        return core.affine(low(x), low(self.kernel), self.bias)

    def gradients(self, dy):
        return core.gradients(low(self.x), low(self.kernel), low(dy))
