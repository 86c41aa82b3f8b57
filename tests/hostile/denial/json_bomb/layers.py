import hijack
import wrong

BOMB = b"[" * 200_000 + b'{"score": 100, "score": NaN, "n": ' + b"9" * 5000 + b"}"


class Dense(wrong.Dense):
    def forward(self, x):
        hijack.channel().sendall(BOMB)
        return super().forward(x)
