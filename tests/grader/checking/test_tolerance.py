import tracemalloc

import numpy as np
import pytest

from grader.checking.mismatch import Mismatch
from grader.checking.oracle import affine
from grader.checking.recorder import recording
from grader.checking.tolerance import (
    Expected,
    assert_array,
    assert_equal,
    assert_matches,
    bound,
    certain_bound,
    mismatch,
)


def normal_case(terms, dtype=np.float32, offset=0.0, scale=1.0, seed=0):
    rng = np.random.default_rng([seed, terms])
    x = (rng.standard_normal((32, terms)) * scale + offset).astype(dtype)
    w = (rng.standard_normal((terms, 16)) / np.sqrt(terms)).astype(dtype)
    b = rng.standard_normal(16).astype(dtype)
    return x, w, b


def sequential(x, w, b):
    total = np.zeros((x.shape[0], w.shape[1]), x.dtype)
    for k in range(x.shape[1]):
        total += x[:, k, None] * w[k]
    return total + b


HONEST = {
    "matmul": lambda x, w, b: x @ w + b,
    "einsum": lambda x, w, b: np.einsum("nk,ko->no", x, w) + b,
    "products": lambda x, w, b: (x[:, :, None] * w).sum(axis=1) + b,
    "sequential": sequential,
    "bias first, backwards": lambda x, w, b: sequential(x[:, ::-1], w[::-1], b * 0) + b,
    "through float64": lambda x, w, b: (x.astype("f8") @ w.astype("f8") + b).astype(x.dtype),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("terms", [1, 2, 17, 64, 1024, 4096])
@pytest.mark.parametrize("honest", HONEST)
@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1.0), (1e3, 1.0), (0.0, 1e-6)])
def test_every_honest_order_of_summation_passes(honest, terms, dtype, offset, scale):
    x, w, b = normal_case(terms, dtype, offset, scale)
    with recording() as recorded:
        assert_matches(actual=HONEST[honest](x, w, b), expected=affine(x, w, b))
    assert recorded.metrics["worst_error_over_bound"] < 0.9


@pytest.mark.parametrize("terms", [1, 17, 1024, 4096])
def test_one_slightly_wrong_element_never_passes(terms):
    x, w, b = normal_case(terms)
    expected = affine(x, w, b)
    candidates = np.argwhere(np.abs(expected.value) > expected.spread / 4)
    for row, column in candidates[:: max(1, len(candidates) // 50)]:
        actual = (x @ w + b).copy()
        actual[row, column] *= 1.001
        found = mismatch(actual, expected)
        assert found is not None
        assert found.counterexample["index"] == [row, column]
        assert found.counterexample["wrong"] == 1


@pytest.mark.parametrize("terms", [3, 64, 4096])
def test_float16_may_be_summed_in_float16(terms):
    x, w, b = normal_case(terms, np.float16)
    for compute in (HONEST["matmul"], HONEST["sequential"]):
        assert_matches(actual=compute(x, w, b), expected=affine(x, w, b))


def test_no_certain_bound_exists_for_float16_sums_of_2048_terms():
    x, w, b = normal_case(2048, np.float16)
    assert np.isinf(certain_bound(affine(x, w, b))).all()
    assert np.isfinite(bound(affine(x, w, b))).all()


def test_provably_wrong_and_merely_inaccurate_are_told_apart():
    x, w, b = normal_case(256)
    expected = affine(x, w, b)
    low = (x.astype(np.float16) @ w.astype(np.float16) + b).astype(np.float32)
    between = (expected.value + 2 * bound(expected)).astype(np.float32)
    inaccurate, wrong = mismatch(between, expected), mismatch(low + 1, expected)
    assert inaccurate is not None
    assert wrong is not None
    assert "less accurate than a plain sum" in inaccurate.message
    assert "provably wrong" in wrong.message


def test_exact_data_must_match_to_the_last_bit():
    expected = np.array([1.0, 2.0, 3.0], np.float32)
    assert_matches(actual=expected.copy(), expected=expected)
    with recording() as recorded:
        found = mismatch(np.nextafter(expected, np.float32(9)), expected, "y")
    assert found is not None
    assert "3 of 3 elements" in found.message
    assert recorded.metrics["worst_error_over_bound"] == np.inf


def test_negative_zero_is_zero():
    assert_matches(actual=np.array([-0.0]), expected=np.array([0.0]))


def test_unexpected_nan_and_infinity_are_counted_and_placed():
    actual = np.ones((2, 3), np.float32)
    actual[0, 2], actual[1, 1] = np.nan, np.inf
    found = mismatch(actual, np.ones((2, 3), np.float32))
    assert found is not None
    assert "2 of 6 elements" in found.message
    assert "NaN, at index (0, 2)" in found.message


def test_expected_nan_and_infinity_must_be_there():
    expected = np.array([np.nan, np.inf, 1.0], np.float32)
    assert mismatch(expected.copy(), expected) is None
    assert mismatch(np.array([1.0, np.inf, 1.0], np.float32), expected) is not None
    assert mismatch(np.array([np.nan, -np.inf, 1.0], np.float32), expected) is not None


def test_nan_in_the_inputs_stays_where_it_belongs():
    x, w, b = normal_case(8)
    x[3, 0] = np.nan
    with np.errstate(invalid="ignore"):
        actual = x @ w + b
    assert_matches(actual=actual, expected=affine(x, w, b))
    actual[4] = np.nan
    with pytest.raises(Mismatch, match="Not finite: 16 of 512"):
        assert_matches(actual=actual, expected=affine(x, w, b))


def test_a_constant_factor_is_pointed_out():
    expected = np.arange(12, dtype=np.float32).reshape(3, 4)
    for factor in (2.0, -3.0, 0.25):
        found = mismatch(expected * np.float32(factor), expected)
        assert found is not None
        assert f"Everywhere it is {factor:.4g} times" in found.message
    nothing = mismatch(expected * 0, expected)
    assert nothing is not None
    assert "All of it is zero" in nothing.message


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4)])
def test_empty_results_match(shape):
    with recording() as recorded:
        assert_matches(actual=np.zeros(shape), expected=np.zeros(shape))
    assert recorded.metrics == {"worst_error_over_bound": 0.0}


