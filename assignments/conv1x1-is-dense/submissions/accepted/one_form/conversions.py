"""Every kernel by way of one form, with reshape, moveaxis and transposing."""

import math

import numpy as np


def convert_kernel(kernel, source, target, rank=2):
    # First to (in, out) ...
    if source == "keras_dense":
        matrix = kernel
    elif source == "torch_linear":
        matrix = kernel.T
    elif source == "keras_conv":
        matrix = kernel.reshape(kernel.shape[-2], kernel.shape[-1])
    else:
        matrix = kernel.reshape(kernel.shape[0], kernel.shape[1]).T
    # ... and from there to the target.
    n_in, n_out = matrix.shape
    ones = (1,) * rank
    if target == "keras_dense":
        return matrix
    if target == "torch_linear":
        return matrix.T
    if target == "keras_conv":
        return matrix.reshape(ones + (n_in, n_out))
    return matrix.T.reshape((n_out, n_in) + ones)


def move_channels(x, source, target):
    if source == target:
        return x
    if target == "channels_first":
        return np.moveaxis(x, -1, 1)
    return np.moveaxis(x, 1, -1)


def count_params(layer, spatial, channels, units, kernel_size=None, use_bias=True):
    inputs = channels
    if layer == "flatten_dense":
        inputs = inputs * math.prod(spatial)
    if layer == "conv":
        inputs = inputs * math.prod(kernel_size)
    count = inputs * units
    if use_bias:
        count = count + units
    return count


def output_shape(shape, filters, kernel_size, strides, padding):
    out = []
    for length, size, step in zip(shape[1:-1], kernel_size, strides):
        if padding == "same":
            out.append((length + step - 1) // step)
            continue
        added = 0
        if padding != "valid":
            added = 2 * padding
        out.append((length + added - size) // step + 1)
    return (shape[0], *out, filters)


def equals_dense(spatial, kernel_size, strides, padding):
    if padding not in ("valid", "same", 0):
        return False
    for length, size, step in zip(spatial, kernel_size, strides):
        if size != 1:
            return False
        if step != 1 and length != 1:
            return False
    return True


def visited_positions(x, strides):
    steps = [slice(None)]
    for step in strides:
        steps.append(slice(0, None, step))
    return x[tuple(steps)]


def convert_window(kernel, source, target, window):
    # First to window + (in, out) ...
    positions = math.prod(window)
    if source == "keras_dense":
        n_in, n_out = kernel.shape[0] // positions, kernel.shape[1]
        full = kernel.reshape(*window, n_in, n_out)
    elif source == "torch_linear":
        n_in, n_out = kernel.shape[1] // positions, kernel.shape[0]
        full = kernel.reshape(n_out, n_in, *window)
        full = np.moveaxis(full, (0, 1), (-1, -2))
    elif source == "keras_conv":
        n_in, n_out = kernel.shape[-2:]
        full = kernel
    else:
        n_out, n_in = kernel.shape[:2]
        full = np.moveaxis(kernel, (0, 1), (-1, -2))
    # ... and from there to the target.
    if target == "keras_dense":
        return full.reshape(positions * n_in, n_out)
    if target == "keras_conv":
        return full
    first = np.moveaxis(full, (-1, -2), (0, 1))
    if target == "torch_linear":
        return first.reshape(n_out, n_in * positions)
    return first
