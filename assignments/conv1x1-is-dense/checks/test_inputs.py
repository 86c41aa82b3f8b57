import numpy as np
from hypothesis.strategies import integers, lists
from loading import SIZES, drawn_x

from grader.checking import assert_array, assert_matches, check, drawn, whole_numbers

SPATIAL = lists(integers(1, 4), min_size=1, max_size=3)
SIZE = integers(1, 5)


def weights(rng, rank, channels, units):
    """One kernel as Keras and as PyTorch stores it, and a bias."""
    kernel = whole_numbers(rng, *(1,) * rank, channels, units)
    return kernel, np.moveaxis(kernel, (-1, -2), (0, 1)), whole_numbers(rng, units)


@check(group="inputs", points=4)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_to_channels_first(student, reference, rng, spatial, channels, units):
    """Brought to channels first, an input gives in PyTorch what it gives in Keras."""
    x = drawn_x(rng, 2, *spatial, channels)
    kernel, weight, bias = weights(rng, len(spatial), channels, units)
    moved = assert_array(
        actual=student.move_channels(x.copy(), "channels_last", "channels_first"),
        shape=(2, channels, *spatial),
        dtype=x.dtype,
        name="x with channels first",
    )
    assert_matches(
        actual=reference.torch_conv(moved, weight, bias),
        expected=np.moveaxis(reference.keras_conv(x, kernel, bias), -1, 1),
        name="the output of PyTorch's convolution for the x that you moved",
    )


@check(group="inputs", points=4)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_to_channels_last(student, reference, rng, spatial, channels, units):
    """Brought to channels last, PyTorch's output is Keras'."""
    x = drawn_x(rng, 2, channels, *spatial)
    kernel, weight, bias = weights(rng, len(spatial), channels, units)
    output = reference.torch_conv(x, weight, bias)
    assert_matches(
        actual=student.move_channels(output, "channels_first", "channels_last"),
        expected=reference.keras_conv(np.moveaxis(x, 1, -1), kernel, bias),
        name="PyTorch's output with channels last",
    )


@check(group="inputs", points=4, visibility="hidden")
@drawn(
    examples=6,
    always=({"spatial": [4, 4, 4]}, {"spatial": [2, 3, 4]}, {"spatial": []}),
    spatial=lists(integers(2, 6), max_size=3),
)
def test_more_inputs(student, reference, rng, spatial):
    """Larger inputs, those without spatial axes, and those that are in the right layout already."""
    x = drawn_x(rng, 3, *spatial, 5)
    first = np.moveaxis(x, -1, 1)
    pairs = {
        ("channels_last", "channels_last"): (x, x),
        ("channels_last", "channels_first"): (x, first),
        ("channels_first", "channels_last"): (first, x),
        ("channels_first", "channels_first"): (first, first),
    }
    for (source, target), (given, expected) in pairs.items():
        moved = student.move_channels(given.copy(), source, target)
        name = f"x from {source} to {target}"
        assert_matches(actual=moved, expected=expected, name=name)
        if target == "channels_first" and spatial:
            kernel, _weight, bias = weights(rng, len(spatial), 5, 2)
            there = reference.keras_conv(moved, kernel, bias, data_format=target)
            here = reference.keras_conv(x, kernel, bias)
            assert_matches(
                actual=there,
                expected=np.moveaxis(here, -1, 1),
                name="the output of Keras' convolution with channels first",
            )
