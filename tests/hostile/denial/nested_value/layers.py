import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.answer(b"t\x01\x00" * 3000 + hijack.NOTHING)
        return super().forward(x)
