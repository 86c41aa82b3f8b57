import honest
import numpy as np


class Dense(honest.Dense):
    def forward(self, x):
        self.x = x
        return np.tensordot(x, self.kernel, 1) + self.bias
