import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        x[...] = 0
        return super().forward(x) + self.bias

    def backward(self, dy):
        dy[...] = 0
        return super().backward(dy)