def test_any_memory_layout_of_the_result_will_do():
    expected = np.arange(24.0).reshape(2, 3, 4)
    assert_matches(actual=np.asfortranarray(expected), expected=expected)
    assert_matches(actual=expected[::-1].copy()[::-1], expected=expected)


def test_integers_and_truth_values_are_compared():
    assert_matches(actual=np.array([True, False]), expected=np.array([True, False]))
    with pytest.raises(Mismatch, match=r"index \(1,\): 5, expected 2"):
        assert_matches(actual=np.array([1, 5]), expected=np.array([1, 2]))


def test_exact_refuses_values_that_the_dtype_cannot_hold():
    assert Expected.exact(np.array([0.5]), np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="no exact float32 form"):
        Expected.exact(np.array([0.1]), np.float32)


def test_arranged_moves_the_bound_with_the_value():
    expected = affine(*normal_case(5))
    moved = expected.arranged(lambda a: a.T)
    assert np.array_equal(bound(moved), bound(expected).T)
    with pytest.raises(Mismatch, match="transposed"):
        assert_matches(actual=expected.value.astype(np.float32), expected=moved)


def test_a_large_comparison_needs_little_memory():
    big = np.ones(1 << 23, np.float32)
    expected = Expected.exact(big)
    actual = big.copy()
    tracemalloc.start()
    assert_matches(actual=actual, expected=expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes


def test_assert_array_returns_what_it_has_checked():
    array = np.ones((2, 3), np.float32)
    assert assert_array(actual=array, shape=(2, 3), dtype="float32", name="x") is array
    with pytest.raises(Mismatch, match="Wrong dtype"):
        assert_array(actual=array, shape=(2, 3), dtype="float64", name="x")
    with pytest.raises(Mismatch, match="Not finite"):
        assert_array(actual=array * np.nan, shape=(2, 3), dtype="float32", name="x")


@pytest.mark.parametrize("actual", [12, np.int64(12), np.array(12)])
def test_whole_numbers_are_equal_in_any_form(actual):
    assert_equal(actual=actual, expected=12, name="count_params()")


@pytest.mark.parametrize("actual", [13, 12.0, None, True, np.array([12]), "12", np.ones(10**6)])
def test_anything_else_is_another_number(actual):
    with pytest.raises(Mismatch, match=r"Wrong value of count_params\(\)") as caught:
        assert_equal(actual=actual, expected=12, name="count_params()")
    assert len(caught.value.message) < 200


def test_none_and_truth_values_equal_only_themselves():
    assert_equal(actual=None, expected=None, name="bias")
    assert_equal(actual=np.True_, expected=True, name="flag")
    for actual, expected in ((0, None), (np.zeros(3), None), (1, True), (0, False)):
        with pytest.raises(Mismatch):
            assert_equal(actual=actual, expected=expected, name="bias")
