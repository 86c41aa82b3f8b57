"""What a dense layer must compute."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking import affine, affine_gradients, whole_numbers
from grader.checking.tolerance import Expected

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """What a layer is given, and what it must return."""

    x: Array
    dy: Array
    kernel: Array
    bias: Array
    output: Expected
    gradients: dict[str, Expected]


def case(rng: np.random.Generator, leading: tuple[int, ...], inputs: int, units: int) -> Case:
    """Small whole numbers, so that nothing rounds."""
    x, dy = whole_numbers(rng, *leading, inputs), whole_numbers(rng, *leading, units)
    kernel, bias = whole_numbers(rng, inputs, units), whole_numbers(rng, units)
    return Case(x, dy, kernel, bias, affine(x, kernel, bias), affine_gradients(x, kernel, dy))
