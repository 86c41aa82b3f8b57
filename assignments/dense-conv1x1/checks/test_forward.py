from hypothesis.strategies import booleans, integers, lists, sampled_from
from shapes import BIASED, DENSE, FORMATS, STRIDED

from grader.checking import assert_matches, check, drawn


@check(group="forward", points=4)
@drawn(
    examples=8,
    always=DENSE,
    leading=lists(integers(1, 4), min_size=1, max_size=3),
    inputs=integers(1, 6),
    units=integers(1, 6),
    use_bias=booleans(),
)
def test_dense(student, reference, rng, leading, inputs, units, use_bias):
    """Dense acts on the last axis of inputs of rank 2, 3 and 4."""
    case = reference.dense_case(rng, (*leading, inputs), units, use_bias=use_bias)
    layer = student.Dense(inputs, units, use_bias=use_bias)
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=4)
@drawn(examples=8, rows=integers(1, 6), inputs=integers(40, 300), units=integers(1, 5))
def test_dense_accuracy(student, reference, rng, rows, inputs, units):
    """Dense is as accurate as a plain sum in float32."""
    case = reference.dense_case(rng, (rows, inputs), units, draw=reference.normal)
    layer = student.Dense(inputs, units)
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=3)
@drawn(
    examples=8,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    filters=integers(1, 5),
    use_bias=booleans(),
)
def test_conv_channels_last(student, reference, rng, batch, spatial, channels, filters, use_bias):
    """Conv1x1 with channels last, of rank 1, 2 and 3."""
    case = reference.conv1x1_case(rng, batch, spatial, channels, filters, use_bias=use_bias)
    layer = student.Conv1x1(channels, filters, rank=len(spatial), use_bias=use_bias)
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=3)
@drawn(
    examples=8,
    always=BIASED,
    batch=integers(1, 3),
    spatial=lists(integers(1, 4), min_size=1, max_size=3),
    channels=integers(1, 5),
    filters=integers(1, 5),
    use_bias=booleans(),
)
def test_conv_channels_first(student, reference, rng, batch, spatial, channels, filters, use_bias):
    """Conv1x1 with channels first, of rank 1, 2 and 3."""
    case = reference.conv1x1_case(
        rng, batch, spatial, channels, filters, use_bias=use_bias, data_format="channels_first"
    )
    layer = student.Conv1x1(
        channels, filters, rank=len(spatial), data_format="channels_first", use_bias=use_bias
    )
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=3)
@drawn(
    examples=8,
    always=STRIDED,
    batch=integers(1, 3),
    spatial=lists(integers(2, 7), min_size=1, max_size=3),
    strides=integers(2, 3),
    data_format=sampled_from(FORMATS),
)
def test_conv_strides(student, reference, rng, batch, spatial, strides, data_format):
    """Conv1x1 with strides 2 and 3 computes every second or third position."""
    case = reference.conv1x1_case(
        rng, batch, spatial, 2, 3, strides=strides, data_format=data_format
    )
    layer = student.Conv1x1(2, 3, rank=len(spatial), strides=strides, data_format=data_format)
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


@check(group="forward", points=3, visibility="hidden")
@drawn(
    examples=8,
    spatial=lists(integers(2, 9), min_size=2, max_size=3),
    strides=integers(2, 4),
    dtype=sampled_from(("float32", "float64")),
)
def test_more_shapes(student, reference, rng, spatial, strides, dtype):
    """Conv1x1 and Dense on larger and more irregular inputs, in float32 and float64."""
    cases = [(student.Dense(7, 11), reference.dense_case(rng, (5, *spatial, 7), 11, dtype=dtype))]
    for data_format in FORMATS:
        options = {"strides": strides, "data_format": data_format}
        layer = student.Conv1x1(7, 11, rank=len(spatial), **options)
        cases.append(
            (layer, reference.conv1x1_case(rng, 5, spatial, 7, 11, dtype=dtype, **options))
        )
    for layer, case in cases:
        layer.kernel, layer.bias = case.kernel, case.bias
        assert_matches(actual=layer.forward(case.x), expected=case.output)
