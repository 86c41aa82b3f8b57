import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        hoard = []
        while True:
            hoard.append(bytearray(b"x" * (16 << 20)))
