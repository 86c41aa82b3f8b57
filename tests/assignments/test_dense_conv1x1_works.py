"""Is what is timed exact, wide enough to show a lower precision, and cheap to draw?"""

import numpy as np
import pytest

from grader.checking import Work, affine, affine_gradients

MAKERS = ("dense_work", "conv1x1_work")
SIZES = [(512, 512), (96, 1536), (1080, 64), (32, 32)]
CALLS = ("forward", "backward")
LOWER = {"float16": 10, "bfloat16": 7, "tf32": 10}
"""Binary digits behind the point."""


def rounded(array, digits):
    """To so many binary digits behind the point, in the array's own dtype."""
    fraction, exponent = np.frexp(array)
    return np.ldexp(np.rint(np.ldexp(fraction, digits + 1)), exponent - digits - 1)


def run(solution, work, spoil=lambda array: array):
    """What a layer gives for this work, each array spoilt on its way in."""
    layer = getattr(solution, work.layer)(*work.arguments, **work.options)
    for name, value in work.parameters.items():
        setattr(layer, name, value if name == "bias" else spoil(value))
    for method, array in work.before:
        getattr(layer, method)(spoil(array))
    returned = getattr(layer, work.call)(spoil(work.given))
    return {"": returned, **{name: getattr(layer, name) for name in work.attributes}}


def wanted(work):
    return {"": work.expected, **work.attributes}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_work_is_what_the_solution_computes_to_the_last_bit(maker, sizes, call, oracle, solution):
    for seed, positions in enumerate((8, 64, 1000)):
        work = getattr(oracle, maker)(np.random.default_rng(seed), positions, *sizes, call=call)
        assert isinstance(work, Work)
        assert np.prod(work.given.shape[:-1]) == positions
        assert work.given.dtype == work.expected.dtype == np.float32
        actual = run(solution, work)
        for name, expected in wanted(work).items():
            assert actual[name].shape == expected.shape
            assert np.array_equal(actual[name], expected), name


@pytest.mark.parametrize("maker", MAKERS)
def test_a_work_is_what_the_oracle_of_the_other_checks_says(maker, oracle):
    rng = np.random.default_rng(5)
    work = getattr(oracle, maker)(rng, 64, 30, 20, call="forward")
    matrix = work.parameters["kernel"].reshape(30, 20)
    expected = affine(work.given, matrix, work.parameters["bias"])
    assert np.array_equal(work.expected, expected.value)
    work = getattr(oracle, maker)(rng, 64, 30, 20, call="backward")
    matrix, ((_, x),) = work.parameters["kernel"].reshape(30, 20), work.before
    gradients = affine_gradients(x, matrix, work.given)
    assert np.array_equal(work.expected, gradients["x"].value)
    assert np.array_equal(work.attributes["d_kernel"].reshape(30, 20), gradients["kernel"].value)
    assert np.array_equal(work.attributes["d_bias"], gradients["bias"].value)


@pytest.mark.parametrize("precision", LOWER)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("maker", MAKERS)
def test_operands_of_a_lower_precision_show_in_every_result(
    maker, call, precision, oracle, solution
):
    for seed in range(4):
        work = getattr(oracle, maker)(np.random.default_rng(seed), 512, 96, 128, call=call)
        actual = run(solution, work, lambda array: rounded(array, LOWER[precision]))
        for name, expected in wanted(work).items():
            if name != "d_bias":  # the sum of signs alone
                assert not np.array_equal(actual[name], expected), name


@pytest.mark.parametrize("call", CALLS)
def test_every_work_has_other_numbers(call, oracle):
    rng = np.random.default_rng(6)
    first, second = (oracle.dense_work(rng, 64, 16, 16, call=call) for _ in range(2))
    assert not np.array_equal(first.given, second.given)
    assert not np.array_equal(first.parameters["kernel"], second.parameters["kernel"])
    assert not np.array_equal(first.expected, second.expected)


@pytest.mark.parametrize("call", CALLS)
def test_the_sizes_of_the_checks_stay_exact_for_many_positions(call, oracle):
    rng = np.random.default_rng(7)
    for inputs, units in ((545, 545), (102, 1632), (1090, 68)):
        oracle.dense_work(rng, 8192, inputs, units, call=call)  # refuses what could be rounded
