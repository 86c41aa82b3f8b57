"""Is a result an array of the right shape and dtype? If not, how does one say so?"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.mismatch import Evidence, Json, Mismatch

Shape = tuple[int, ...]


def structure_mismatch(
    actual: object, shape: Shape, dtype: np.dtype[Any], name: str
) -> Mismatch | None:
    """Compare type, shape and dtype, in this order; None if all are right.

    Args:
        actual: What student code returned; may be anything.
        shape: What its shape must be.
        dtype: What its dtype must be, byte order included.
        name: What it is called in the message.
    """
    if type(actual) is not np.ndarray:
        return Mismatch(
            f"Wrong type of {name}: {_kind(actual)}, "
            f"expected a NumPy array of shape {shape} and dtype {dtype}.",
            counterexample={"name": name, "expected_shape": list(shape)},
        )
    structure: dict[str, Json] = {
        "name": name,
        "actual_shape": list(actual.shape),
        "expected_shape": list(shape),
        "actual_dtype": str(actual.dtype),
        "expected_dtype": str(dtype),
    }
    if actual.shape != shape:
        message = f"Wrong shape of {name}: {actual.shape}, expected {shape}. "
        return Mismatch(message + _explain_shape(actual.shape, shape), counterexample=structure)
    if actual.dtype != dtype:
        message = f"Wrong dtype of {name}: {actual.dtype}, expected {dtype}. "
        return Mismatch(message + _explain_dtype(actual.dtype, dtype), counterexample=structure)
    return None


def as_float64(
    actual: object, shape: Shape, dtype: np.dtype[Any], name: str
) -> NDArray[np.float64]:
    """The result in float64, once `structure_mismatch` finds nothing.

    Raises:
        Mismatch: Type, shape or dtype is wrong.
    """
    wrong = structure_mismatch(actual, shape, dtype, name)
    if wrong is not None:
        wrong.evidence = (Evidence(name, actual),)
        raise wrong
    return np.asarray(actual, dtype=np.float64)


def _kind(value: object) -> str:
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, np.ndarray):
        return f"the array subclass {type(value).__name__}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return f"a Python {type(value).__name__}"


def _explain_shape(actual: Shape, expected: Shape) -> str:
    """What probably went wrong, in plain words: the first that applies."""
    if len(actual) == len(expected):
        return _explain_axes(actual, expected)
    longer = len(actual) > len(expected)
    causes = {
        "It is a single number: were too many axes summed?": actual == (),
        "There are extra axes of length one: is it `keepdims=True`?": (
            longer and _without_ones(actual) == _without_ones(expected)
        ),
        "The first axis, the batch, is missing.": actual == expected[1:],
        "There is one axis too many at the front.": actual[1:] == expected,
        "The number of elements is right: it was flattened and not shaped back.": (
            not longer and np.prod(actual) == np.prod(expected)
        ),
    }
    otherwise = f"It has {len(actual)} axes where {len(expected)} belong."
    return next((cause for cause, applies in causes.items() if applies), otherwise)


def _explain_axes(actual: Shape, expected: Shape) -> str:
    wrong = [
        axis for axis, pair in enumerate(zip(actual, expected, strict=True)) if len({*pair}) > 1
    ]
    if len(wrong) == 1:
        axis = wrong[0]
        return f"Axis {axis} has length {actual[axis]} where {expected[axis]} belongs."
    if Counter(actual) == Counter(expected):
        return "The lengths are right but in another order: was it transposed?"
    if np.prod(actual) == np.prod(expected):
        return "The number of elements is right but they are shaped otherwise."
    return f"Axes {', '.join(map(str, wrong[:-1]))} and {wrong[-1]} have the wrong length."


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)


def _explain_dtype(actual: np.dtype[Any], expected: np.dtype[Any]) -> str:
    if actual == np.float64 and expected.kind == "f":
        return (
            "float64 has crept in: arrays from np.zeros, np.ones and random generators are float64 "
            "unless told otherwise, and one of them makes the whole result float64."
        )
    if actual.kind in "iub" and expected.kind == "f":
        return "Whole numbers lose everything behind the decimal point."
    return "Keep the dtype of the input and the parameters."
