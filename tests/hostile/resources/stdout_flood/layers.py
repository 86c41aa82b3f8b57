import os

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        while True:
            os.write(1, bytes(1 << 16))
