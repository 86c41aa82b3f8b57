import honest


class Dense(honest.Dense):
    def forward(self, x):
        return super().forward(x).astype(object)

    def backward(self, dy):
        return super().backward(dy).astype(object)
