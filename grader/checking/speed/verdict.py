"""From the ratios of a duel's pairs to an interval, the rungs it clears, and a share of points."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from grader.assignment_schema import Rung
from grader.measurement import RungResult, RungVerdict

CONFIDENCE = 0.95
"""That none of a try's intervals misses the true median ratio, whichever look ends it."""

LOOKS: Mapping[int, int] = MappingProxyType({10: 1, 20: 5, 40: 12, 80: 29})
"""After how many pairs a duel is looked at, and r: how far in from both ends the interval starts.

The largest r whose interval misses with a probability of at most (1 - CONFIDENCE) / 4 at each of
the four looks. By Bonferroni they then miss together with at most 1 - CONFIDENCE, however much the
looks depend on each other.
"""


@dataclass(frozen=True)
class Interval:
    """The pairs' median ratio, and between which bounds the true one is."""

    median: float
    low: float
    high: float


def interval(ratios: Sequence[float]) -> Interval:
    """The sign test's confidence interval of the median: from the r-th lowest to the r-th highest.

    Each ratio is below the true median as a fair coin falls, whatever their distribution. So the
    true median is outside with the probability that at most r - 1 of n coins show one side, for
    either side: exact and binomial, with nothing assumed of the noise and no outlier removed. See
    W. J. Conover, Practical Nonparametric Statistics (3rd ed., 1999), section 3.2; H. A. David and
    H. N. Nagaraja, Order Statistics (3rd ed., 2003), section 7.1.

    Args:
        ratios: Student's time over the reference's, one of each pair; as many as a look has.

    Raises:
        ValueError: There is no look at that many, or a ratio is not finite and positive.
    """
    rank = LOOKS.get(len(ratios))
    if rank is None:
        raise ValueError(f"{len(ratios)} pairs: a duel is looked at after {[*LOOKS]}")
    if not all(math.isfinite(ratio) and ratio > 0 for ratio in ratios):
        raise ValueError("a ratio of times is finite and positive")
    ordered = sorted(ratios)
    return Interval(statistics.median(ordered), ordered[rank - 1], ordered[-rank])


def judge(found: Interval, rungs: Sequence[Rung]) -> tuple[RungResult, ...]:
    """On which side of each rung the whole interval is; unsure where the rung is within it."""
    return tuple(
        RungResult(at_most=rung.at_most, share=rung.share, verdict=_verdict(found, rung.at_most))
        for rung in rungs
    )


def is_decided(results: Sequence[RungResult]) -> bool:
    """Whether more pairs could change nothing: the best rung not failed, if any, is passed.

    Args:
        results: Steepest rung first.
    """
    return _best(results).verdict is not RungVerdict.UNSURE


def share_of(results: Sequence[RungResult]) -> tuple[float, bool]:
    """The share that the best rung not failed gives, and whether only doubt gives it.

    Args:
        results: Steepest rung first.
    """
    best = _best(results)
    return best.share, best.verdict is RungVerdict.UNSURE


def _verdict(found: Interval, at_most: float) -> RungVerdict:
    if found.high < at_most:
        return RungVerdict.PASS
    if found.low > at_most:
        return RungVerdict.FAIL
    return RungVerdict.UNSURE


_BELOW_THE_LADDER = RungResult(at_most=math.inf, share=0.0, verdict=RungVerdict.PASS)


def _best(results: Sequence[RungResult]) -> RungResult:
    reached = (result for result in results if result.verdict is not RungVerdict.FAIL)
    return next(reached, _BELOW_THE_LADDER)
