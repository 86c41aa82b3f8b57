import numpy as np
from hypothesis.strategies import sampled_from
from sizes import FORMATS, check_backward, layer_of

from grader.checking import assert_array, assert_matches, assert_unchanged, check, drawn

VIEWS = ("transposed", "reversed", "every second", "Fortran order")


@check(group="behaviour", points=2)
def test_dtype_kept(student, reference, rng):
    """float32 in, float32 out; float64 in, float64 out; the same for gradients."""
    for dtype in (np.float32, np.float64):
        for data_format in FORMATS:
            case = reference.draw_case(rng, (2, 3, 5), 3, 4, data_format=data_format, dtype=dtype)
            layer = layer_of(student, case, data_format)
            layer.kernel, layer.bias = case.kernel, case.bias
            output, dx = layer.forward(case.x), layer.backward(case.dy)
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
    """Neither x nor dy nor the parameters are changed, even where sizes would allow it."""
    for data_format in FORMATS:
        for channels in (3, 4):
            case = reference.draw_case(rng, (2, 3, 5), channels, 4, data_format=data_format)
            layer = layer_of(student, case, data_format)
            layer.kernel, layer.bias = case.kernel, case.bias
            x, dy = student.hold(case.x), student.hold(case.dy)
            layer.forward(x)
            layer.backward(dy)
            assert_unchanged(x, case.x, "x")
            assert_unchanged(dy, case.dy, "dy")
            assert_matches(actual=layer.kernel, expected=case.kernel, name="the kernel afterwards")
            assert_matches(actual=layer.bias, expected=case.bias, name="the bias afterwards")


@check(group="behaviour", points=2)
@drawn(examples=4, always=tuple({"view": each} for each in VIEWS), view=sampled_from(VIEWS))
def test_views(student, reference, rng, view):
    """Inputs may be views in any memory order, and read-only."""
    change = {
        "transposed": lambda a: np.ascontiguousarray(a.T).T,
        "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
        "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        "Fortran order": np.asfortranarray,
    }[view]
    for data_format in FORMATS:
        case = reference.draw_case(rng, (2, 3, 5), 3, 4, data_format=data_format)
        x, dy = change(case.x), change(case.dy)
        x.flags.writeable = dy.flags.writeable = False
        layer = layer_of(student, case, data_format)
        layer.kernel, layer.bias = case.kernel, case.bias
        assert_matches(actual=layer.forward(x), expected=case.output)
        dx = layer.backward(dy)
        assert_matches(actual=dx, expected=case.gradients["x"], name="the gradient of x")
        assert_matches(actual=layer.d_kernel, expected=case.gradients["kernel"], name="d_kernel")
        assert_matches(actual=layer.d_bias, expected=case.gradients["bias"], name="d_bias")


@check(group="behaviour", points=2)
def test_repeated_calls(student, reference, rng):
    """One layer, many calls: other numbers, other parameters, other sizes."""
    for data_format in FORMATS:
        layer = student.Conv1x1(3, 4, data_format=data_format)
        for image in ((2, 3, 5), (2, 3, 5), (4, 5, 2), (1, 2, 2), (2, 3, 5)):
            case = reference.draw_case(rng, image, 3, 4, data_format=data_format)
            check_backward(layer, case)
