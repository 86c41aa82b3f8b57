"""Right answers in float64 for layers that are sums of products.

Give the inputs as the student gets them (already rounded to their dtype). Every function returns
an `Expected`, which also knows how much rounding is fair. Where all inputs are whole numbers, so
small that every partial sum is a number of the dtype, any order of summation gives the same bits:
there the bound is zero, and a single wrong element cannot hide. `whole_numbers` draws such data.

`exact_affine` and `exact_affine_gradients` are for data that are so by construction, and for large
arrays: they compute in the arrays' own dtype, as fast as the machine can, and refuse other data.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from grader.checking.tolerance import Expected


def whole_numbers(
    rng: np.random.Generator,
    *shape: int,
    dtype: DTypeLike = np.float32,
    limit: int = 3,
) -> NDArray[Any]:
    """Draw whole numbers from -limit to limit, as floats of `dtype`."""
    return rng.integers(-limit, limit + 1, size=shape).astype(dtype)


def affine(
    x: NDArray[Any],
    w: NDArray[Any],
    b: NDArray[Any] | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Expected:
    """Expect `x @ w + b`, of shape (..., O).

    Args:
        x: Shape (..., K).
        w: Shape (K, O).
        b: Shape (O,), or None for no bias.
        dtype: Of the result; None for that of `x`.
    """
    x64, w64 = x.astype(np.float64), w.astype(np.float64)
    b64 = np.zeros(w.shape[-1]) if b is None else b.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = Expected(
            value=x64 @ w64 + b64,
            terms=w.shape[0] + (b is not None),
            magnitude=np.abs(x64) @ np.abs(w64) + np.abs(b64),
            spread=np.sqrt(np.square(x64) @ np.square(w64) + np.square(b64)),
            dtype=np.dtype(dtype if dtype is not None else x.dtype),
        )
    return _exact_where_certain(expected, x64, w64, b64)


def total(g: NDArray[Any], *, dtype: DTypeLike | None = None) -> Expected:
    """Expect the sum of `g` over all axes but the last, of shape (O,)."""
    rows = g.reshape(int(np.prod(g.shape[:-1])), g.shape[-1]).astype(np.float64)
    expected = Expected(
        value=rows.sum(axis=0),
        terms=max(rows.shape[0], 1),
        magnitude=np.abs(rows).sum(axis=0),
        spread=np.sqrt(np.square(rows).sum(axis=0)),
        dtype=np.dtype(dtype if dtype is not None else g.dtype),
    )
    return _exact_where_certain(expected, rows)


def affine_gradients(
    x: NDArray[Any], w: NDArray[Any], dy: NDArray[Any], *, use_bias: bool = True
) -> dict[str, Expected]:
    """Expect the gradients of `sum(dy * (x @ w + b))`.

    Args:
        x: Shape (..., K).
        w: Shape (K, O).
        dy: Shape (..., O).
        use_bias: Whether there is a bias.

    Returns:
        `x`: dy @ w.T, of the shape of x; `kernel`: summed over all positions, of the shape of w;
        and with a bias `bias`: of shape (O,). Each in the dtype of what it is the gradient of.
    """
    positions = int(np.prod(x.shape[:-1]))
    rows = x.reshape(positions, x.shape[-1])
    gradients = {
        "x": affine(dy, w.T, dtype=x.dtype),
        "kernel": affine(rows.T, dy.reshape(positions, dy.shape[-1]), dtype=w.dtype),
    }
    if use_bias:
        gradients["bias"] = total(dy, dtype=w.dtype)
    return gradients


def exact_affine(x: NDArray[Any], w: NDArray[Any], b: NDArray[Any] | None = None) -> NDArray[Any]:
    """Compute `x @ w + b`, to the last bit.

    Args:
        x: Whole numbers of shape (..., K), float32 or float64.
        w: The same of shape (K, O).
        b: The same of shape (O,), or None for no bias.

    Raises:
        ValueError: Some order of summation could be rounded.
    """
    _require_exact(w.shape[0], x, w, b)
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    product = rows @ w
    if b is not None:
        product += b
    result: NDArray[Any] = product.reshape(*x.shape[:-1], w.shape[1])
    return result


def exact_affine_gradients(
    x: NDArray[Any], w: NDArray[Any], dy: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Compute the gradients of `sum(dy * (x @ w + b))` by x, w and b, to the last bit.

    Args:
        x: Whole numbers of shape (..., K), float32 or float64.
        w: The same of shape (K, O).
        dy: The same of shape (..., O).

    Raises:
        ValueError: Some order of summation could be rounded.
    """
    positions = math.prod(x.shape[:-1])
    _require_exact(w.shape[1], dy, w)
    _require_exact(positions, x, dy)
    _require_exact(positions, dy, np.ones(1, dy.dtype))
    rows, dy_rows = x.reshape(positions, x.shape[-1]), dy.reshape(positions, dy.shape[-1])
    return (dy_rows @ w.T).reshape(x.shape), rows.T @ dy_rows, dy_rows.sum(axis=0)


def _require_exact(
    count: int, a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None
) -> None:
    """Refuse data of which a sum of `count` products of a and b, plus c, could be rounded."""
    arrays = [a, b] if c is None else [a, b, c]
    dtype = a.dtype
    if dtype.kind != "f" or any(array.dtype != dtype for array in arrays):
        names = ", ".join(str(array.dtype) for array in arrays)
        raise ValueError(f"These sums are not exact: floats of one dtype are needed, not {names}.")
    if any(not np.array_equal(array, np.rint(array)) for array in arrays):  # no NaN equals itself
        raise ValueError("These sums are not exact: some numbers are not whole.")
    largest = [_largest(array) for array in arrays]
    total = count * largest[0] * largest[1] + sum(largest[2:])
    if not total < 2.0 ** (np.finfo(dtype).nmant + 1):
        raise ValueError(f"These sums are not exact in {dtype}: they may reach {total:.3g}.")


def _largest(array: NDArray[Any]) -> float:
    return max(float(array.max()), -float(array.min())) if array.size else 0.0


def _exact_where_certain(expected: Expected, *inputs: NDArray[np.float64]) -> Expected:
    """Bound zero, if no partial sum in any order can be rounded."""
    if expected.dtype.kind != "f" or not all(_is_whole(array) for array in inputs):
        return expected
    largest_sum = 2.0 ** (np.finfo(expected.dtype).nmant + 1)
    if np.any(expected.magnitude >= largest_sum):
        return expected
    return replace(expected, terms=0)


def _is_whole(array: NDArray[np.float64]) -> bool:
    return bool(np.all(np.isfinite(array)) and np.all(np.rint(array) == array))
