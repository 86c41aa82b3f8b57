import os

import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        number, nonce = hijack.request()
        hijack.channel().sendall(hijack.frame(number, nonce, hijack.array(8), bytes(32))[:-7])
        os._exit(0)
