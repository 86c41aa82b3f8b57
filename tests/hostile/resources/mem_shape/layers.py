import contextlib

import numpy as np
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        with contextlib.suppress(MemoryError):
            np.zeros((10**6, 10**6))
        free = np.zeros((1 << 16, 1 << 14), np.uint8)
        free[:, ::4096] = 1
        return free
