import numpy as np
from hypothesis.strategies import sampled_from

from grader.checking import (
    assert_array,
    assert_matches,
    assert_unchanged,
    check,
    drawn,
    student_raises,
)

FORMATS = ("channels_last", "channels_first")


def layers_with_cases(student, reference, rng, batch=2, length=5, **options):
    """One Dense, and a strided Conv1x1 of rank 2 in each layout, with a case for each."""
    yield student.Dense(3, 4), reference.dense_case(rng, (batch, length, 3), 4, **options)
    for data_format in FORMATS:
        layer = student.Conv1x1(3, 4, rank=2, strides=2, data_format=data_format)
        yield (
            layer,
            reference.conv1x1_case(
                rng, batch, (length, 3), 3, 4, strides=2, data_format=data_format, **options
            ),
        )


def assert_backward(layer, case, dx):
    """Compare what backward returned and what it left in the attributes."""
    assert_matches(actual=dx, expected=case.gradients["x"], name="the gradient of x")
    assert_matches(actual=layer.d_kernel, expected=case.gradients["kernel"], name="d_kernel")
    assert_matches(actual=layer.d_bias, expected=case.gradients["bias"], name="d_bias")


@check(group="behaviour", points=2)
def test_dtype_kept(student, reference, rng):
    """float32 in, float32 out; float64 in, float64 out; the same for gradients."""
    for dtype in (np.float32, np.float64):
        for layer, case in layers_with_cases(student, reference, rng, dtype=dtype):
            layer.kernel, layer.bias = case.kernel, case.bias
            output = layer.forward(case.x)
            dx = layer.backward(case.dy)
            results = {
                "the output": (output, case.output),
                "the gradient of x": (dx, case.gradients["x"]),
                "d_kernel": (layer.d_kernel, case.gradients["kernel"]),
                "d_bias": (layer.d_bias, case.gradients["bias"]),
            }
            for name, (result, expected) in results.items():
                assert_array(actual=result, shape=expected.value.shape, dtype=dtype, name=name)


@check(group="behaviour", points=2)
def test_inputs_unchanged(student, reference, rng):
    """Neither x nor dy nor the parameters are changed by forward and backward."""
    for layer, case in layers_with_cases(student, reference, rng):
        layer.kernel, layer.bias = case.kernel, case.bias
        x, dy = student.hold(case.x), student.hold(case.dy)
        layer.forward(x)
        layer.backward(dy)
        assert_unchanged(x, case.x, "x")
        assert_unchanged(dy, case.dy, "dy")
        assert_matches(actual=layer.kernel, expected=case.kernel, name="the kernel afterwards")
        assert_matches(actual=layer.bias, expected=case.bias, name="the bias afterwards")


@check(group="behaviour", points=2)
@drawn(examples=8, view=sampled_from(("transposed", "reversed", "every second", "Fortran order")))
def test_views(student, reference, rng, view):
    """Inputs may be views in any memory order, and read-only."""
    change = {
        "transposed": lambda a: np.ascontiguousarray(a.T).T,
        "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
        "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        "Fortran order": np.asfortranarray,
    }[view]
    for layer, case in layers_with_cases(student, reference, rng):
        layer.kernel, layer.bias = case.kernel, case.bias
        x, dy = change(case.x), change(case.dy)
        x.flags.writeable = dy.flags.writeable = False
        assert_matches(actual=layer.forward(x), expected=case.output)
        assert_backward(layer, case, layer.backward(dy))


@check(group="behaviour", points=2)
def test_batch_of_one_and_empty(student, reference, rng):
    """A batch of one, a batch of none, and inputs without positions."""
    for batch, length in ((1, 5), (0, 5), (2, 0)):
        for layer, case in layers_with_cases(student, reference, rng, batch, length):
            layer.kernel, layer.bias = case.kernel, case.bias
            assert_matches(actual=layer.forward(case.x), expected=case.output)
            assert_backward(layer, case, layer.backward(case.dy))


@check(group="behaviour", points=2)
def test_repeated_calls(student, reference, rng):
    """Gradients belong to the latest forward and are overwritten by every backward."""
    rounds = zip(*(layers_with_cases(student, reference, rng) for _ in range(3)), strict=True)
    for (layer, first), (_, second), (_, third) in rounds:
        for case in (first, second, third):
            layer.kernel, layer.bias = case.kernel, case.bias
            assert_matches(actual=layer.forward(case.x), expected=case.output)
            assert_backward(layer, case, layer.backward(case.dy))


@check(group="behaviour", points=2)
def test_refusals(student):
    """A wrong number of channels, and backward before forward, raise an exception."""
    layers = {
        "Dense": (student.Dense(3, 4), (2, 5, 3), -1, (2, 5, 4)),
        "Conv1x1": (student.Conv1x1(3, 4), (2, 5, 6, 3), -1, (2, 5, 6, 4)),
        "Conv1x1 with channels first": (
            student.Conv1x1(3, 4, data_format="channels_first"),
            (2, 3, 5, 6),
            1,
            (2, 4, 5, 6),
        ),
    }
    for name, (layer, shape, axis, output_shape) in layers.items():
        with student_raises(f"backward before forward of {name}"):
            layer.backward(np.ones(output_shape, np.float32))
        output = layer.forward(np.ones(shape, np.float32))
        assert_array(actual=output, shape=output_shape, dtype=np.float32, name="the output")
        for channels in (1, 2, 4):
            wrong = list(shape)
            wrong[axis] = channels
            with student_raises(f"an input with {channels} instead of 3 channels for {name}"):
                layer.forward(np.ones(wrong, np.float32))
