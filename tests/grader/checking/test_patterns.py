import numpy as np
import pytest

from grader.checking.patterns import common_pattern

EXPECTED = np.array([[0.0, 1.0], [2.0, -3.0]], np.float32)


@pytest.mark.parametrize(
    ("actual", "sentence"),
    [
        (EXPECTED * 0, "All of it is zero."),
        (EXPECTED / 4, "Everywhere it is 0.25 times what is expected."),
        (-EXPECTED, "Everywhere it is -1 times what is expected."),
        (EXPECTED + 1, ""),
        (EXPECTED.T, ""),
        (EXPECTED * np.float32(1e-7 + 1), ""),
        (np.array([[0.0, np.inf], [1.0, 1.0]], np.float32), ""),
    ],
)
def test_zeros_and_constant_factors_are_seen(actual, sentence):
    assert common_pattern(actual, EXPECTED) == sentence


def test_one_element_shows_no_pattern():
    assert common_pattern(np.array([2.0]), np.array([1.0])) == ""


def test_extreme_values_do_not_disturb():
    assert common_pattern(np.array([1e308, 1.0]), np.array([5e-324, np.nan])) == ""
