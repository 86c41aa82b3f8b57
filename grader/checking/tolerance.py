"""When is a floating-point result right? A bound that knows the sum behind each element.

A flat tolerance fails both ways: it rejects honest code on long sums and accepts any mistake on
small numbers. Here each element has its own bound, from the number of terms that were added and
from their size; see `bound`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from grader.checking.mismatch import Evidence, Json, Mismatch
from grader.checking.patterns import common_pattern
from grader.checking.recorder import Comparison, Question, note_comparison, record
from grader.checking.structure import structure_mismatch

Float64Array = NDArray[np.float64]

_LIKELY_FACTOR = 8.0
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Expected:
    """What a result must be, and what is known of the sums that lead to it.

    Attributes:
        value: The result as right as float64 allows.
        terms: Number of roundings on the way to one element: products and additions of its
            sum. 0 demands the very value.
        magnitude: Sum of the absolute values of the terms, per element (float64).
        spread: Square root of the sum of the squared terms, per element (float64).
        dtype: What the student must return.
    """

    value: NDArray[Any]
    terms: int
    magnitude: Float64Array
    spread: Float64Array
    dtype: np.dtype[Any]

    @classmethod
    def exact(cls, value: NDArray[Any], dtype: DTypeLike | None = None) -> "Expected":
        """Demand `value` to the last bit, in its own dtype or in `dtype`.

        Raises:
            ValueError: `value` cannot be written in `dtype`.
        """
        wanted = np.dtype(dtype) if dtype is not None else value.dtype
        if not np.array_equal(value.astype(wanted), value, equal_nan=value.dtype.kind == "f"):
            raise ValueError(f"these values have no exact {wanted} form")
        nothing = np.broadcast_to(np.float64(0.0), value.shape)
        return cls(value, 0, nothing, nothing, wanted)

    @property
    def is_exact(self) -> bool:
        """Whether only the very value will do."""
        return self.terms == 0

    def arranged(self, layout: Callable[[NDArray[Any]], NDArray[Any]]) -> "Expected":
        """The same elements in another layout, e.g. `lambda a: np.moveaxis(a, -1, 1)`."""
        return replace(
            self,
            value=layout(self.value),
            magnitude=layout(self.magnitude),
            spread=layout(self.spread),
        )


def certain_bound(expected: Expected) -> Float64Array:
    """The error that no order of summation can exceed: gamma_n * sum of |terms|.

    gamma_n = n*u / (1 - n*u), with n the number of terms and u the unit roundoff of the dtype;
    infinite from n*u = 1 on (N. Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
    """
    roundoff = expected.terms * _unit_roundoff(expected.dtype)
    if roundoff >= 1.0:
        return np.full(expected.value.shape, np.inf)
    return _with_room(expected, roundoff / (1.0 - roundoff) * expected.magnitude)


def likely_bound(expected: Expected) -> Float64Array:
    """The error that a plain sum of randomly drawn data does not exceed in practice.

    8 u sqrt(n) (|y| + spread): roundings of random data behave like independent ones, so that n
    of them add up to sqrt(n) (Higham and Mary 2019). It does not hold for constant data: draw
    random values, or whole numbers, for which the bound is zero anyway.
    """
    scale = _LIKELY_FACTOR * _unit_roundoff(expected.dtype) * np.sqrt(expected.terms)
    return _with_room(expected, scale * (np.abs(expected.value) + expected.spread))


def bound(expected: Expected) -> Float64Array:
    """The largest error that passes, per element: the smaller of the certain and the likely one."""
    if expected.is_exact:
        return np.zeros(expected.value.shape)
    return np.minimum(certain_bound(expected), likely_bound(expected))


def assert_matches(
    *, actual: object, expected: Expected | NDArray[Any], name: str = "the output"
) -> None:
    """Pass if `actual` is an array of the expected shape, dtype and values.

    Records `worst_error_over_bound` for the report, also on success.

    Args:
        actual: What student code returned; may be anything.
        expected: A plain array stands for `Expected.exact(array)`.
        name: What the message calls it.

    Raises:
        Mismatch: With the first of type, shape, dtype, finiteness and values that is wrong.
    """
    found = mismatch(actual, expected, name)
    if found is not None:
        raise found


def mismatch(
    actual: object, expected: Expected | NDArray[Any], name: str = "the output"
) -> Mismatch | None:
    """Like `assert_matches`, but return what is wrong, or None."""
    if isinstance(expected, np.ndarray):
        expected = Expected.exact(expected)
    note_comparison(Comparison(Question.MATCHES, name, actual, expected))
    wrong = structure_mismatch(actual, expected.value.shape, expected.dtype, name)
    if wrong is None:
        assert isinstance(actual, np.ndarray)  # noqa: S101 - structure_mismatch has seen to it
        wrong = _not_finite(actual, expected.value, name) or _wrong_values(actual, expected, name)
    if wrong is not None:
        wrong.evidence = (Evidence(name, actual, expected),)
    return wrong


def assert_array(
    *, actual: object, shape: tuple[int, ...], dtype: DTypeLike, name: str
) -> NDArray[Any]:
    """Pass if `actual` is an array of this shape and dtype without NaN or infinity; return it.

    Raises:
        Mismatch: It is not.
    """
    note_comparison(Comparison(Question.ARRAY, name, actual, (shape, dtype)))
    wrong = structure_mismatch(actual, shape, np.dtype(dtype), name)
    if wrong is None:
        array = np.asarray(actual)
        wrong = _not_finite(array, np.broadcast_to(0.0, shape), name)
    if wrong is not None:
        wrong.evidence = (Evidence(name, actual),)
        raise wrong
    return array


def assert_equal(*, actual: object, expected: int | bool | None, name: str) -> None:
    """Pass if `actual` is this number, truth value or None; NumPy's own scalars will do.

    Raises:
        Mismatch: It is something else.
    """
    note_comparison(Comparison(Question.EQUAL, name, actual, expected))
    value = actual
    if isinstance(actual, np.ndarray | np.generic) and actual.ndim == 0:
        value = actual.item()
    same_kind = isinstance(value, bool) == isinstance(expected, bool)
    if expected is None:
        same_kind = value is None
    if same_kind and isinstance(value, int | None) and value == expected:
        return
    shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
    raise Mismatch(
        f"Wrong value of {name}: {shown[:100]}, expected {expected}.",
        counterexample={"name": name, "actual": shown[:100], "expected": expected},
        evidence=[Evidence(name, value)],
    )


@dataclass(frozen=True)
class _Worst:
    """The element with the largest error, measured by its bound.

    Attributes:
        wrong: Number of elements beyond their bound, of all.
        position: Of the worst element in C order.
        score: Error over bound; where the bound is zero, the error itself.
        error: Absolute difference.
        bound: What was allowed.
        certain: Whether the error exceeds the certain bound too.
    """

    wrong: int = 0
    position: int = 0
    score: float = -1.0
    error: float = 0.0
    bound: float = 0.0
    certain: bool = False


def _unit_roundoff(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps) / 2 if dtype.kind == "f" else 0.0


def _with_room(expected: Expected, error: Float64Array) -> Float64Array:
    """Add what the oracle itself may be off, and what products lose below the normal range."""
    oracle = _unit_roundoff(np.dtype(np.float64)) / _unit_roundoff(expected.dtype)
    underflow = expected.terms * float(np.finfo(expected.dtype).smallest_subnormal)
    return error * (1.0 + oracle) + underflow


def _not_finite(actual: NDArray[Any], expected: NDArray[Any], name: str) -> Mismatch | None:
    """Find NaN and infinity in places where they do not belong."""
    bad = ~np.isfinite(actual)
    bad &= np.isfinite(expected)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return None
    index = _index(int(np.argmax(bad)), bad.shape)
    value = float(actual[index])
    text = "NaN" if np.isnan(value) else "infinity"
    return Mismatch(
        f"Not finite: {count} of {bad.size} elements of {name} are NaN or infinite; "
        f"the first is {text}, at index {index}.",
        counterexample={"name": name, "index": list(index), "actual": value, "wrong": count},
    )


def _wrong_values(actual: NDArray[Any], expected: Expected, name: str) -> Mismatch | None:
    worst = _scan(actual, expected)
    ratio = worst.score if not expected.is_exact else (np.inf if worst.wrong else 0.0)
    record("worst_error_over_bound", max(ratio, 0.0))
    if worst.wrong == 0:
        return None
    index = _index(worst.position, actual.shape)
    got, wanted = float(actual[index]), float(expected.value[index])
    lines = [
        f"Wrong values in {name}: {worst.wrong} of {actual.size} elements. "
        f"Worst at index {index}: {got:.9g}, expected {wanted:.9g}.",
        _severity(worst, expected),
        common_pattern(actual, expected.value),
    ]
    details: dict[str, Json] = {
        "name": name,
        "shape": list(actual.shape),
        "dtype": str(actual.dtype),
        "index": list(index),
        "actual": got,
        "expected": wanted,
        "error": worst.error,
        "bound": worst.bound,
        "wrong": worst.wrong,
        "elements": actual.size,
    }
    message = " ".join(line for line in lines if line)
    metrics: dict[str, float | int] = {"worst_error_over_bound": ratio}
    return Mismatch(message, metrics=metrics, counterexample=details)


def _scan(actual: NDArray[Any], expected: Expected) -> _Worst:
    """Find the worst element, in chunks: float64 copies of everything would be many."""
    flat = expected.arranged(lambda array: array.reshape(-1))
    values = actual.reshape(-1)
    worst = _Worst()
    for start in range(0, values.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        worst = _fold(worst, start, values[part], flat.arranged(lambda a, part=part: a[part]))  # type: ignore[misc]
    return worst


def _fold(worst: _Worst, start: int, actual: NDArray[Any], expected: Expected) -> _Worst:
    value = expected.value
    same = actual == value
    if value.dtype.kind == "f" and actual.dtype.kind == "f":
        same |= np.isnan(actual) & np.isnan(value)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(actual.astype(np.float64) - value.astype(np.float64))
        error = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
        allowed = bound(expected)
        score = error if expected.is_exact else np.where(same, 0.0, error / allowed)
    within = same if expected.is_exact else same | (error <= allowed)
    wrong = worst.wrong + int(np.count_nonzero(~within))
    at = int(np.argmax(score))
    if score[at] <= worst.score:
        return replace(worst, wrong=wrong)
    one = expected.arranged(lambda array: array[at : at + 1])
    certain = not expected.is_exact and bool(error[at] > certain_bound(one)[0])
    return _Worst(
        wrong, start + at, float(score[at]), float(error[at]), float(allowed[at]), certain
    )


def _severity(worst: _Worst, expected: Expected) -> str:
    if expected.is_exact:
        return ""
    room = f"The error is {worst.error:.3g} where at most {worst.bound:.3g} is rounding"
    if worst.certain:
        return f"{room}: provably wrong, whatever the order of summation in {expected.dtype}."
    return (
        f"{room}: less accurate than a plain sum in {expected.dtype}. "
        "Is a part computed in lower precision, or do large numbers cancel?"
    )


def _index(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(axis) for axis in np.unravel_index(position, shape))
