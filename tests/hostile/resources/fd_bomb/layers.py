import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        return [open("/dev/null") for _ in range(100_000)]
