import numpy as np

from grader.checking import Mismatch, assert_array, assert_equal, assert_matches, check

RANKS = (1, 2, 3)


@check(group="interface", points=2)
def test_parameters(student):
    """New layers have a float32 kernel of the right shape and a float32 bias of zeros."""
    layers = [(student.Dense(3, 5), (3, 5))]
    layers += [(student.Conv1x1(3, 5, rank=rank), (1,) * rank + (3, 5)) for rank in RANKS]
    for layer, shape in layers:
        assert_array(actual=layer.kernel, shape=shape, dtype=np.float32, name="the kernel")
        bias = assert_array(actual=layer.bias, shape=(5,), dtype=np.float32, name="the bias")
        if bias.any():
            raise Mismatch("The bias of a new layer is not zero.")


@check(group="interface", points=2)
def test_initial_kernel(student):
    """New kernels are random, different in each layer, of mean 0 and of Glorot's size."""
    inputs, outputs = 40, 30
    glorot = (2 / (inputs + outputs)) ** 0.5
    constructors = {
        "Dense": lambda: student.Dense(inputs, outputs),
        "Conv1x1": lambda: student.Conv1x1(inputs, outputs, rank=1),
    }
    for name, construct in constructors.items():
        shape = (inputs, outputs) if name == "Dense" else (1, inputs, outputs)
        first, second = (
            assert_array(actual=construct().kernel, shape=shape, dtype=np.float32, name="kernel")
            for _ in range(2)
        )
        if not first.any():
            raise Mismatch(f"The kernel of a new {name} is all zeros.")
        if np.array_equal(first, second):
            raise Mismatch(f"Two new {name} layers have the same kernel: is the seed fixed?")
        deviation = float(first.std(dtype=np.float64))
        if not glorot / 5 < deviation < glorot * 5:
            size = "large" if deviation > glorot else "small"
            raise Mismatch(
                f"The kernel of a new {name} is too {size}: its standard deviation is "
                f"{deviation:.3g}; Glorot's is {glorot:.3g}, and five times more or less passes."
            )
        if abs(float(first.mean(dtype=np.float64))) > deviation / 4:
            raise Mismatch(f"The kernel of a new {name} has the mean {first.mean():.3g}, not 0.")


@check(group="interface", points=2)
def test_parameter_count(student):
    """count_params() is in * out + out, or in * out without a bias."""
    layers = [student.Dense(3, 5), *(student.Conv1x1(3, 5, rank=rank) for rank in RANKS)]
    for layer in layers:
        assert_equal(actual=layer.count_params(), expected=20, name="count_params()")
    bare = [student.Dense(4, 6, use_bias=False), student.Conv1x1(4, 6, use_bias=False)]
    for layer in bare:
        assert_equal(actual=layer.count_params(), expected=24, name="count_params() without a bias")


@check(group="interface", points=2)
def test_no_bias(student, reference, rng):
    """With use_bias=False, bias is None, and d_bias is None after backward."""
    dense = student.Dense(3, 5, use_bias=False)
    conv = student.Conv1x1(3, 5, rank=1, use_bias=False)
    cases = [
        (dense, reference.dense_case(rng, (2, 3), 5, use_bias=False)),
        (conv, reference.conv1x1_case(rng, 2, (4,), 3, 5, use_bias=False)),
    ]
    for layer, case in cases:
        assert_equal(actual=layer.bias, expected=None, name="bias")
        layer.kernel = case.kernel
        assert_matches(actual=layer.forward(case.x), expected=case.output)
        layer.backward(case.dy)
        assert_equal(actual=layer.d_bias, expected=None, name="d_bias")
