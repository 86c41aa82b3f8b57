import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        for number in range(1_000_000):
            open(f"file{number}", "w").close()
