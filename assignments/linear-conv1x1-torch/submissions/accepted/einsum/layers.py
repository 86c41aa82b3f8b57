"""Every sum as the formula has it, with einsum."""

import torch


class Layer:
    def __init__(self, n_in, n_out, ones, bias):
        scale = (2 / (n_in + n_out)) ** 0.5
        self.weight = torch.randn(n_out, n_in, *ones) * scale
        self.bias = torch.zeros(n_out) if bias else None
        self.d_weight = self.d_bias = self.x = None

    def matrix(self):
        return self.weight.flatten(1)

    def remember(self, x, channels):
        if channels != self.weight.shape[1]:
            raise ValueError("wrong number of channels")
        self.x = x

    def remembered(self):
        if self.x is None:
            raise RuntimeError("forward comes first")
        return self.x

    def count_params(self):
        return sum(p.numel() for p in (self.weight, self.bias) if p is not None)


class Linear(Layer):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, (), bias)

    def forward(self, x):
        self.remember(x, x.shape[-1])
        y = torch.einsum("...i,oi->...o", x, self.weight)
        return y if self.bias is None else y + self.bias

    def backward(self, dy):
        x = self.remembered()
        self.d_weight = torch.einsum("...o,...i->oi", dy, x)
        self.d_bias = None if self.bias is None else torch.einsum("...o->o", dy)
        return torch.einsum("...o,oi->...i", dy, self.weight)


class Conv(Layer):
    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, bias=True):
        assert kernel_size == 1
        super().__init__(in_channels, out_channels, (1,) * self.rank, bias)
        self.stride = stride

    def seen(self, x):
        for axis in range(2, 2 + self.rank):
            steps = torch.arange(0, x.shape[axis], self.stride)
            x = x.index_select(axis, steps)
        return x

    def forward(self, x):
        self.remember(x, x.shape[1])
        y = torch.einsum("ni...,oi->no...", self.seen(x), self.matrix())
        if self.bias is not None:
            y = y + self.bias.reshape(-1, *(1,) * self.rank)
        return y

    def backward(self, dy):
        x = self.remembered()
        seen = self.seen(x)
        d_matrix = torch.einsum("no...,ni...->oi", dy, seen)
        self.d_weight = d_matrix.reshape(self.weight.shape)
        self.d_bias = None if self.bias is None else torch.einsum("no...->o", dy)
        d_seen = torch.einsum("no...,oi->ni...", dy, self.matrix())
        if self.stride == 1:
            return d_seen
        dx = x.new_zeros(x.shape)
        dx[(..., *[slice(None, None, self.stride)] * self.rank)] = d_seen
        return dx


class Conv1d(Conv):
    rank = 1


class Conv2d(Conv):
    rank = 2


class Conv3d(Conv):
    rank = 3
