from hypothesis.strategies import booleans, integers, lists, sampled_from
from shapes import BIASED, CONVOLUTIONS, DENSE, FORMATS, STRIDED

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


@check(group="gradients", points=4)
@drawn(
    examples=8,
    always=DENSE,
    leading=lists(integers(1, 4), min_size=1, max_size=3),
    inputs=integers(1, 5),
    units=integers(1, 5),
    use_bias=booleans(),
)
def test_dense(student, reference, rng, leading, inputs, units, use_bias):
    """Dense: dx, d_kernel and d_bias are right, for inputs of rank 2, 3 and 4."""
    case = reference.dense_case(rng, (*leading, inputs), units, use_bias=use_bias)
    check_case(student.Dense(inputs, units, use_bias=use_bias), case, rng)


@check(group="gradients", points=4)
@drawn(examples=6, rows=integers(40, 200), inputs=integers(40, 60), units=integers(40, 60))
def test_dense_accuracy(student, reference, rng, rows, inputs, units):
    """Dense: gradients are as accurate as plain sums in float32."""
    case = reference.dense_case(rng, (rows, inputs), units, draw=reference.normal)
    check_case(student.Dense(inputs, units), case, rng)


@check(group="gradients", points=4)
@drawn(
    examples=8,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 4),
    filters=integers(1, 4),
    use_bias=booleans(),
)
def test_conv_channels_last(student, reference, rng, batch, spatial, channels, filters, use_bias):
    """Conv1x1 with channels last: dx, d_kernel and d_bias are right."""
    case = reference.conv1x1_case(rng, batch, spatial, channels, filters, use_bias=use_bias)
    layer = student.Conv1x1(channels, filters, rank=len(spatial), use_bias=use_bias)
    check_case(layer, case, rng)


@check(group="gradients", points=4)
@drawn(
    examples=8,
    always=CONVOLUTIONS,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 4),
    filters=integers(1, 4),
)
def test_conv_channels_first(student, reference, rng, batch, spatial, channels, filters):
    """Conv1x1 with channels first: dx, d_kernel and d_bias are right."""
    case = reference.conv1x1_case(
        rng, batch, spatial, channels, filters, data_format="channels_first"
    )
    layer = student.Conv1x1(channels, filters, rank=len(spatial), data_format="channels_first")
    check_case(layer, case, rng)


@check(group="gradients", points=4)
@drawn(
    examples=8,
    always=STRIDED,
    batch=integers(1, 3),
    spatial=lists(integers(2, 7), min_size=1, max_size=3),
    strides=integers(2, 3),
    data_format=sampled_from(FORMATS),
)
def test_conv_strides(student, reference, rng, batch, spatial, strides, data_format):
    """Conv1x1 with strides: dx is zero at the positions that were skipped."""
    case = reference.conv1x1_case(
        rng, batch, spatial, 2, 3, strides=strides, data_format=data_format
    )
    layer = student.Conv1x1(2, 3, rank=len(spatial), strides=strides, data_format=data_format)
    check_case(layer, case, rng)


@check(group="gradients", points=4, visibility="hidden")
@drawn(
    examples=8,
    spatial=lists(integers(2, 8), min_size=2, max_size=3),
    strides=integers(2, 4),
    dtype=sampled_from(("float32", "float64")),
)
def test_more_shapes(student, reference, rng, spatial, strides, dtype):
    """Conv1x1 and Dense: gradients on larger and more irregular inputs."""
    check_case(
        student.Dense(7, 6), reference.dense_case(rng, (5, *spatial, 7), 6, dtype=dtype), rng
    )
    for data_format in FORMATS:
        options = {"strides": strides, "data_format": data_format}
        layer = student.Conv1x1(7, 6, rank=len(spatial), **options)
        case = reference.conv1x1_case(rng, 5, spatial, 7, 6, dtype=dtype, **options)
        check_case(layer, case, rng)
