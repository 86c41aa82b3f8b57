"""Number by number: each function says where one element goes, and loops do the rest."""

from itertools import product

import numpy as np


def places(layout, window, n_in, n_out, at, i, o):
    """Shape of a kernel, and the index of the weight from channel i at a position to output o."""
    positions = int(np.prod(window))
    flat = 0
    for length, p in zip(window, at):
        flat = flat * length + p
    if layout == "keras_dense":
        return (positions * n_in, n_out), (flat * n_in + i, o)
    if layout == "torch_linear":
        return (n_out, n_in * positions), (o, i * positions + flat)
    if layout == "keras_conv":
        return (*window, n_in, n_out), (*at, i, o)
    return (n_out, n_in, *window), (o, i, *at)


def channels(kernel, layout, positions):
    """How many inputs and outputs a kernel has."""
    if layout == "keras_dense":
        return kernel.shape[0] // positions, kernel.shape[1]
    if layout == "torch_linear":
        return kernel.shape[1] // positions, kernel.shape[0]
    if layout == "keras_conv":
        return kernel.shape[-2], kernel.shape[-1]
    return kernel.shape[1], kernel.shape[0]


def copied(kernel, source, target, window_there, window_here):
    n_in, n_out = channels(kernel, source, int(np.prod(window_there)))
    shape, _ = places(target, window_here, n_in, n_out, (0,) * len(window_here), 0, 0)
    result = np.empty(shape, kernel.dtype, order="F")
    there = product(*(range(length) for length in window_there))
    here = product(*(range(length) for length in window_here))
    for p, q in zip(there, here):
        for i in range(n_in):
            for o in range(n_out):
                _, get = places(source, window_there, n_in, n_out, p, i, o)
                _, put = places(target, window_here, n_in, n_out, q, i, o)
                result[put] = kernel[get]
    return result


def convert_kernel(kernel, source, target, rank=2):
    rank_there = kernel.ndim - 2
    return copied(kernel, source, target, (1,) * rank_there, (1,) * rank)


def convert_window(kernel, source, target, window):
    return copied(kernel, source, target, window, window)


def move_channels(x, source, target):
    if source == target:
        return x.copy()
    last = x.shape[-1] if source == "channels_last" else x.shape[1]
    spatial = x.shape[1:-1] if source == "channels_last" else x.shape[2:]
    shape = (len(x), last, *spatial) if target == "channels_first" else (len(x), *spatial, last)
    moved = np.empty(shape, x.dtype)
    for c in range(last):
        if target == "channels_first":
            moved[:, c] = x[..., c]
        else:
            moved[..., c] = x[:, c]
    return moved


def count_params(layer, spatial, channels, units, kernel_size=None, use_bias=True):
    window = {"dense": (), "flatten_dense": spatial, "conv": kernel_size}[layer]
    one_output = sum(1 for _ in product(*(range(length) for length in window))) * channels
    return sum(one_output + (1 if use_bias else 0) for _ in range(units))


def starts(length, size, step, padding):
    """Where windows begin along one axis; a negative place is in the padding."""
    if padding == "same":
        return list(range(0, length, step))
    before = 0 if padding == "valid" else padding
    return [p for p in range(-before, length + before - size + 1, step)]


def output_shape(shape, filters, kernel_size, strides, padding):
    axes = zip(shape[1:-1], kernel_size, strides)
    return tuple([shape[0]] + [len(starts(*axis, padding)) for axis in axes] + [filters])


def equals_dense(spatial, kernel_size, strides, padding):
    for length, size, step in zip(spatial, kernel_size, strides):
        if size != 1 or starts(length, size, step, padding) != list(range(length)):
            return False
    return True


def visited_positions(x, strides):
    for axis, step in enumerate(strides, start=1):
        x = np.take(x, np.arange(0, x.shape[axis], step), axis=axis)
    return x
