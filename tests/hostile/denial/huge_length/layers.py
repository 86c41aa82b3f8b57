import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        number, nonce = hijack.request()
        hijack.channel().sendall(hijack.header(number, nonce, 1, 1 << 63) + b"a")
        return super().forward(x)
