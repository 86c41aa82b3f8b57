import math
from fractions import Fraction

import numpy as np
import pytest

from grader.assignment_schema import Rung
from grader.checking.speed.verdict import (
    CONFIDENCE,
    LOOKS,
    Interval,
    interval,
    is_decided,
    judge,
    share_of,
)
from grader.measurement import RungVerdict

PASS, FAIL, UNSURE = RungVerdict.PASS, RungVerdict.FAIL, RungVerdict.UNSURE
LADDER = (
    Rung(at_most=4.0, share=1.0),
    Rung(at_most=15.0, share=0.7),
    Rung(at_most=100.0, share=0.4),
)


def chance_to_miss(pairs, rank):
    """Of fair coins, one for each pair, fewer than `rank` show one side, either side."""
    return 2 * Fraction(sum(math.comb(pairs, k) for k in range(rank)), 2**pairs)


def verdicts(low, high, ladder=LADDER):
    return [result.verdict for result in judge(Interval((low + high) / 2, low, high), ladder)]


def results(*verdicts_):
    places = {PASS: (1, 2), FAIL: (9, 10), UNSURE: (4, 6)}
    single = [judge(Interval(5, *places[v]), [Rung(at_most=5.0, share=1.0)])[0] for v in verdicts_]
    shares = [1.0, 0.7, 0.4]
    return [
        type(result)(at_most=at_most, share=share, verdict=result.verdict)
        for result, at_most, share in zip(single, [4.0, 15.0, 100.0], shares, strict=False)
    ]


# The interval


@pytest.mark.parametrize(("pairs", "rank"), LOOKS.items())
def test_each_look_takes_the_narrowest_interval_that_its_share_of_the_error_allows(pairs, rank):
    allowed = (1 - Fraction(str(CONFIDENCE))) / len(LOOKS)
    assert chance_to_miss(pairs, rank) <= allowed < chance_to_miss(pairs, rank + 1)


@pytest.mark.parametrize(("pairs", "rank"), LOOKS.items())
def test_the_interval_lies_between_order_statistics(pairs, rank):
    ratios = np.random.default_rng(pairs).permutation(np.arange(1.0, pairs + 1))
    assert interval(ratios.tolist()) == Interval((pairs + 1) / 2, rank, pairs + 1 - rank)


def test_identical_ratios_leave_an_interval_of_no_width():
    assert interval([2.5] * 10) == Interval(2.5, 2.5, 2.5)


def test_one_hiccup_among_twenty_pairs_moves_nothing():
    calm = [1.0 + k / 100 for k in range(20)]
    assert interval([*calm[:-1], 1e6]) == interval(calm)


@pytest.mark.parametrize("look", LOOKS)
def test_swapping_student_and_reference_mirrors_the_interval(look):
    ratios = np.random.default_rng(3).lognormal(1.0, 0.5, look)
    there, back = interval(ratios.tolist()), interval((1 / ratios).tolist())
    assert (back.low, back.high) == pytest.approx((1 / there.high, 1 / there.low))


@pytest.mark.parametrize("length", [0, 1, 9, 11, 79, 81])
def test_a_number_of_pairs_without_a_look_is_refused(length):
    with pytest.raises(ValueError, match=f"{length} pairs"):
        interval([1.0] * length)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, -math.inf, math.nan])
def test_a_ratio_that_no_two_times_have_is_refused(bad):
    with pytest.raises(ValueError, match="finite and positive"):
        interval([1.0] * 9 + [bad])


NOISES = {
    "normal": lambda rng, n: rng.lognormal(0.0, 0.05, n),
    "a neighbour in bursts": lambda rng, n: rng.lognormal(
        0.0, np.where(rng.random(n) < 0.3, 1, 0.02)
    ),
    "heavy tails": lambda rng, n: np.exp(np.clip(rng.standard_cauchy(n), -50, 50) * 0.05),
    "two levels": lambda rng, n: rng.choice([0.5, 2.0], n) * rng.lognormal(0.0, 0.001, n),
}


@pytest.mark.parametrize("noise", NOISES)
def test_hardly_any_try_has_an_interval_that_misses_the_true_ratio(noise):
    rng = np.random.default_rng(20)
    duels, missed = 2000, 0
    for _ in range(duels):
        ratios = (3.0 * NOISES[noise](rng, max(LOOKS))).tolist()
        found = [interval(ratios[:look]) for look in LOOKS]
        missed += not all(one.low <= 3.0 <= one.high for one in found)
    assert missed / duels <= 1 - CONFIDENCE


# The rungs


def test_a_student_below_the_steepest_rung_passes_every_rung():
    assert verdicts(1.0, 3.9) == [PASS, PASS, PASS]


def test_a_student_above_the_lowest_rung_fails_every_rung():
    assert verdicts(101.0, 300.0) == [FAIL, FAIL, FAIL]


def test_only_a_rung_within_the_interval_is_unsure():
    assert verdicts(14.0, 16.0) == [FAIL, UNSURE, PASS]


def test_an_interval_that_ends_on_a_rung_is_unsure_of_it():
    assert verdicts(3.0, 4.0)[0] is UNSURE
    assert verdicts(4.0, 5.0)[0] is UNSURE


def test_a_rung_keeps_its_ratio_and_its_share():
    assert [(r.at_most, r.share) for r in judge(Interval(2, 1, 3), LADDER)] == [
        (4.0, 1.0),
        (15.0, 0.7),
        (100.0, 0.4),
    ]


# The end of a duel, and the share


@pytest.mark.parametrize(
    ("found", "decided", "share", "doubt"),
    [
        ([PASS, PASS, PASS], True, 1.0, False),
        ([FAIL, PASS, PASS], True, 0.7, False),
        ([FAIL, FAIL, FAIL], True, 0.0, False),
        ([UNSURE, PASS, PASS], False, 1.0, True),
        ([FAIL, UNSURE, PASS], False, 0.7, True),
        ([FAIL, FAIL, UNSURE], False, 0.4, True),
        ([UNSURE, UNSURE, UNSURE], False, 1.0, True),
        ([], True, 0.0, False),
    ],
)
def test_the_best_rung_that_is_not_failed_decides(found, decided, share, doubt):
    assert is_decided(results(*found)) is decided
    assert share_of(results(*found)) == (share, doubt)


def test_a_rung_below_a_passed_one_need_not_be_certain():
    assert is_decided(results(PASS, UNSURE, UNSURE))
    assert share_of(results(PASS, UNSURE, UNSURE)) == (1.0, False)


def test_students_far_from_every_rung_are_rightly_judged_at_the_first_look():
    rng = np.random.default_rng(5)
    for ratio, share in [(1.0, 1.0), (8.0, 0.7), (40.0, 0.4), (400.0, 0.0)]:
        for _ in range(200):
            found = interval((ratio * rng.lognormal(0.0, 0.1, min(LOOKS))).tolist())
            assert is_decided(judge(found, LADDER))
            assert share_of(judge(found, LADDER)) == (share, False)
