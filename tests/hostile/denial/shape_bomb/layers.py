import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.answer(hijack.array(400_000, 400_000))
        return super().forward(x)
