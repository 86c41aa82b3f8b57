"""Channels first of all: one product for the whole batch, and results that are views of it."""

import torch


def uniform(rows, columns):
    bound = (6 / (rows + columns)) ** 0.5
    return bound * (2 * torch.rand(columns, rows).t() - 1)  # lies in memory by columns


class Affine:
    """On tensors whose channels are on a given axis."""

    def __init__(self, n_in, n_out, axis, rank, bias):
        matrix = uniform(n_out, n_in)
        self.weight = matrix.reshape(n_out, n_in, *[1] * rank)
        self.bias = torch.zeros(n_out) if bias else None
        self.d_weight, self.d_bias, self.x, self.axis = None, None, None, axis

    def table(self, a):
        """(channels, everything else)."""
        return a.movedim(self.axis, 0).flatten(1) if a.dim() > 1 else a.unsqueeze(1)

    def shaped(self, table, like):
        """Back, with another number of channels."""
        if like.dim() == 1:
            return table.squeeze(1)
        shape = like.movedim(self.axis, 0).shape[1:]
        return table.unflatten(1, shape).movedim(0, self.axis) if len(shape) > 1 else table.t()

    def run(self, x):
        if x.shape[self.axis] != self.weight.shape[1]:
            raise ValueError("wrong channels")
        table = self.weight.flatten(1) @ self.table(x)
        if self.bias is not None:
            table += self.bias.unsqueeze(-1)
        return self.shaped(table, x)

    def run_back(self, x, dy):
        up = self.table(dy)
        self.d_weight = torch.tensordot(up, self.table(x), dims=([1], [1])).view_as(self.weight)
        self.d_bias = up.sum(-1) if self.bias is not None else None
        return self.shaped(self.weight.flatten(1).t() @ up, x)

    def latest(self):
        if self.x is None:
            raise RuntimeError("no forward yet")
        return self.x

    def count_params(self):
        n_out, n_in = self.weight.shape[:2]
        return n_out * (n_in + (self.bias is not None))


class Linear(Affine):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, -1, 0, bias)

    def forward(self, x):
        y = self.run(x)
        self.x = x
        return y

    def backward(self, dy):
        return self.run_back(self.latest(), dy)


class Conv(Affine):
    rank = 0

    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, bias=True):
        if kernel_size != 1:
            raise ValueError("this is a 1x1 convolution")
        super().__init__(in_channels, out_channels, 1, self.rank, bias)
        self.stride = stride

    def window(self, x):
        for axis in range(self.rank):
            x = x.movedim(axis + 2, 0)[:: self.stride].movedim(0, axis + 2)
        return x

    def forward(self, x):
        y = self.run(self.window(x))
        self.x = x
        return y

    def backward(self, dy):
        x = self.latest()
        d_window = self.run_back(self.window(x), dy)
        if self.stride == 1:
            return d_window
        dx = torch.zeros_like(x)
        self.window(dx).copy_(d_window)
        return dx


class Conv1d(Conv):
    rank = 1


class Conv2d(Conv):
    rank = 2


class Conv3d(Conv):
    rank = 3
