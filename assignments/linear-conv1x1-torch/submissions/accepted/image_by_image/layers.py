"""One sample of the batch after the other, each into its place of a tensor that was made before."""

import math

import torch


def start(n_out, n_in):
    return torch.randn(n_out, n_in) / math.sqrt(n_in)


class Linear:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = start(out_features, in_features)
        self.bias = torch.zeros(out_features) if bias else None
        self.x = None

    def forward(self, x):
        if x.size(-1) != self.weight.size(1):
            raise ValueError("the last axis has another length than in_features")
        self.x = x
        if x.dim() > 2:
            parts = [self._rows(part) for part in x]
            if parts:
                return torch.stack(parts)
            return x.new_empty(x.shape[:-1] + self.weight.shape[:1])
        return self._rows(x)

    def _rows(self, x):
        flat = x.reshape(-1, x.size(-1))
        if self.bias is None:
            y = flat.mm(self.weight.t())
        else:
            y = torch.addmm(self.bias, flat, self.weight.t())
        return y.reshape(x.shape[:-1] + self.weight.shape[:1])

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("nothing to go back to")
        flat_x = self.x.reshape(-1, self.x.size(-1))
        flat_dy = dy.reshape(-1, dy.size(-1))
        self.d_weight = torch.zeros_like(self.weight).addmm_(flat_dy.t(), flat_x)
        self.d_bias = flat_dy.sum(0) if self.bias is not None else None
        return flat_dy.mm(self.weight).reshape(self.x.shape)

    def count_params(self):
        out, inputs = self.weight.shape
        return out * inputs + (out if self.bias is not None else 0)


class _Conv:
    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, bias=True):
        if kernel_size != 1:
            raise NotImplementedError("kernel sizes other than 1")
        self.weight = start(out_channels, in_channels)[(...,) + (None,) * self.rank]
        self.bias = torch.zeros(out_channels) if bias else None
        self.stride = stride
        self.x = None

    def _pick(self, image):
        return image[(slice(None),) + (slice(None, None, self.stride),) * self.rank]

    def forward(self, x):
        if x.size(1) != self.weight.size(1):
            raise ValueError("another number of channels than in_channels")
        self.x = x
        matrix = self.weight.view(self.weight.shape[:2])
        spatial = [math.ceil(n / self.stride) for n in x.shape[2:]]
        y = x.new_empty((x.size(0), matrix.size(0), *spatial))
        for number, image in enumerate(x):
            flat = self._pick(image).flatten(1)
            product = matrix.mm(flat)
            if self.bias is not None:
                product += self.bias.unsqueeze(1)
            y[number] = product.view(y.shape[1:])
        return y

    def backward(self, dy):
        if self.x is None:
            raise RuntimeError("nothing to go back to")
        matrix = self.weight.view(self.weight.shape[:2])
        d_matrix = torch.zeros_like(matrix)
        d_bias = torch.zeros_like(matrix[:, 0])
        dx = self.x.new_zeros(self.x.shape)
        for image, d_image, target in zip(self.x, dy, dx):
            picked = self._pick(image)
            flat = d_image.flatten(1)
            d_matrix.addmm_(flat, picked.flatten(1).t())
            d_bias += flat.sum(1)
            self._pick(target).copy_(matrix.t().mm(flat).view(picked.shape))
        self.d_weight = d_matrix.view(self.weight.shape)
        self.d_bias = d_bias if self.bias is not None else None
        return dx

    def count_params(self):
        return self.weight.numel() + (self.weight.size(0) if self.bias is not None else 0)


class Conv1d(_Conv):
    rank = 1


class Conv2d(_Conv):
    rank = 2


class Conv3d(_Conv):
    rank = 3
