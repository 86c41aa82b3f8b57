"""Four layers, written from scratch on PyTorch's tensors: Linear, Conv1d, Conv2d and Conv3d.

Notation: N is the batch, and `*spatial` stands for one, two or three lengths (L; H, W; D, H, W).
Not to be used: torch.nn, torch.autograd and what else the assignment's page lists.
"""


class Linear:
    """A linear layer on the last axis: y[..., o] = sum_i weight[o, i] x[..., i] + bias[o].

    Attributes:
        weight: Tensor of shape (out_features, in_features), float32 when new.
        bias: Tensor of shape (out_features,), float32 and zero when new; None if bias is False.
        d_weight: Gradient of the loss by weight, same shape; set by `backward`.
        d_bias: Gradient of the loss by bias, same shape; set by `backward`; None without bias.
    """

    def __init__(self, in_features, out_features, bias=True):
        """Make a new layer: a random weight of mean 0, a bias of zeros."""
        raise NotImplementedError("Linear.__init__")

    def forward(self, x):
        """Compute the output.

        Args:
            x: Tensor of shape (..., in_features), with at least one axis.

        Returns:
            Tensor of shape (..., out_features), in the dtype of x and the parameters.

        Raises:
            ValueError: The last axis of x is not in_features long.
        """
        raise NotImplementedError("Linear.forward")

    def backward(self, dy):
        """Compute all gradients, for the x of the latest `forward`.

        Sets `d_weight` and `d_bias` (overwrites what was there).

        Args:
            dy: Gradient of the loss by the output, shape (..., out_features).

        Returns:
            Gradient of the loss by x, of the shape of x.

        Raises:
            RuntimeError: `forward` was not called before.
        """
        raise NotImplementedError("Linear.backward")

    def count_params(self):
        """Return how many numbers weight and bias hold together (an int)."""
        raise NotImplementedError("Linear.count_params")


class Conv:
    """What the three convolutions have in common; keep it, or write them in another way.

    Attributes:
        rank: How many spatial axes there are.
        weight: Tensor of shape (out_channels, in_channels) + (1,) * rank, float32 when new.
        bias: Tensor of shape (out_channels,), float32 and zero when new; None if bias is False.
        d_weight: Gradient of the loss by weight, same shape; set by `backward`.
        d_bias: Gradient of the loss by bias, same shape; set by `backward`; None without bias.
    """

    rank = 0

    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, bias=True):
        """Make a new layer: a random weight of mean 0, a bias of zeros.

        Args:
            in_channels: Number of channels of the input.
            out_channels: Number of channels of the output.
            kernel_size: 1; everything else is refused.
            stride: An int; every `stride`-th position is computed, along each spatial axis.
            bias: Whether there is a bias.

        Raises:
            ValueError: The kernel size is not 1.
        """
        raise NotImplementedError("Conv.__init__")

    def forward(self, x):
        """Compute the output.

        Args:
            x: Tensor of shape (N, in_channels, *spatial).

        Returns:
            Tensor of shape (N, out_channels, *out), in the dtype of x and the parameters. Each
            length in `out` is that in `spatial` over stride, rounded up.

        Raises:
            ValueError: x does not have in_channels channels.
        """
        raise NotImplementedError("Conv.forward")

    def backward(self, dy):
        """Compute all gradients, for the x of the latest `forward`.

        Sets `d_weight` and `d_bias` (overwrites what was there).

        Args:
            dy: Gradient of the loss by the output, of the shape of the output.

        Returns:
            Gradient of the loss by x, of the shape of x.

        Raises:
            RuntimeError: `forward` was not called before.
        """
        raise NotImplementedError("Conv.backward")

    def count_params(self):
        """Return how many numbers weight and bias hold together (an int)."""
        raise NotImplementedError("Conv.count_params")


class Conv1d(Conv):
    """On inputs of shape (N, in_channels, L)."""

    rank = 1


class Conv2d(Conv):
    """On inputs of shape (N, in_channels, H, W)."""

    rank = 2


class Conv3d(Conv):
    """On inputs of shape (N, in_channels, D, H, W)."""

    rank = 3
