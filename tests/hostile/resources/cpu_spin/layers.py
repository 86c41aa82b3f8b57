import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        while True:
            pass
