import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        for _ in range(2):
            hijack.answer(hijack.NOTHING)
        return super().forward(x)
