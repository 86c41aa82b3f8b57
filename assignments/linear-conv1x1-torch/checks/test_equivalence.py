import numpy as np
from hypothesis.strategies import booleans, integers, lists
from layers_of import CONVOLUTIONS, assert_backward, conv, set_parameters
from shapes import BIASED, STRIDED

from grader.checking import assert_equal, assert_matches, check, drawn


def check_same_layer(linear, convolution, on_positions, case):
    """With shared weights both have as many parameters, the same output and the same gradients.

    Both are compared with one oracle: two layers that are wrong in the same way are no good.

    Args:
        linear: The one.
        convolution: The other.
        on_positions: The case of Linear, on what the convolution visits, with the channels last.
        case: The case of the convolution, with the same numbers.
    """
    set_parameters(linear, on_positions)
    set_parameters(convolution, case)
    count = case.weight.size + (0 if case.bias is None else case.bias.size)
    for name, layer in (("Linear", linear), ("the convolution", convolution)):
        assert_equal(actual=layer.count_params(), expected=count, name=f"parameters of {name}")
    output = linear.forward(on_positions.x)
    assert_matches(actual=output, expected=on_positions.output, name="the output of Linear")
    output = convolution.forward(case.x)
    assert_matches(actual=output, expected=case.output, name="the output of the convolution")
    assert_backward(linear, on_positions, linear.backward(on_positions.dy))
    assert_backward(convolution, case, convolution.backward(case.dy))


def both_cases(reference, rng, batch, spatial, channels, outputs, *, stride=1, bias=True):
    """A convolution's case, and that of Linear on the positions that it visits."""
    case = reference.conv_case(rng, batch, spatial, channels, outputs, stride=stride, bias=bias)
    visited = (slice(None), slice(None), *(slice(None, None, stride),) * len(spatial))
    x_last, dy_last = np.moveaxis(case.x[visited], 1, -1), np.moveaxis(case.dy, 1, -1)
    matrix = case.weight.reshape(outputs, channels)
    return reference.linear(x_last, dy_last, matrix, case.bias), case


@check(group="equivalence", points=4)
@drawn(
    examples=5,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    outputs=integers(1, 5),
    bias=booleans(),
)
def test_same_function(student, reference, rng, batch, spatial, channels, outputs, bias):
    """With shared weights, Linear on the last axis is Conv1d, Conv2d and Conv3d."""
    on_positions, case = both_cases(reference, rng, batch, spatial, channels, outputs, bias=bias)
    linear = student.Linear(channels, outputs, bias=bias)
    convolution = conv(student, spatial, channels, outputs, bias=bias)
    check_same_layer(linear, convolution, on_positions, case)


@check(group="equivalence", points=4)
@drawn(
    examples=5,
    always=STRIDED,
    batch=integers(1, 3),
    spatial=lists(integers(2, 6), min_size=1, max_size=3),
    stride=integers(2, 3),
)
def test_stride_is_subsampling(student, reference, rng, batch, spatial, stride):
    """With a stride, a convolution is Linear on every second or third position."""
    on_positions, case = both_cases(reference, rng, batch, spatial, 3, 2, stride=stride)
    linear, convolution = student.Linear(3, 2), conv(student, spatial, 3, 2, stride=stride)
    check_same_layer(linear, convolution, on_positions, case)


@check(group="equivalence", points=4, visibility="hidden")
@drawn(examples=5, length=integers(2, 8), channels=integers(6, 9), outputs=integers(6, 9))
def test_all_ranks(student, reference, rng, length, channels, outputs):
    """One weight in all four layers gives the same numbers, on larger inputs too."""
    for rank in CONVOLUTIONS:
        spatial = (length, *range(2, rank + 1))
        on_positions, case = both_cases(reference, rng, 4, spatial, channels, outputs)
        linear, convolution = (
            student.Linear(channels, outputs),
            conv(student, spatial, channels, outputs),
        )
        check_same_layer(linear, convolution, on_positions, case)
