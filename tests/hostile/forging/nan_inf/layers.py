import numpy as np
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        y = np.full_like(super().forward(x), np.nan)
        y[..., 1::3], y[..., 2::3] = np.inf, -0.0
        return y
