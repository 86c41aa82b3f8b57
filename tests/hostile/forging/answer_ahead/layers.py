import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        number, nonce = hijack.request()
        hijack.answer(hijack.NOTHING)
        hijack.channel().sendall(hijack.frame(number + 1, nonce, hijack.NOTHING))
        return super().forward(x)
