from hypothesis.strategies import booleans, integers, lists, sampled_from
from layers_of import conv, set_parameters
from shapes import BIASED, LINEAR, STRIDED

from grader.checking import assert_matches, check, drawn


def check_forward(layer, case):
    """Compare a case's output."""
    set_parameters(layer, case)
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=4)
@drawn(
    examples=8,
    always=LINEAR,
    leading=lists(integers(1, 4), max_size=3),
    inputs=integers(1, 6),
    outputs=integers(1, 6),
    bias=booleans(),
)
def test_linear(student, reference, rng, leading, inputs, outputs, bias):
    """Linear acts on the last axis of inputs with one to four axes."""
    case = reference.linear_case(rng, (*leading, inputs), outputs, bias=bias)
    check_forward(student.Linear(inputs, outputs, bias=bias), case)


@check(group="forward", points=4)
@drawn(examples=8, rows=integers(1, 6), inputs=integers(32, 300), outputs=integers(1, 5))
def test_linear_accuracy(student, reference, rng, rows, inputs, outputs):
    """Linear is as accurate as a plain sum in float32."""
    case = reference.linear_case(rng, (rows, inputs), outputs, draw=reference.normal)
    check_forward(student.Linear(inputs, outputs), case)


@check(group="forward", points=4)
@drawn(
    examples=8,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    outputs=integers(1, 5),
    bias=booleans(),
)
def test_conv(student, reference, rng, batch, spatial, channels, outputs, bias):
    """Conv1d, Conv2d and Conv3d mix the channels at every position."""
    case = reference.conv_case(rng, batch, spatial, channels, outputs, bias=bias)
    check_forward(conv(student, spatial, channels, outputs, bias=bias), case)


@check(group="forward", points=3)
@drawn(
    examples=8,
    always=STRIDED,
    batch=integers(1, 3),
    spatial=lists(integers(2, 7), min_size=1, max_size=3),
    stride=integers(2, 3),
)
def test_conv_stride(student, reference, rng, batch, spatial, stride):
    """The convolutions with stride 2 and 3 compute every second or third position."""
    case = reference.conv_case(rng, batch, spatial, 2, 3, stride=stride)
    check_forward(conv(student, spatial, 2, 3, stride=stride), case)


@check(group="forward", points=3, visibility="hidden")
@drawn(
    examples=6,
    spatial=lists(integers(2, 9), min_size=2, max_size=3),
    stride=integers(2, 4),
    dtype=sampled_from(("float32", "float64")),
)
def test_more_shapes(student, reference, rng, spatial, stride, dtype):
    """Linear and the convolutions on larger inputs, in float32 and float64."""
    case = reference.linear_case(rng, (5, *spatial, 7), 11, dtype=dtype)
    check_forward(student.Linear(7, 11), case)
    case = reference.conv_case(rng, 5, spatial, 7, 11, stride=stride, dtype=dtype)
    check_forward(conv(student, spatial, 7, 11, stride=stride), case)
