from hypothesis.strategies import booleans, integers, lists, sampled_from
from layers_of import conv
from shapes import BIASED, LINEAR, STRIDED

from grader.checking import check, check_gradients, drawn


def check_case(layer, case, rng):
    """Check all gradients of a case."""
    check_gradients(
        layer,
        x=case.x,
        dy=case.dy,
        parameters=case.parameters,
        forward=case.output,
        gradients=case.gradients,
        rng=rng,
    )


@check(group="gradients", points=5)
@drawn(
    examples=6,
    always=LINEAR,
    leading=lists(integers(1, 4), max_size=3),
    inputs=integers(1, 5),
    outputs=integers(1, 5),
    bias=booleans(),
)
def test_linear(student, reference, rng, leading, inputs, outputs, bias):
    """Linear: dx, d_weight and d_bias are right, for inputs with one to four axes."""
    case = reference.linear_case(rng, (*leading, inputs), outputs, bias=bias)
    check_case(student.Linear(inputs, outputs, bias=bias), case, rng)


@check(group="gradients", points=4)
@drawn(examples=5, rows=integers(48, 96), inputs=integers(32, 48), outputs=integers(32, 48))
def test_linear_accuracy(student, reference, rng, rows, inputs, outputs):
    """Linear: gradients are as accurate as plain sums in float32."""
    case = reference.linear_case(rng, (rows, inputs), outputs, draw=reference.normal)
    check_case(student.Linear(inputs, outputs), case, rng)


@check(group="gradients", points=5)
@drawn(
    examples=6,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 4),
    outputs=integers(1, 4),
    bias=booleans(),
)
def test_conv(student, reference, rng, batch, spatial, channels, outputs, bias):
    """Conv1d, Conv2d and Conv3d: dx, d_weight and d_bias are right."""
    case = reference.conv_case(rng, batch, spatial, channels, outputs, bias=bias)
    check_case(conv(student, spatial, channels, outputs, bias=bias), case, rng)


@check(group="gradients", points=4)
@drawn(
    examples=6,
    always=STRIDED,
    batch=integers(1, 3),
    spatial=lists(integers(2, 7), min_size=1, max_size=3),
    stride=integers(2, 3),
)
def test_conv_stride(student, reference, rng, batch, spatial, stride):
    """The convolutions with a stride: dx is zero at the positions that were skipped."""
    case = reference.conv_case(rng, batch, spatial, 2, 3, stride=stride)
    check_case(conv(student, spatial, 2, 3, stride=stride), case, rng)


@check(group="gradients", points=4, visibility="hidden")
@drawn(
    examples=5,
    spatial=lists(integers(2, 7), min_size=2, max_size=3),
    stride=integers(2, 4),
    dtype=sampled_from(("float32", "float64")),
)
def test_more_shapes(student, reference, rng, spatial, stride, dtype):
    """Linear and the convolutions: gradients on larger inputs."""
    case = reference.linear_case(rng, (5, *spatial, 7), 6, dtype=dtype)
    check_case(student.Linear(7, 6), case, rng)
    case = reference.conv_case(rng, 5, spatial, 7, 6, stride=stride, dtype=dtype)
    check_case(conv(student, spatial, 7, 6, stride=stride), case, rng)
