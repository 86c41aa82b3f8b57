"""What a duel has both sides do: one call on a layer, and what it must bring back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """One call that is timed, and everything around it.

    All of `expected` and `attributes` is demanded to the last bit: draw whole numbers whose sums
    are exact in every order (`grader.checking.exact_affine` sees to it), wide enough that a lower
    precision cannot hold them.

    Attributes:
        layer: Name of the exported class.
        arguments: Of its constructor.
        options: The constructor's named arguments.
        parameters: Set on the layer before the clock starts, anew in every pair.
        before: Calls that come before, in order, untimed: method and its one argument.
        call: The method that is timed.
        given: Its argument; placed while the sandbox is frozen.
        expected: What it must return.
        attributes: What the layer must have afterwards, by name; fetched within the clock.
    """

    layer: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Array] = field(default_factory=dict)
    before: tuple[tuple[str, Array], ...] = ()
    call: str
    given: Array
    expected: Array
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """What a report says of it."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        arguments = ", ".join(map(repr, self.arguments))
        return {
            "layer": f"{self.layer}({arguments}{options})",
            "call": self.call,
            "given": list(self.given.shape),
            "dtype": str(self.given.dtype),
        }


MakeWork: TypeAlias = Callable[[np.random.Generator, int], Work]
"""From a generator and a number of positions (rows of the matrix product): work on fresh data."""
