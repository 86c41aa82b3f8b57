import numpy as np
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        return np.zeros(1, np.float32)
