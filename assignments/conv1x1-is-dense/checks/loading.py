"""Do converted kernels make the real layers equal? And what did a student say of lengths?"""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking import Mismatch, assert_array, assert_matches, whole_numbers
from grader.checking.mismatch import Evidence

SIZES = (
    {"spatial": [5], "channels": 3, "units": 4},
    {"spatial": [2, 5], "channels": 4, "units": 6},
    {"spatial": [3, 3], "channels": 4, "units": 4},
    {"spatial": [2, 3, 4], "channels": 4, "units": 3},
)
"""Each rank with sizes that differ, and one in which they are equal: tried whatever is drawn."""


def drawn_x(rng: np.random.Generator, *shape: int) -> NDArray[Any]:
    """Whole numbers from -9 to 9, as float32."""
    return whole_numbers(rng, *shape, limit=9)


def check_loaded(
    reference: ModuleType,
    rng: np.random.Generator,
    pair: tuple[str, str],
    convert: Any,
    *,
    spatial: list[int],
    channels: int,
    units: int,
    flatten: bool = False,
    dtype: str = "float32",
) -> None:
    """Convert a drawn kernel, load it into the target's layer, and compare with the source's.

    Args:
        reference: Runs the layers.
        rng: Draws kernel, bias and input.
        pair: Layouts of source and target.
        convert: Called with the kernel and both layouts; the student's.
        spatial: Lengths of the input.
        channels: C.
        units: O.
        flatten: Whether the dense layers come after a Flatten, and the convolutions are as large
            as the input.
        dtype: Of the kernel.
    """
    source, target = pair
    window = tuple(spatial) if flatten else (1,) * len(spatial)
    shapes = {each: reference.kernel_shape(each, window, channels, units) for each in pair}
    kernel = whole_numbers(rng, *shapes[source], dtype=dtype)
    bias = whole_numbers(rng, units)
    x = drawn_x(rng, 2, *spatial, channels)
    converted = assert_array(
        actual=convert(kernel.copy(), source, target),
        shape=shapes[target],
        dtype=dtype,
        name=f"the kernel for {target}, from {source}",
    )
    assert_matches(
        actual=reference.layer_output(target, converted, bias, x, flatten=flatten),
        expected=reference.layer_output(source, kernel, bias, x, flatten=flatten),
        name=f"the output of {target}, loaded with a kernel of {source} that you converted",
    )


def assert_lengths(*, actual: object, expected: tuple[int, ...], name: str) -> None:
    """Pass if a tuple of whole numbers is right.

    Raises:
        Mismatch: It is not, or is something else.
    """
    lengths = _whole(actual)
    if lengths == expected:
        return
    shown = f"{actual!r:.100}" if lengths is None else str(lengths)
    raise Mismatch(
        f"Wrong value of {name}: {shown}, expected {expected}.",
        counterexample={"name": name, "actual": shown, "expected": list(expected)},
        evidence=[Evidence(name, lengths)],
    )


def _whole(actual: object) -> tuple[int, ...] | None:
    """The tuple in Python's own numbers; None where it is no tuple of whole numbers."""
    if not isinstance(actual, tuple):
        return None
    plain = [
        each.item() if isinstance(each, np.ndarray | np.generic) and each.ndim == 0 else each
        for each in actual
    ]
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in plain)
    return tuple(plain) if whole else None
