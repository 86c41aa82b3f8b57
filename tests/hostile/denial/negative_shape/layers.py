import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.answer(hijack.array(1 << 32, 1 << 32))
        hijack.answer(hijack.array((1 << 64) - 1, 0))
        return super().forward(x)
