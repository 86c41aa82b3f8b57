"""Linear and the convolutions of kernel size 1: one matrix product over the channels."""

import math

import torch
from torch import Tensor


class Linear:
    """y[..., o] = sum_i x[..., i] weight[o, i] + bias[o]."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.weight = _uniform(in_features, out_features)
        self.bias = torch.zeros(out_features) if bias else None
        self.d_weight: Tensor | None = None
        self.d_bias: Tensor | None = None
        self._x: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., in_features) to (..., out_features)."""
        _require_size(x.shape[-1], self.weight.shape[1])
        self._x = x
        y = _rows(x) @ self.weight.t()
        if self.bias is not None:
            y += self.bias
        return y.reshape(*x.shape[:-1], self.weight.shape[0])

    def backward(self, dy: Tensor) -> Tensor:
        """Shape (..., out_features) to (..., in_features); sets d_weight and d_bias."""
        if self._x is None:
            raise RuntimeError("call forward before backward")
        rows = _rows(dy)
        self.d_weight = rows.t() @ _rows(self._x)
        self.d_bias = rows.sum(dim=0) if self.bias is not None else None
        return (rows @ self.weight).reshape(self._x.shape)

    def count_params(self) -> int:
        """How many numbers can be learnt."""
        return _count(self.weight, self.bias)


class _Conv:
    """The same map at every `stride`-th position of each spatial axis, channels first."""

    rank: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        if kernel_size != 1:
            raise ValueError("only kernels of size 1")
        matrix = _uniform(in_channels, out_channels)
        self.weight = matrix.reshape(*matrix.shape, *(1,) * self.rank)
        self.bias = torch.zeros(out_channels) if bias else None
        self.d_weight: Tensor | None = None
        self.d_bias: Tensor | None = None
        self._visited = (slice(None), slice(None), *(slice(None, None, stride),) * self.rank)
        self._x: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, in_channels, *spatial) to (N, out_channels, *ceil(spatial / stride))."""
        _require_size(x.dim(), self.rank + 2)
        _require_size(x.shape[1], self.weight.shape[1])
        self._x = x
        visited = x[self._visited]
        y = self._matrix() @ _columns(visited)
        if self.bias is not None:
            y += self.bias[:, None]
        return y.reshape(x.shape[0], self.weight.shape[0], *visited.shape[2:])

    def backward(self, dy: Tensor) -> Tensor:
        """The shape of the output to that of the input; sets d_weight and d_bias."""
        if self._x is None:
            raise RuntimeError("call forward before backward")
        columns = _columns(dy)
        visited = self._x[self._visited]
        products = columns @ _columns(visited).transpose(1, 2)
        self.d_weight = products.sum(dim=0).reshape(self.weight.shape)
        self.d_bias = columns.sum(dim=(0, 2)) if self.bias is not None else None
        d_visited = (self._matrix().t() @ columns).reshape(visited.shape)
        # Positions that were skipped have no influence, so their gradient is zero.
        dx = torch.zeros(self._x.shape, dtype=d_visited.dtype)
        dx[self._visited] = d_visited
        return dx

    def count_params(self) -> int:
        """How many numbers can be learnt."""
        return _count(self.weight, self.bias)

    def _matrix(self) -> Tensor:
        return self.weight.reshape(self.weight.shape[:2])


class Conv1d(_Conv):
    """On inputs of shape (N, in_channels, steps)."""

    rank = 1


class Conv2d(_Conv):
    """On inputs of shape (N, in_channels, H, W)."""

    rank = 2


class Conv3d(_Conv):
    """On inputs of shape (N, in_channels, D, H, W)."""

    rank = 3


def _rows(x: Tensor) -> Tensor:
    """One row for each position, with an explicit size: -1 cannot be told for empty tensors."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _columns(x: Tensor) -> Tensor:
    """One column for each position of a sample: (N, C, positions)."""
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def _require_size(actual: int, expected: int) -> None:
    if actual != expected:
        raise ValueError(f"expected a size of {expected}, got {actual}")


def _uniform(inputs: int, outputs: int) -> Tensor:
    """Uniform within one over the square root of the inputs, as PyTorch's layers begin."""
    limit = 1 / math.sqrt(inputs)
    return (2 * torch.rand(outputs, inputs) - 1) * limit


def _count(weight: Tensor, bias: Tensor | None) -> int:
    return weight.numel() + (bias.numel() if bias is not None else 0)
