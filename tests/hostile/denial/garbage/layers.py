import random

import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.channel().sendall(random.Random(0).randbytes(1 << 16))
        return super().forward(x)
