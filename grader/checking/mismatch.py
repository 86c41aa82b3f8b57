"""The failures that a check reports when a result is not what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from grader.checking.tolerance import Expected

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a counterexample may hold. Floats may be infinite or NaN; a report writes those as text."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A result that was looked at, for whoever asks which known mistake leads to it.

    Attributes:
        name: What the message calls it.
        actual: What student code returned; may be anything.
        expected: What it must be; None where only its structure is asked for.
    """

    name: str
    actual: object
    expected: Expected | None = None


class Mismatch(AssertionError):
    """A student's result differs from what was asked for.

    Attributes:
        message: Plain words for the student.
        metrics: Figures such as `worst_error_over_bound`.
        counterexample: Where and by how much: index, actual, expected, bound, shapes.
        hint: The known mistake that explains it: its name, and what to tell who makes it.
        evidence: The results that it was found in; never shown.
    """

    def __init__(
        self,
        message: str,
        *,
        metrics: Mapping[str, float | int] | None = None,
        counterexample: Mapping[str, Json] | None = None,
        hint: tuple[str, str] | None = None,
        evidence: Sequence[Evidence] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metrics: dict[str, float | int] = dict(metrics or {})
        self.counterexample: dict[str, Json] = dict(counterexample or {})
        self.hint = hint
        self.evidence = tuple(evidence)


class PartialCredit(AssertionError):
    """A student's result is right, but earns only a part of the check's points.

    Attributes:
        message: Plain words for the student. What was measured has its place in the measurement:
            with the same seed, the message should be the same.
        share: Of the check's points, 0 to less than 1.
        metrics: Figures such as `speed_ratio`.
        hint: The known mistake that explains it: its name, and what to tell who makes it.

    Raises:
        ValueError: Such a share earns all points, or less than none.
    """

    def __init__(
        self,
        message: str,
        *,
        share: float,
        metrics: Mapping[str, float | int] | None = None,
        hint: tuple[str, str] | None = None,
    ) -> None:
        if not 0 <= share < 1:
            raise ValueError(f"a part of the points is a share from 0 to less than 1, not {share}")
        super().__init__(message)
        self.message = message
        self.share = share
        self.metrics: dict[str, float | int] = dict(metrics or {})
        self.hint = hint
