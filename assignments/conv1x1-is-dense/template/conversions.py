"""Where a 1x1 convolution is a dense layer, and where it is not: with NumPy.

Four layouts of kernels, for C input channels and O outputs, `*window` being one, two or three
lengths:

    "keras_dense"   (C, O)
    "torch_linear"  (O, C)
    "keras_conv"    (*window, C, O)
    "torch_conv"    (O, C, *window)

Two layouts of inputs, for a batch of N, `*spatial` being up to three lengths:

    "channels_last"   (N, *spatial, C)
    "channels_first"  (N, C, *spatial)
"""


def convert_kernel(kernel, source, target, rank=2):
    """Bring the kernel of a dense layer or a 1x1 convolution into another layout.

    Args:
        kernel: Array in the layout `source`; a window has nothing but ones.
        source: One of the four layouts.
        target: One of the four layouts.
        rank: How many ones the window has, if `target` is a convolution: 1, 2 or 3. The source may
            have another number of them.

    Returns:
        Array in the layout `target`, in the dtype of `kernel`.
    """
    raise NotImplementedError("convert_kernel")


def move_channels(x, source, target):
    """Bring an input from one layout into another.

    Args:
        x: Array in the layout `source`, with up to three spatial axes, or none.
        source: "channels_last" or "channels_first".
        target: "channels_last" or "channels_first"; may be the same.

    Returns:
        Array in the layout `target`, in the dtype of `x`.
    """
    raise NotImplementedError("move_channels")


def count_params(layer, spatial, channels, units, kernel_size=None, use_bias=True):
    """Count the parameters of a layer for inputs of shape (N, *spatial, channels).

    Args:
        layer: "dense" (on the last axis), "flatten_dense" (Flatten, then dense) or "conv".
        spatial: Tuple of one, two or three lengths.
        channels: C.
        units: O, which a convolution calls its filters.
        kernel_size: Tuple with one length for each spatial axis; only of "conv".
        use_bias: Whether there is a bias.

    Returns:
        An int.
    """
    raise NotImplementedError("count_params")


def output_shape(shape, filters, kernel_size, strides, padding):
    """Say which shape a convolution returns, channels last.

    Args:
        shape: Tuple (N, *spatial, C), of the input.
        filters: O.
        kernel_size: Tuple with one length for each spatial axis, none longer than the axis.
        strides: Tuple with one step for each spatial axis.
        padding: "valid", "same", or a number: so many zeros at both ends of each spatial axis.

    Returns:
        Tuple of ints (N, *out, O).
    """
    raise NotImplementedError("output_shape")


def equals_dense(spatial, kernel_size, strides, padding):
    """Say whether a convolution is a dense layer on the last axis, position by position.

    That is: whether there is a kernel for a dense layer that gives the same output as the
    convolution for every input, whatever the convolution's own kernel is.

    Args:
        spatial: Tuple of lengths of the input.
        kernel_size: As for `output_shape`.
        strides: As for `output_shape`.
        padding: As for `output_shape`.

    Returns:
        True or False.
    """
    raise NotImplementedError("equals_dense")


def visited_positions(x, strides):
    """Keep what a 1x1 convolution with strides sees of its input; a dense layer does the rest.

    Args:
        x: Array of shape (N, *spatial, C).
        strides: Tuple with one step for each spatial axis.

    Returns:
        Array of shape (N, *out, C), in the dtype of `x`.
    """
    raise NotImplementedError("visited_positions")


def convert_window(kernel, source, target, window):
    """Convert between Flatten with a dense layer and a convolution as large as its input.

    Keras flattens inputs of shape (N, *window, C), PyTorch those of shape (N, C, *window). With
    P = prod(window) the dense layouts are therefore

        "keras_dense"   (P * C, O), rows in the order of (*window, C)
        "torch_linear"  (O, C * P), columns in the order of (C, *window)

    Args:
        kernel: Array in the layout `source`.
        source: One of the four layouts.
        target: One of the four layouts.
        window: Tuple of one, two or three lengths: of the input, and so of the kernel.

    Returns:
        Array in the layout `target`, in the dtype of `kernel`.
    """
    raise NotImplementedError("convert_window")
