"""What several checks need of the four layers."""

from grader.checking import assert_matches

CONVOLUTIONS = {1: "Conv1d", 2: "Conv2d", 3: "Conv3d"}
"""Names of the exports by the number of spatial axes."""


def conv(student, spatial, channels, outputs, **options):
    """A new convolution for inputs with these lengths."""
    return getattr(student, CONVOLUTIONS[len(spatial)])(channels, outputs, **options)


def set_parameters(layer, case):
    """Give a layer a case's weight and bias."""
    layer.weight, layer.bias = case.weight, case.bias


def assert_backward(layer, case, dx):
    """Compare what backward returned and what it left in the attributes."""
    assert_matches(actual=dx, expected=case.gradients["x"], name="the gradient of x")
    assert_matches(actual=layer.d_weight, expected=case.gradients["weight"], name="d_weight")
    if case.bias is not None:
        assert_matches(actual=layer.d_bias, expected=case.gradients["bias"], name="d_bias")
