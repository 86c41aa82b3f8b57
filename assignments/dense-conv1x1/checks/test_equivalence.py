import numpy as np
from hypothesis.strategies import booleans, integers, lists
from shapes import BIASED, CONVOLUTIONS, FORMATS

from grader.checking import assert_matches, check, check_equivalent, drawn, whole_numbers


def check_dense_is_conv(student, rng, shape, filters, data_format="channels_last", use_bias=True):
    """Compare on an input of this shape, channels last."""
    dense = student.Dense(shape[-1], filters, use_bias=use_bias)
    conv = student.Conv1x1(
        shape[-1], filters, rank=len(shape) - 2, data_format=data_format, use_bias=use_bias
    )
    axis = -1 if data_format == "channels_last" else 1
    check_equivalent(
        dense,
        conv,
        x=whole_numbers(rng, *shape),
        dy=whole_numbers(rng, *shape[:-1], filters),
        to_b=lambda array: np.moveaxis(array, -1, axis),
        rng=rng,
        use_bias=use_bias,
        names=("Dense", f"Conv1x1 ({data_format})"),
    )


@check(group="equivalence", points=4)
@drawn(
    examples=6,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    filters=integers(1, 5),
    use_bias=booleans(),
)
def test_channels_last(student, rng, batch, spatial, channels, filters, use_bias):
    """Dense and Conv1x1 with channels last are the same layer, given the same weights."""
    shape = (batch, *spatial, channels)
    check_dense_is_conv(student, rng, shape, filters, use_bias=use_bias)


@check(group="equivalence", points=4)
@drawn(
    examples=6,
    always=CONVOLUTIONS,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    filters=integers(1, 5),
)
def test_channels_first(student, rng, batch, spatial, channels, filters):
    """Dense and Conv1x1 with channels first are the same layer, but for where channels are."""
    shape = (batch, *spatial, channels)
    check_dense_is_conv(student, rng, shape, filters, data_format="channels_first")


@check(group="equivalence", points=4)
@drawn(
    examples=6,
    always=(
        {"batch": 2, "spatial": [7], "strides": 3},
        {"batch": 2, "spatial": [3, 5, 4], "strides": 2},
    ),
    batch=integers(1, 3),
    spatial=lists(integers(2, 6), min_size=1, max_size=3),
    strides=integers(2, 3),
)
def test_strides(student, reference, rng, batch, spatial, strides):
    """Conv1x1 with strides is Dense on every second or third position."""
    case = reference.conv1x1_case(rng, batch, spatial, 3, 2, strides=strides)
    visited = (slice(None), *(slice(None, None, strides),) * len(spatial))
    dense = student.Dense(3, 2)
    conv = student.Conv1x1(3, 2, rank=len(spatial), strides=strides)
    dense.kernel, dense.bias = case.kernel.reshape(3, 2), case.bias
    conv.kernel, conv.bias = case.kernel, case.bias
    results = {
        "the output of Dense on the visited positions": dense.forward(case.x[visited]),
        "the output of Conv1x1 with strides": conv.forward(case.x),
    }
    for name, output in results.items():
        assert_matches(actual=output, expected=case.output, name=name)


@check(group="equivalence", points=4, visibility="hidden")
@drawn(
    examples=6,
    spatial=lists(integers(1, 8), min_size=1, max_size=3),
    channels=integers(6, 9),
    filters=integers(6, 9),
)
def test_more_shapes(student, rng, spatial, channels, filters):
    """Dense and Conv1x1 are the same layer on larger inputs too."""
    shape = (4, *spatial, channels)
    for data_format in FORMATS:
        check_dense_is_conv(student, rng, shape, filters, data_format=data_format)
