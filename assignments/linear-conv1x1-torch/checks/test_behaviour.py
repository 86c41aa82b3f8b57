import numpy as np
from hypothesis.strategies import sampled_from
from layers_of import assert_backward, conv, set_parameters

from grader.checking import (
    assert_array,
    assert_matches,
    assert_unchanged,
    check,
    drawn,
    student_raises,
)


def layers_with_cases(student, reference, rng, batch=2, length=5, **options):
    """One Linear, and one Conv2d with a stride, with a case for each."""
    yield student.Linear(3, 4), reference.linear_case(rng, (batch, length, 3), 4, **options)
    yield (
        student.Conv2d(3, 4, stride=2),
        reference.conv_case(rng, batch, (length, 3), 3, 4, stride=2, **options),
    )


@check(group="behaviour", points=3)
def test_dtype_kept(student, reference, rng):
    """float32 in, float32 out; float64 in, float64 out; the same for gradients."""
    for dtype in (np.float32, np.float64):
        for layer, case in layers_with_cases(student, reference, rng, dtype=dtype):
            set_parameters(layer, case)
            output = layer.forward(case.x)
            dx = layer.backward(case.dy)
            results = {
                "the output": (output, case.output),
                "the gradient of x": (dx, case.gradients["x"]),
                "d_weight": (layer.d_weight, case.gradients["weight"]),
                "d_bias": (layer.d_bias, case.gradients["bias"]),
            }
            for name, (result, expected) in results.items():
                assert_array(actual=result, shape=expected.value.shape, dtype=dtype, name=name)


@check(group="behaviour", points=3)
def test_inputs_unchanged(student, reference, rng):
    """Neither x nor dy nor the parameters are changed by forward and backward."""
    for layer, case in layers_with_cases(student, reference, rng):
        set_parameters(layer, case)
        x, dy = student.hold(case.x), student.hold(case.dy)
        layer.forward(x)
        layer.backward(dy)
        assert_unchanged(x, case.x, "x")
        assert_unchanged(dy, case.dy, "dy")
        assert_matches(actual=layer.weight, expected=case.weight, name="the weight afterwards")
        assert_matches(actual=layer.bias, expected=case.bias, name="the bias afterwards")


@check(group="behaviour", points=2)
@drawn(examples=6, view=sampled_from(("transposed", "channels last", "every second")))
def test_views(student, reference, rng, view):
    """Inputs may be views, in whatever order their elements lie in memory."""
    change = {
        "transposed": lambda a: np.ascontiguousarray(a.T).T,
        "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
        "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    }[view]
    for layer, case in layers_with_cases(student, reference, rng):
        set_parameters(layer, case)
        assert_matches(actual=layer.forward(change(case.x)), expected=case.output)
        assert_backward(layer, case, layer.backward(change(case.dy)))


@check(group="behaviour", points=2)
def test_batch_of_one_and_empty(student, reference, rng):
    """A batch of one, a batch of none, and inputs without positions."""
    for batch, length in ((1, 5), (0, 5), (2, 0)):
        for layer, case in layers_with_cases(student, reference, rng, batch, length):
            set_parameters(layer, case)
            assert_matches(actual=layer.forward(case.x), expected=case.output)
            assert_backward(layer, case, layer.backward(case.dy))


@check(group="behaviour", points=2)
def test_repeated_calls(student, reference, rng):
    """Gradients belong to the latest forward and are overwritten by every backward."""
    rounds = zip(*(layers_with_cases(student, reference, rng) for _ in range(3)), strict=True)
    for (layer, first), (_, second), (_, third) in rounds:
        for case in (first, second, third):
            set_parameters(layer, case)
            assert_matches(actual=layer.forward(case.x), expected=case.output)
            assert_backward(layer, case, layer.backward(case.dy))


@check(group="behaviour", points=2)
def test_refusals(student):
    """A wrong number of channels, another kernel size, backward before forward: an exception."""
    layers = {
        "Linear": (student.Linear(3, 4), (2, 5, 3), -1, (2, 5, 4)),
        "Conv1d": (student.Conv1d(3, 4), (2, 3, 5), 1, (2, 4, 5)),
        "Conv2d": (student.Conv2d(3, 4), (2, 3, 5, 6), 1, (2, 4, 5, 6)),
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
    for rank in (1, 2, 3):
        with student_raises(f"a kernel size of 3 for Conv{rank}d"):
            conv(student, (1,) * rank, 3, 4, kernel_size=3)
