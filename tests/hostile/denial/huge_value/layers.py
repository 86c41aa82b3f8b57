import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        number, nonce = hijack.request()
        hijack.channel().sendall(hijack.header(number, nonce, 1 << 31, 0))
        return super().forward(x)
