import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        frame = hijack.frame(*hijack.request(), hijack.NOTHING)
        line = hijack.channel()
        for _ in range(1000):
            line.sendall(frame * 1000)
        return super().forward(x)
