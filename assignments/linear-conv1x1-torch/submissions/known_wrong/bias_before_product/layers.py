"""Mistake: adds the bias after every input instead of once."""

import torch


def new_weight(n_in, n_out):
    limit = n_in**-0.5
    return torch.empty(n_out, n_in).uniform_(-limit, limit)


class Linear:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = new_weight(in_features, out_features)
        self.bias = torch.zeros(out_features) if bias else None
        self.d_weight = None
        self.d_bias = None
        self.x = None

    def forward(self, x):
        n_out, n_in = self.weight.shape
        if x.shape[-1] != n_in:
            raise ValueError(f"expected {n_in} features, got {x.shape[-1]}")
        self.x = x
        y = torch.matmul(x, self.weight.T)
        if self.bias is not None:
            y = y + n_in * self.bias
        return y

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("backward needs a forward first")
        n_out, n_in = self.weight.shape
        rows = self.x.reshape(self.x.numel() // n_in, n_in)
        dy_rows = dy.reshape(dy.numel() // n_out, n_out)
        self.d_weight = dy_rows.T @ rows
        if self.bias is not None:
            self.d_bias = dy_rows.sum(dim=0)
        return torch.matmul(dy, self.weight)

    def count_params(self):
        count = self.weight.numel()
        if self.bias is not None:
            count += self.bias.numel()
        return count


class Conv:
    axes = 0

    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, bias=True):
        if kernel_size != 1:
            raise ValueError("the kernel size must be 1")
        ones = (1,) * self.axes
        self.weight = new_weight(in_channels, out_channels).reshape(
            out_channels, in_channels, *ones
        )
        self.bias = torch.zeros(out_channels) if bias else None
        self.d_weight = None
        self.d_bias = None
        self.x = None
        self.every = (slice(None), slice(None)) + (slice(None, None, stride),) * self.axes

    def forward(self, x):
        n_out, n_in = self.weight.shape[:2]
        if x.shape[1] != n_in:
            raise ValueError(f"expected {n_in} channels, got {x.shape[1]}")
        self.x = x
        weight = self.weight.reshape(n_out, n_in)
        y = torch.matmul(x[self.every].movedim(1, -1), weight.T)
        if self.bias is not None:
            y = y + n_in * self.bias
        return y.movedim(-1, 1)

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("backward needs a forward first")
        n_out, n_in = self.weight.shape[:2]
        weight = self.weight.reshape(n_out, n_in)
        visited = self.x[self.every]
        rows = visited.movedim(1, -1).reshape(visited.numel() // n_in, n_in)
        dy_last = dy.movedim(1, -1)
        dy_rows = dy_last.reshape(dy.numel() // n_out, n_out)
        self.d_weight = (dy_rows.T @ rows).reshape(self.weight.shape)
        if self.bias is not None:
            self.d_bias = dy_rows.sum(dim=0)
        dx = torch.zeros_like(self.x)
        dx[self.every] = torch.matmul(dy_last, weight).movedim(-1, 1)
        return dx

    def count_params(self):
        count = self.weight.numel()
        if self.bias is not None:
            count += self.bias.numel()
        return count


class Conv1d(Conv):
    axes = 1


class Conv2d(Conv):
    axes = 2


class Conv3d(Conv):
    axes = 3
