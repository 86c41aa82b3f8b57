"""Is what conv1x1-is-dense believes true? Formulas are set beside its real layers."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from grader.checking.plugin import import_file

FOLDER = Path(__file__).parents[2] / "assignments" / "conv1x1-is-dense"
SPATIAL = [(4,), (2, 3), (2, 3, 2)]

pytestmark = pytest.mark.oracles


@pytest.fixture(scope="module")
def solution():
    return import_file(FOLDER / "reference" / "solution.py", "conv1x1_is_dense_solution")


@pytest.fixture(scope="module")
def oracle(keras):
    assert keras.backend.backend() == "torch"
    return import_file(FOLDER / "reference" / "oracle.py", "conv1x1_is_dense_oracle")


def draw(rng, *shape):
    return rng.integers(-3, 4, shape).astype(float)


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("spatial", SPATIAL)
@pytest.mark.parametrize("source", ["keras_dense", "torch_linear", "keras_conv", "torch_conv"])
def test_each_layer_computes_the_sum_that_the_statement_writes(source, spatial, flatten, oracle):
    rng = np.random.default_rng(1)
    channels, units = 3, 5
    window = spatial if flatten else (1,) * len(spatial)
    kernel = draw(rng, *oracle.kernel_shape(source, window, channels, units))
    x, bias = draw(rng, 2, *spatial, channels), draw(rng, units)
    rows = x
    if flatten:
        first = source.startswith("torch")
        rows = np.moveaxis(x, -1, 1).reshape(2, -1) if first else x.reshape(2, -1)
    matrix = {
        "keras_dense": lambda: kernel,
        "torch_linear": lambda: kernel.T,
        "keras_conv": lambda: kernel.reshape(-1, units),
        "torch_conv": lambda: kernel.reshape(units, -1).T,
    }[source]()
    expected = np.einsum("...i,io->...o", rows, matrix) + bias
    actual = oracle.layer_output(source, kernel, bias, x, flatten=flatten)
    assert np.array_equal(actual, expected)


@pytest.mark.parametrize("target", ["keras_dense", "torch_linear", "keras_conv", "torch_conv"])
@pytest.mark.parametrize("source", ["keras_dense", "torch_linear", "keras_conv", "torch_conv"])
def test_dense_and_conv_are_one_function_and_have_as_many_parameters(
    source, target, solution, oracle
):
    rng = np.random.default_rng(2)
    for spatial in SPATIAL:
        rank = len(spatial)
        kernel = draw(rng, *oracle.kernel_shape(source, (1,) * rank, 4, 3))
        x, bias = draw(rng, 2, *spatial, 4), draw(rng, 3)
        converted = solution.convert_kernel(kernel, source, target, rank)
        assert converted.size == kernel.size
        assert np.array_equal(
            oracle.layer_output(target, converted, bias, x),
            oracle.layer_output(source, kernel, bias, x),
        )


def test_the_experiment_on_a_real_layer_finds_what_the_rule_says(oracle, solution):
    asked = 0
    for length, size, stride in itertools.product((1, 2, 3, 4), (1, 2, 3), (1, 2, 3)):
        for padding in ("valid", "same", 0, 1, 2):
            if size > length:
                continue
            given = ((length,), (size,), (stride,), padding)
            one_to_one = size == 1 and (stride == 1 or length == 1)
            assert oracle.equals_dense(*given) is (one_to_one and padding in ("valid", "same", 0))
            assert solution.equals_dense(*given) is oracle.equals_dense(*given)
            asked += 1
    assert asked > 100


def test_keras_and_torch_count_the_numbers_of_the_statement(oracle):
    for count in (oracle.keras_count, oracle.torch_count):
        assert count("dense", (100,), 2, 3) == count("conv", (100,), 2, 3, (1,)) == 9
        assert count("conv", (100,), 2, 3, (5,)) == 33
        assert count("flatten_dense", (100,), 2, 3) == 603
        assert count("dense", (100,), 2, 3, use_bias=False) == 6


@pytest.mark.parametrize("padding", ["valid", "same", 1])
def test_shapes_follow_the_formulas_of_the_statement(padding, oracle):
    for length, size, stride in itertools.product((3, 5, 8), (1, 2, 3), (1, 2, 3)):
        padded = length + 2 * (padding if isinstance(padding, int) else 0)
        windows = (padded - size) // stride + 1
        if padding == "same":
            windows = math.ceil(length / stride)
        shape = oracle.output_shape((2, length, 4), 6, (size,), (stride,), padding)
        assert tuple(shape) == (2, windows, 6)
