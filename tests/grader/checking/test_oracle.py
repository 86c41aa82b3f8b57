import numpy as np
import pytest

from grader.checking.oracle import (
    affine,
    affine_gradients,
    exact_affine,
    exact_affine_gradients,
    total,
    whole_numbers,
)
from grader.checking.tolerance import assert_matches, bound


def test_whole_numbers_are_small_whole_and_of_the_dtype():
    drawn = whole_numbers(np.random.default_rng(0), 40, 50, dtype=np.float64, limit=2)
    assert drawn.shape == (40, 50)
    assert drawn.dtype == np.float64
    assert set(np.unique(drawn)) == {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_affine_is_the_product_plus_bias():
    rng = np.random.default_rng(1)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 3, 4), (4, 5), (5,)))
    expected = affine(x, w, b)
    assert np.allclose(expected.value, np.einsum("abi,io->abo", x, w) + b, rtol=1e-14)
    assert expected.terms == 5
    assert affine(x, w).terms == 4
    magnitude = np.einsum("abi,io->abo", np.abs(x), np.abs(w)) + np.abs(b)
    assert np.allclose(expected.magnitude, magnitude)


def test_the_inputs_count_as_they_are_rounded():
    x, w = np.array([[0.1]], np.float32), np.array([[1.0]], np.float32)
    assert affine(x, w).value[0, 0] == float(np.float32(0.1))


@pytest.mark.parametrize(("dtype", "limit"), [("float16", 2**11), ("float32", 2**24)])
def test_whole_number_data_are_exact_as_long_as_every_partial_sum_fits(dtype, limit):
    w = np.ones((2, 1), dtype)
    below = np.array([[limit // 2, limit // 2 - 1]]).astype(dtype)
    at = np.array([[limit // 2, limit // 2]]).astype(dtype)
    assert affine(below, w).is_exact
    assert not affine(at, w).is_exact
    assert not affine(below + np.array(0.5, dtype), w / 2).is_exact


def test_exact_data_have_the_same_bits_in_any_order():
    rng = np.random.default_rng(2)
    x, w, b = whole_numbers(rng, 8, 4096), whole_numbers(rng, 4096, 3), whole_numbers(rng, 3)
    expected = affine(x, w, b)
    assert not bound(expected).any()
    order = rng.permutation(4096)
    for actual in (x @ w + b, x[:, order] @ w[order] + b, np.einsum("nk,ko->no", x, w) + b):
        assert_matches(actual=actual, expected=expected)


def test_gradients_are_those_of_the_sum_and_have_the_dtype_of_what_they_belong_to():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    w = rng.standard_normal((4, 5))
    dy = rng.standard_normal((2, 3, 5)).astype(np.float32)
    gradients = affine_gradients(x, w, dy)
    dy64, x64 = dy.astype(np.float64), x.astype(np.float64)
    assert np.allclose(gradients["x"].value, dy64 @ w.T)
    assert np.allclose(gradients["kernel"].value, np.einsum("abi,abo->io", x64, dy64))
    assert np.allclose(gradients["bias"].value, dy64.sum(axis=(0, 1)))
    dtypes = {name: gradient.dtype for name, gradient in gradients.items()}
    assert dtypes == {"x": np.float32, "kernel": np.float64, "bias": np.float64}
    assert {name: gradient.terms for name, gradient in gradients.items()} == {
        "x": 5,
        "kernel": 6,
        "bias": 6,
    }
    assert "bias" not in affine_gradients(x, w, dy, use_bias=False)


def test_empty_batches_have_zero_gradients():
    gradients = affine_gradients(np.zeros((0, 2, 3)), np.ones((3, 4)), np.zeros((0, 2, 4)))
    assert gradients["x"].value.shape == (0, 2, 3)
    assert not gradients["kernel"].value.any()
    assert not total(np.zeros((0, 4))).value.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("leading", [(7,), (2, 3), (2, 3, 4), (0,), (2, 0)])
def test_exact_results_are_those_of_the_oracle_in_the_datas_own_dtype(dtype, leading):
    rng = np.random.default_rng(4)
    x, dy = (whole_numbers(rng, *leading, size, dtype=dtype, limit=50) for size in (5, 6))
    w, b = (whole_numbers(rng, *shape, dtype=dtype, limit=50) for shape in ((5, 6), (6,)))
    oracle = affine_gradients(x, w, dy)
    pairs = [
        (exact_affine(x, w, b), affine(x, w, b)),
        (exact_affine(x, w), affine(x, w)),
        *zip(exact_affine_gradients(x, w, dy), oracle.values(), strict=True),
    ]
    for actual, expected in pairs:
        assert actual.dtype == dtype
        assert np.array_equal(actual, expected.value)
        assert actual.shape == expected.value.shape


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 2**24), ("float64", 2**53)])
def test_sums_that_could_be_rounded_are_refused(dtype, limit):
    def ones(*shape):
        return np.ones(shape, dtype)

    largest = np.full((1, 1), limit - 1, dtype)
    assert exact_affine(largest, ones(1, 1))[0, 0] == limit - 1
    for x, w, b in (
        (largest, ones(1, 1), ones(1)),
        (largest, -ones(1, 1), -ones(1)),
        (np.full((1, 2), limit // 2, dtype), ones(2, 1), None),
    ):
        with pytest.raises(ValueError, match="not exact"):
            exact_affine(x, w, b)


def test_gradients_that_could_be_rounded_are_refused():
    half = 2.0**23
    one = np.ones((1, 1), np.float32)
    pair = np.ones((2, 1), np.float32)
    exact_affine_gradients((half - 1) * pair, one, pair)
    for x, w, dy in (
        (half * pair, one, pair),
        (one, np.full((1, 2), half, np.float32), np.ones((1, 2), np.float32)),
        (0 * pair, 0 * one, half * pair),  # of the bias alone
    ):
        with pytest.raises(ValueError, match="not exact"):
            exact_affine_gradients(x, w, dy)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_data_that_are_not_whole_are_refused(value):
    ones = np.ones((2, 2), np.float32)
    spoilt = ones.copy()
    spoilt[1, 0] = value
    for x, w, b in ((spoilt, ones, None), (ones, spoilt, None), (ones, ones, spoilt[1])):
        with pytest.raises(ValueError, match="not exact"):
            exact_affine(x, w, b)


def test_exact_results_need_floats_of_one_dtype():
    ones = np.ones((2, 2), np.float32)
    for x, w in ((ones.astype(int), ones.astype(int)), (ones, ones.astype(np.float64))):
        with pytest.raises(ValueError, match="floats of one dtype"):
            exact_affine(x, w)
