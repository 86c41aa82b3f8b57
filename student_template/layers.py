"""Two layers, written from scratch with NumPy: Dense and Conv1x1.

Notation: N is the batch, C the number of input channels, O the number of output channels, and
`*spatial` stands for one, two or three lengths (steps; height, width; depth, height, width).
"""


class Dense:
    """A fully connected layer on the last axis: y[..., o] = sum_i x[..., i] kernel[i, o] + bias[o].

    Attributes:
        kernel: Array of shape (in_features, units), float32 when new.
        bias: Array of shape (units,), float32 when new; None if use_bias is False.
        d_kernel: Gradient of the loss by kernel, same shape; set by `backward`.
        d_bias: Gradient of the loss by bias, same shape; set by `backward`; None without bias.
    """

    def __init__(self, in_features, units, use_bias=True):
        """Make a new layer: a random kernel of mean 0 (Glorot uniform is a good choice), bias 0."""
        raise NotImplementedError("Dense.__init__")

    def forward(self, x):
        """Compute the output.

        Args:
            x: Array of shape (N, ..., in_features), with at least two axes.

        Returns:
            Array of shape (N, ..., units), in the dtype of x and the parameters.

        Raises:
            ValueError: The last axis of x is not in_features long.
        """
        raise NotImplementedError("Dense.forward")

    def backward(self, dy):
        """Compute all gradients, for the x of the latest `forward`.

        Sets `d_kernel` and `d_bias` (overwrites what was there).

        Args:
            dy: Gradient of the loss by the output, shape (N, ..., units).

        Returns:
            Gradient of the loss by x, of the shape of x.

        Raises:
            RuntimeError: `forward` was not called before.
        """
        raise NotImplementedError("Dense.backward")

    def count_params(self):
        """Return how many numbers kernel and bias hold together (an int)."""
        raise NotImplementedError("Dense.count_params")


class Conv1x1:
    """A convolution with a kernel of size 1 along each of `rank` spatial axes.

    Attributes:
        kernel: Array of shape (1,) * rank + (in_channels, filters), float32 when new.
        bias: Array of shape (filters,), float32 when new; None if use_bias is False.
        d_kernel: Gradient of the loss by kernel, same shape; set by `backward`.
        d_bias: Gradient of the loss by bias, same shape; set by `backward`; None without bias.
    """

    def __init__(
        self,
        in_channels,
        filters,
        rank=2,
        strides=1,
        data_format="channels_last",
        use_bias=True,
    ):
        """Make a new layer: a random kernel of mean 0 (Glorot uniform is a good choice), bias 0.

        Args:
            in_channels: C.
            filters: O.
            rank: Number of spatial axes: 1, 2 or 3.
            strides: An int; every `strides`-th position is computed, along each spatial axis.
            data_format: "channels_last" (N, *spatial, C) or "channels_first" (N, C, *spatial).
            use_bias: Whether there is a bias.
        """
        raise NotImplementedError("Conv1x1.__init__")

    def forward(self, x):
        """Compute the output.

        Args:
            x: Array of shape (N, *spatial, C), or (N, C, *spatial) for channels_first.

        Returns:
            Array of shape (N, *out, O), or (N, O, *out) for channels_first, in the dtype of x and
            the parameters. Each length in `out` is that in `spatial` over strides, rounded up.

        Raises:
            ValueError: x does not have in_channels channels.
        """
        raise NotImplementedError("Conv1x1.forward")

    def backward(self, dy):
        """Compute all gradients, for the x of the latest `forward`.

        Sets `d_kernel` and `d_bias` (overwrites what was there).

        Args:
            dy: Gradient of the loss by the output, of the shape of the output.

        Returns:
            Gradient of the loss by x, of the shape of x.

        Raises:
            RuntimeError: `forward` was not called before.
        """
        raise NotImplementedError("Conv1x1.backward")

    def count_params(self):
        """Return how many numbers kernel and bias hold together (an int)."""
        raise NotImplementedError("Conv1x1.count_params")
