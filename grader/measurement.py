"""What was measured of a student's speed, as a report keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RungVerdict(StrEnum):
    """On which side of a rung of the ladder a student is.

    `unsure` is what stays open after the last look at the last try: the rung then counts as
    reached.
    """

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """One rung of the ladder, and what became of it.

    Attributes:
        at_most: The ratio of student to reference that reaches it.
        share: Of the check's points that it gives, 0 to 1.
        verdict: Whether it was reached.
    """

    at_most: float
    share: float
    verdict: RungVerdict


@dataclass(frozen=True, kw_only=True)
class SpeedMeasurement:
    """One duel of student and reference.

    Times are seconds on the trusted clock, one for each pair in the order they ran; the pairs
    that were judged are the last `pairs` of them (others were measured earlier: on a size that told
    too little, or in a first try).
    The ratio is of times less the median of `null_s`.

    Attributes:
        work: What was called, on which sizes.
        device: `arrays`, `kind`, and of a GPU what it said of itself.
        ratio: Median of the pairs' ratios of student to reference; None without a pair.
        low: Lower end of the median's confidence interval; None without a pair.
        high: Its upper end.
        confidence: Of the whole procedure, all looks together.
        pairs: How many were judged.
        tries: How often the duel was run; the second only where the first stayed unsure.
        void: How many more were void, since the machine was too busy; nothing of them is kept.
        rungs: The ladder, steepest first.
        benefit_of_doubt: Whether an unsure rung decided the share.
        share: Of the check's points, 0 to 1.
        student_s: Of the student's calls.
        reference_s: Of the reference's calls.
        null_s: Of calls that compute nothing and bring back as much.
        student_first: Whether the student's call came first.
    """

    work: Mapping[str, Any]
    device: Mapping[str, Any]
    ratio: float | None
    low: float | None
    high: float | None
    confidence: float
    pairs: int
    tries: int
    void: int
    rungs: tuple[RungResult, ...]
    benefit_of_doubt: bool
    share: float
    student_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    null_s: tuple[float, ...]
    student_first: tuple[bool, ...]
