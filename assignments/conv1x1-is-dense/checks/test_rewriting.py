from hypothesis.strategies import integers, lists
from loading import SIZES, check_loaded, drawn_x

from grader.checking import assert_array, assert_matches, check, drawn, whole_numbers

SPATIAL = lists(integers(1, 3), min_size=1, max_size=3)
SIZE = integers(1, 4)
STRIDED = (
    {"spatial": [7], "strides": [3, 1, 1]},
    {"spatial": [5, 5], "strides": [2, 2, 1]},
    {"spatial": [5, 4], "strides": [1, 3, 1]},
    {"spatial": [3, 5, 4], "strides": [2, 1, 2]},
)


def check_visited(student, reference, rng, spatial, strides, *, batch=2, channels=3):
    """A dense layer on what is visited must be the convolution with strides."""
    steps = tuple(strides[: len(spatial)])
    x = drawn_x(rng, batch, *spatial, channels)
    kernel, bias = whole_numbers(rng, channels, 4), whole_numbers(rng, 4)
    out = (-(-length // step) for length, step in zip(spatial, steps, strict=True))  # rounded up
    visited = assert_array(
        actual=student.visited_positions(x.copy(), steps),
        shape=(batch, *out, channels),
        dtype=x.dtype,
        name="what is visited",
    )
    window = (1,) * len(spatial)
    convolution = kernel.reshape(*window, channels, 4)
    assert_matches(
        actual=reference.keras_dense(visited, kernel, bias),
        expected=reference.keras_conv(x, convolution, bias, strides=steps),
        name="the output of Dense on what is visited",
    )


def check_windows(student, reference, rng, pairs, spatial, channels, units, dtype="float32"):
    """Check each conversion between Flatten with a dense layer and a large convolution."""
    for pair in pairs:
        check_loaded(
            reference,
            rng,
            pair,
            lambda kernel, source, target: student.convert_window(
                kernel, source, target, tuple(spatial)
            ),
            spatial=spatial,
            channels=channels,
            units=units,
            flatten=True,
            dtype=dtype,
        )


@check(group="rewriting", points=4)
@drawn(
    examples=8,
    always=STRIDED,
    spatial=lists(integers(1, 6), min_size=1, max_size=3),
    strides=lists(integers(1, 3), min_size=3, max_size=3),
)
def test_strides(student, reference, rng, spatial, strides):
    """Strides: Dense on the visited positions is the 1x1 convolution with strides."""
    check_visited(student, reference, rng, spatial, strides)


@check(group="rewriting", points=4, visibility="hidden")
@drawn(
    examples=6,
    always=(
        {"spatial": [7, 6, 5], "strides": [3, 2, 4]},
        {"spatial": [9, 8], "strides": [4, 3, 1]},
    ),
    spatial=lists(integers(4, 8), min_size=2, max_size=3),
    strides=lists(integers(2, 4), min_size=3, max_size=3),
)
def test_more_strides(student, reference, rng, spatial, strides):
    """The same for larger inputs, and strides that differ along each axis."""
    check_visited(student, reference, rng, spatial, strides, batch=3, channels=5)


@check(group="rewriting", points=4)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_flatten_in_keras(student, reference, rng, spatial, channels, units):
    """Keras: Flatten with Dense equals a convolution as large as its input, in both directions."""
    pairs = (("keras_dense", "keras_conv"), ("keras_conv", "keras_dense"))
    check_windows(student, reference, rng, pairs, spatial, channels, units)


@check(group="rewriting", points=4)
@drawn(examples=6, always=SIZES, spatial=SPATIAL, channels=SIZE, units=SIZE)
def test_flatten_in_torch(student, reference, rng, spatial, channels, units):
    """PyTorch: Flatten with Linear equals a convolution as large as its input, both ways."""
    pairs = (("torch_linear", "torch_conv"), ("torch_conv", "torch_linear"))
    check_windows(student, reference, rng, pairs, spatial, channels, units)


@check(group="rewriting", points=4, visibility="hidden")
@drawn(
    examples=4,
    always=SIZES,
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    units=integers(1, 5),
)
def test_flatten_between(student, reference, rng, spatial, channels, units):
    """Flatten with a dense layer, from each framework to the other, which flattens otherwise."""
    pairs = [(source, target) for source in reference.KERNELS for target in reference.KERNELS]
    check_windows(student, reference, rng, pairs, spatial, channels, units, dtype="float64")
