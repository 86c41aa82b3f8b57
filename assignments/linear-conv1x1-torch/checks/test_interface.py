import numpy as np
from layers_of import CONVOLUTIONS, conv, set_parameters

from grader.checking import Mismatch, assert_array, assert_equal, assert_matches, check


@check(group="interface", points=2)
def test_parameters(student):
    """New layers have a float32 weight of the right shape and a float32 bias of zeros."""
    layers = [(student.Linear(3, 5), (5, 3))]
    layers += [(conv(student, (1,) * rank, 3, 5), (5, 3) + (1,) * rank) for rank in CONVOLUTIONS]
    for layer, shape in layers:
        assert_array(actual=layer.weight, shape=shape, dtype=np.float32, name="the weight")
        bias = assert_array(actual=layer.bias, shape=(5,), dtype=np.float32, name="the bias")
        if bias.any():
            raise Mismatch("The bias of a new layer is not zero.")


@check(group="interface", points=2)
def test_initial_weight(student):
    """New weights are random, different in each layer, of mean 0 and neither large nor small."""
    inputs, outputs = 40, 30
    glorot = (2 / (inputs + outputs)) ** 0.5
    for name, shape in (("Linear", (outputs, inputs)), ("Conv1d", (outputs, inputs, 1))):
        first, second = (
            assert_array(
                actual=getattr(student, name)(inputs, outputs).weight,
                shape=shape,
                dtype=np.float32,
                name="the weight",
            )
            for _ in range(2)
        )
        if not first.any():
            raise Mismatch(f"The weight of a new {name} is all zeros.")
        if np.array_equal(first, second):
            raise Mismatch(f"Two new {name} layers have the same weight: is the seed fixed?")
        deviation = float(first.std(dtype=np.float64))
        if not glorot / 5 < deviation < glorot * 5:
            size = "large" if deviation > glorot else "small"
            raise Mismatch(
                f"The weight of a new {name} is too {size}: a standard deviation between a fifth "
                f"and five times that of Glorot's, which is {glorot:.3g} here, passes."
            )
        if abs(float(first.mean(dtype=np.float64))) > deviation / 4:
            raise Mismatch(f"The mean of the weight of a new {name} is not 0.")


@check(group="interface", points=2)
def test_parameter_count(student):
    """count_params() is in * out + out, or in * out without a bias."""
    layers = [student.Linear(3, 5), *(conv(student, (1,) * rank, 3, 5) for rank in CONVOLUTIONS)]
    for layer in layers:
        assert_equal(actual=layer.count_params(), expected=20, name="count_params()")
    for layer in (student.Linear(4, 6, bias=False), student.Conv2d(4, 6, bias=False)):
        assert_equal(actual=layer.count_params(), expected=24, name="count_params() without a bias")


@check(group="interface", points=2)
def test_no_bias(student, reference, rng):
    """With bias=False, bias is None, and d_bias is None after backward."""
    cases = [
        (student.Linear(3, 5, bias=False), reference.linear_case(rng, (2, 3), 5, bias=False)),
        (student.Conv1d(3, 5, bias=False), reference.conv_case(rng, 2, (4,), 3, 5, bias=False)),
    ]
    for layer, case in cases:
        assert_equal(actual=layer.bias, expected=None, name="bias")
        set_parameters(layer, case)
        assert_matches(actual=layer.forward(case.x), expected=case.output)
        layer.backward(case.dy)
        assert_equal(actual=layer.d_bias, expected=None, name="d_bias")
