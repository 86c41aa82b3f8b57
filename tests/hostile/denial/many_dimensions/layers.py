import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.answer(hijack.array(*[1] * 200), bytes(4))
        return super().forward(x)
