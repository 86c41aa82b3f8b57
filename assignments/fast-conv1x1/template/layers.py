"""A fast 1x1 convolution, written from scratch with NumPy.

Notation: N is the batch, H and W are height and width, C is the number of input channels, O that of
output channels.
"""


class Conv1x1:
    """A convolution with a kernel of size 1, in either layout of channels.

    At each of the N * H * W positions, y[o] = sum_i x[i] kernel[0, 0, i, o] + bias[o].

    Attributes:
        kernel: Array of shape (1, 1, in_channels, filters), float32 when new.
        bias: Array of shape (filters,), float32 when new.
        d_kernel: Gradient of the loss by kernel, same shape; set by `backward`.
        d_bias: Gradient of the loss by bias, same shape; set by `backward`.
    """

    def __init__(self, in_channels, filters, data_format="channels_last"):
        """Make a new layer; its kernel and bias are up to you, and will be assigned to.

        Args:
            in_channels: C.
            filters: O.
            data_format: "channels_last" (N, H, W, C) or "channels_first" (N, C, H, W).
        """
        raise NotImplementedError("Conv1x1.__init__")

    def forward(self, x):
        """Compute the output.

        Args:
            x: Array of shape (N, H, W, C), or (N, C, H, W) for channels_first.

        Returns:
            Array of shape (N, H, W, O), or (N, O, H, W) for channels_first, in the dtype of x and
            the parameters.
        """
        raise NotImplementedError("Conv1x1.forward")

    def backward(self, dy):
        """Compute all gradients, for the x of the latest `forward`.

        Sets `d_kernel` and `d_bias` (overwrites what was there).

        Args:
            dy: Gradient of the loss by the output, of the shape of the output.

        Returns:
            Gradient of the loss by x, of the shape of x.
        """
        raise NotImplementedError("Conv1x1.backward")
