import honest


class Dense(honest.Dense):
    def forward(self, x):
        yield super().forward(x)
