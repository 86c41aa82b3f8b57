"""Did student code change an array that it was given?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.mismatch import Evidence, Mismatch
from grader.checking.recorder import Comparison, Question, note_comparison
from grader.checking.student import HeldArray, held_value


def assert_unchanged(
    held: HeldArray | NDArray[Any], original: NDArray[Any], name: str = "x"
) -> None:
    """Pass if an array that `student.hold` returned still is, byte for byte, what was sent.

    Args:
        held: What `student.hold(original)` returned.
        original: What was sent.
        name: What the message calls it.

    Raises:
        Mismatch: It was changed in place.
    """
    note_comparison(Comparison(Question.UNCHANGED, name, held, original))
    now = held_value(held)
    remedy = f"Work on a copy: whoever called you still needs {name}."
    if not isinstance(now, np.ndarray) or (now.shape, now.dtype) != (
        original.shape,
        original.dtype,
    ):
        raise Mismatch(
            f"The input {name} was changed: it has another shape or dtype. {remedy}",
            evidence=[Evidence(name, now)],
        )
    if now.tobytes() == original.tobytes():
        return
    # Bytes, since NaN differs from itself and -0.0 equals 0.0.
    size = original.dtype.itemsize
    before, after = (
        np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, size)
        for array in (original, now)
    )
    changed = (before != after).any(axis=-1)
    position = np.unravel_index(int(np.argmax(changed)), changed.shape)
    index = tuple(int(axis) for axis in position)
    count = int(np.count_nonzero(changed))
    raise Mismatch(
        f"The input {name} was changed in place: {count} of {changed.size} elements; at index "
        f"{index} it was {float(original[index]):.9g} and is now {float(now[index]):.9g}. {remedy}",
        counterexample={
            "name": name,
            "index": list(index),
            "actual": float(now[index]),
            "expected": float(original[index]),
            "wrong": count,
            "elements": int(changed.size),
        },
        evidence=[Evidence(name, now)],
    )
