import honest
import numpy as np

BUFFER = np.zeros(1 << 20, np.float32)


class Dense(honest.Dense):
    def forward(self, x):
        y = super().forward(x)
        view = BUFFER[: y.size].reshape(y.shape)
        view[...] = y
        return view
