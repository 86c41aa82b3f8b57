"""The failure that a check reports when a result is not what it should be."""

from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a counterexample may hold. Floats may be infinite or NaN; a report writes those as text."""


class Mismatch(AssertionError):
    """A student's result differs from what was asked for.

    Attributes:
        message: Plain words for the student.
        metrics: Figures such as `worst_error_over_bound`.
        counterexample: Where and by how much: index, actual, expected, bound, shapes.
    """

    def __init__(
        self,
        message: str,
        *,
        metrics: Mapping[str, float | int] | None = None,
        counterexample: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metrics: dict[str, float | int] = dict(metrics or {})
        self.counterexample: dict[str, Json] = dict(counterexample or {})
