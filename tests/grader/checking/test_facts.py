import pytest

from grader.checking.facts import common_condition
from grader.checking.recorder import Case

WRONG = AssertionError("wrong")


def cases(*pairs):
    return [Case(values, WRONG if failed else None) for values, failed in pairs]


@pytest.mark.parametrize(
    ("tried", "condition"),
    [
        (
            [({"bias": b, "n": n}, b) for b in (True, False) for n in (1, 2, 3)],
            "bias is true",
        ),
        (
            [({"n": n}, n != 1) for n in (1, 2, 3, 4)] + [({"n": 1, "m": 2}, False)],
            "n is at least 2",
        ),
        ([({"n": n, "m": m}, n != m) for n in (1, 2, 3) for m in (1, 2, 3)], "n equals m"),
        (
            [({"spatial": [2] * k}, k > 1) for k in (1, 2, 3, 1)] + [({"spatial": [5]}, False)],
            "the length of spatial is at least 2",
        ),
        ([({"layout": k}, k == "first") for k in ("first", "last")], ""),
    ],
)
def test_the_simplest_condition_that_fits_is_named(tried, condition):
    text = common_condition(cases(*tried))
    assert (condition in text) if condition else (text == "")


def test_nothing_is_said_where_all_cases_fail():
    assert common_condition(cases(*[({"n": n}, True) for n in range(9)])) == ""


def test_nothing_is_said_where_no_condition_fits():
    assert common_condition(cases(*[({"n": n}, n % 2 == 0) for n in range(9)])) == ""


def test_the_same_case_twice_counts_once():
    tried = [({"n": 1}, True)] * 5 + [({"n": 2}, False)] * 5
    assert common_condition(cases(*tried)) == ""
