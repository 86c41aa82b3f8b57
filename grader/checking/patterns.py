"""What the elements of a wrong result have in common: facts, where no known mistake explains it."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_SIZE = 1 << 20
_MAX_AXES = 5
_Values = NDArray[np.float64]


def common_pattern(actual: NDArray[Any], expected: NDArray[Any]) -> str:
    """A sentence about a wrong result of the right shape, the first that holds; else "".

    Args:
        actual: What the student's code returned.
        expected: Of the same shape.
    """
    if not 2 <= actual.size <= _MAX_SIZE:
        return ""
    if not actual.any():
        return "All of it is zero."
    values, wanted = actual.astype(np.float64), expected.astype(np.float64)
    if not np.isfinite(values).all() or not np.isfinite(wanted).all() or _close(values, wanted):
        return ""
    return (
        _constant_factor(values, wanted)
        or _other_order(values, wanted)
        or _one_place(values, wanted)
        or _offset(values, wanted)
    )


def _constant_factor(values: _Values, wanted: _Values) -> str:
    filled = wanted != 0.0
    if np.count_nonzero(filled) < 2 or values[~filled].any():
        return ""
    ratios = values[filled] / wanted[filled]
    typical = float(np.median(ratios))
    if abs(typical - 1.0) <= 0.01 or not np.allclose(ratios, typical, rtol=1e-3, atol=0.0):
        return ""
    if abs(typical + 1.0) < 1e-3:
        return "Everywhere it has the opposite sign."
    return f"Everywhere it is {typical:.4g} times what is expected{_named(typical, wanted.shape)}."


def _named(factor: float, shape: tuple[int, ...]) -> str:
    """Where a factor comes from, if a single axis has that length."""
    for text, size in (("", factor), ("one over ", 1.0 / factor)):
        axes = [axis for axis, length in enumerate(shape) if length > 1 and _close(length, size)]
        if len(axes) == 1:
            return f": {text}the length of axis {axes[0]}"
    return ""


def _other_order(values: _Values, wanted: _Values) -> str:
    """The right numbers in other places."""
    if np.unique(wanted).size < 2:
        return ""
    for axis in range(values.ndim):
        if values.shape[axis] > 1 and _close(np.flip(values, axis), wanted):
            return f"The right numbers, but reversed along axis {axis}."
    for axes in _permutations(values.ndim):
        moved = np.transpose(values, axes)
        if moved.shape == wanted.shape and _close(moved, wanted):
            return f"The right numbers, but with the axes in the order {axes}: transposed?"
        if _close(np.transpose(wanted, axes).reshape(values.shape), values):
            return "The right numbers in the wrong places: reshape does not move an axis."
    if _close(np.sort(values, axis=None), np.sort(wanted, axis=None)):
        return "The right numbers, but in other places."
    return ""


def _one_place(values: _Values, wanted: _Values) -> str:
    """Right or wrong at a single index of one axis."""
    scale = float(np.abs(wanted).max()) or 1.0
    # Little more than rounding: what is called right elsewhere must not be wrong there.
    wrong = np.abs(values - wanted) > 1e-6 * scale
    for axis, length in enumerate(wrong.shape):
        if length < 2:
            continue
        others = tuple(other for other in range(wrong.ndim) if other != axis)
        hit = np.atleast_1d(wrong.any(axis=others))
        if np.count_nonzero(hit) == 1:
            return f"It is wrong only at index {int(np.argmax(hit))} of axis {axis}."
        if length > 2 and np.count_nonzero(hit) == length - 1:
            return f"It is right only at index {int(np.argmin(hit))} of axis {axis}."
    return ""


def _offset(values: _Values, wanted: _Values) -> str:
    """The same difference all along some axes."""
    difference = values - wanted
    first = difference.reshape(-1)[0]
    if _close(difference, np.full_like(difference, first)):
        return f"Everywhere it differs by {first:.4g}."
    if difference.ndim < 2:
        return ""
    for axis, length in enumerate(difference.shape):
        others = tuple(other for other in range(difference.ndim) if other != axis)
        per_index = difference.mean(axis=others, keepdims=True)
        if length > 1 and _close(difference, np.broadcast_to(per_index, difference.shape)):
            return f"The difference depends on the index of axis {axis} alone: is something added?"
    return ""


def _permutations(axes: int) -> Iterator[tuple[int, ...]]:
    if axes <= _MAX_AXES:
        yield from itertools.islice(itertools.permutations(range(axes)), 1, None)


def _close(one: Any, other: Any) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-6))
