"""Computes with what float16 holds of its operands, as a faster unit would."""

import core
import numpy as np


def low(array):
    return array.astype(np.float16).astype(np.float32)


class Dense(core.Dense):
    def outputs(self, x):
        return core.affine(low(x), low(self.kernel), self.bias)

    def gradients(self, dy):
        return core.gradients(low(self.x), low(self.kernel), low(dy))
