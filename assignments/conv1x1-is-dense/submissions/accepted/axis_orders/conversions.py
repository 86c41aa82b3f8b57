"""Orders of axes written as letters: einsum transposes, and results are Fortran-ordered copies."""

import numpy as np

SPACE = "xyz"


def letters(layout, rank):
    window = SPACE[:rank]
    return {"keras": window + "io", "torch": "oi" + window}[layout.split("_")[0]]


def rearrange(array, before, after):
    return np.einsum(f"{before}->{after}", array)


def unfolded(kernel, layout, window):
    """With one axis for each letter, in the order of its framework."""
    positions = int(np.prod(window))
    if layout == "keras_dense":
        return kernel.reshape(tuple(window) + (kernel.shape[0] // positions, kernel.shape[1]))
    if layout == "torch_linear":
        return kernel.reshape((kernel.shape[0], kernel.shape[1] // positions) + tuple(window))
    return kernel


def folded(kernel, layout, rank):
    if layout == "keras_dense":
        return kernel.reshape(np.prod(kernel.shape[: rank + 1], dtype=int), kernel.shape[-1])
    if layout == "torch_linear":
        return kernel.reshape(kernel.shape[0], np.prod(kernel.shape[1:], dtype=int))
    return kernel


def convert_window(kernel, source, target, window):
    rank = len(window)
    full = unfolded(kernel, source, window)
    full = rearrange(full, letters(source, rank), letters(target, rank))
    return np.asfortranarray(folded(full, target, rank))


def convert_kernel(kernel, source, target, rank=2):
    square = kernel
    if source.endswith("conv"):
        square = np.squeeze(
            kernel,
            axis=tuple(range(kernel.ndim - 2))
            if "keras" in source
            else tuple(range(2, kernel.ndim)),
        )
    square = rearrange(square, letters(source, 0), letters(target, 0))
    if target == "keras_conv":
        return square[(None,) * rank]
    if target == "torch_conv":
        return square[(...,) + (None,) * rank]
    return square


def move_channels(x, source, target):
    space = SPACE[: x.ndim - 2]
    orders = {"channels_last": "n" + space + "c", "channels_first": "nc" + space}
    return np.asfortranarray(rearrange(x, orders[source], orders[target]))


def count_params(layer, spatial, channels, units, kernel_size=None, use_bias=True):
    window = spatial if layer == "flatten_dense" else kernel_size if layer == "conv" else ()
    kernel = np.broadcast_to(0, (*window, channels, units))
    return np.int64(kernel.size + use_bias * units)


def output_shape(shape, filters, kernel_size, strides, padding):
    spatial = np.array(shape[1:-1])
    kernel_size, strides = np.array(kernel_size), np.array(strides)
    if padding == "same":
        out = np.ceil(spatial / strides).astype(int)
    else:
        padding = 0 if padding == "valid" else padding
        out = 1 + (spatial + 2 * padding - kernel_size) // strides
    return (shape[0], *out, filters)


def equals_dense(spatial, kernel_size, strides, padding):
    padded = not isinstance(padding, str) and padding > 0
    moves = np.logical_and(np.array(strides) > 1, np.array(spatial) > 1)
    return bool(set(kernel_size) == {1} and not moves.any() and not padded)


def visited_positions(x, strides):
    grid = [np.arange(len(x))] + [np.arange(0, n, s) for n, s in zip(x.shape[1:], strides)]
    return x[np.ix_(*grid)]
