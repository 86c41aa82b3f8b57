import time

import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        line = hijack.channel()
        for byte in hijack.frame(*hijack.request(), hijack.array(64), bytes(256)):
            line.sendall(bytes([byte]))
            time.sleep(0.1)
        return super().forward(x)
