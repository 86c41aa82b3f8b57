from hypothesis.strategies import booleans, integers, lists, tuples

from grader.checking import assert_equal, check, drawn

SPATIAL = lists(integers(1, 6), min_size=1, max_size=3)
SIZE = integers(1, 6)
AXES = lists(tuples(integers(1, 6), integers(1, 4)), min_size=1, max_size=3)
"""For each spatial axis its length and the kernel's."""


def check_counts(student, count, layers, *, use_bias=True):
    """Compare with what a real layer counts, for each kind of layer and its arguments."""
    for layer, *arguments in layers:
        given = [tuple(each) if isinstance(each, list) else each for each in arguments]
        named = {} if use_bias else {"use_bias": False}
        assert_equal(
            actual=student.count_params(layer, *given, **named),
            expected=count(layer, *given, use_bias=use_bias),
            name=f'count_params("{layer}", {", ".join(map(str, given))})'
            + ("" if use_bias else " without a bias"),
        )


@check(group="counting", points=4)
@drawn(
    examples=8,
    always=(
        {"spatial": [7], "channels": 2, "units": 3},
        {"spatial": [4, 5], "channels": 3, "units": 6},
    ),
    spatial=SPATIAL,
    channels=SIZE,
    units=SIZE,
)
def test_as_many_as_dense(student, reference, spatial, channels, units):
    """A 1x1 convolution has as many parameters as Dense, however many positions there are."""
    ones = [1] * len(spatial)
    layers = (("dense", spatial, channels, units), ("conv", spatial, channels, units, ones))
    check_counts(student, reference.keras_count, layers)


@check(group="counting", points=4)
@drawn(
    examples=8,
    always=(
        {"axes": [(6, 3)], "channels": 2, "units": 3},
        {"axes": [(4, 2), (5, 3)], "channels": 3, "units": 4},
        {"axes": [(2, 1), (3, 2), (4, 3)], "channels": 2, "units": 5},
    ),
    axes=AXES,
    channels=SIZE,
    units=SIZE,
)
def test_more_than_dense(student, reference, axes, channels, units):
    """Larger kernels and Flatten before Dense have a weight for each position that they see."""
    spatial, size = [length for length, _ in axes], [min(pair) for pair in axes]
    layers = (
        ("flatten_dense", spatial, channels, units),
        ("conv", spatial, channels, units, size),
    )
    check_counts(student, reference.keras_count, layers)


@check(group="counting", points=4)
@drawn(
    examples=8,
    always=(
        {"axes": [(6, 3)], "channels": 2, "units": 3, "use_bias": False},
        {"axes": [(4, 2), (5, 3)], "channels": 3, "units": 4, "use_bias": True},
        {"axes": [(4, 1), (5, 1)], "channels": 3, "units": 4, "use_bias": True},
    ),
    axes=AXES,
    channels=SIZE,
    units=SIZE,
    use_bias=booleans(),
)
def test_as_torch_counts(student, reference, axes, channels, units, use_bias):
    """PyTorch counts the same, with and without a bias."""
    spatial, size = [length for length, _ in axes], [min(pair) for pair in axes]
    layers = (
        ("dense", spatial, channels, units),
        ("flatten_dense", spatial, channels, units),
        ("conv", spatial, channels, units, size),
    )
    check_counts(student, reference.torch_count, layers, use_bias=use_bias)
