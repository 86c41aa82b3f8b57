"""What the elements of a wrong result have in common."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_SIZE = 1 << 20


def common_pattern(actual: NDArray[Any], expected: NDArray[Any]) -> str:
    """A sentence for a result that is zero, or a constant times what is expected; else ""."""
    if not 2 <= actual.size <= _MAX_SIZE:
        return ""
    if not actual.any():
        return "All of it is zero."
    values, wanted = actual.astype(np.float64), expected.astype(np.float64)
    filled = wanted != 0.0
    if not np.isfinite(values).all() or not np.isfinite(wanted).all():
        return ""
    if np.count_nonzero(filled) < 2 or values[~filled].any():
        return ""
    ratios = values[filled] / wanted[filled]
    typical = float(np.median(ratios))
    if abs(typical - 1.0) > 0.01 and np.allclose(ratios, typical, rtol=1e-3, atol=0.0):
        return f"Everywhere it is {typical:.4g} times what is expected."
    return ""
