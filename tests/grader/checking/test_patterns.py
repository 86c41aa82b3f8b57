import numpy as np
import pytest

from grader.checking.patterns import common_pattern

EXPECTED = np.array([[0.0, 1.0], [2.0, -3.0]], np.float32)


CUBE = np.arange(1.0, 25.0).reshape(2, 3, 4) ** 2


@pytest.mark.parametrize(
    ("actual", "sentence"),
    [
        (EXPECTED * 0, "All of it is zero."),
        (EXPECTED / 4, "Everywhere it is 0.25 times what is expected."),
        (-EXPECTED, "Everywhere it has the opposite sign."),
        (EXPECTED + 1, "Everywhere it differs by 1."),
        (EXPECTED.T, "The right numbers, but with the axes in the order (1, 0): transposed?"),
        (EXPECTED * np.float32(1e-7 + 1), ""),
        (np.array([[0.0, np.inf], [1.0, 1.0]], np.float32), ""),
    ],
)
def test_zeros_factors_and_transposes_are_seen(actual, sentence):
    assert common_pattern(actual, EXPECTED) == sentence


@pytest.mark.parametrize(
    ("actual", "sentence"),
    [
        (
            CUBE / 3,
            "Everywhere it is 0.3333 times what is expected: one over the length of axis 1.",
        ),
        (CUBE * 4, "Everywhere it is 4 times what is expected: the length of axis 2."),
        (CUBE[:, ::-1], "The right numbers, but reversed along axis 1."),
        (
            CUBE.transpose(0, 2, 1).reshape(CUBE.shape),
            "The right numbers in the wrong places: reshape does not move an axis.",
        ),
        (CUBE * (np.arange(4) != 3), "It is wrong only at index 3 of axis 2."),
        (
            np.where(np.arange(3)[:, None] == 0, CUBE, 5.0),
            "It is right only at index 0 of axis 1.",
        ),
        (
            CUBE + np.array([3.0, 1.0, -5.0, 9.0]),
            "The difference depends on the index of axis 2 alone: is something added?",
        ),
        (CUBE + CUBE.sum(2, keepdims=True) * CUBE, ""),
        (CUBE * (1.0005 - 0.8 * (np.arange(4) == 3)), ""),  # the other indices are wrong, too
    ],
)
def test_the_axis_and_the_factor_are_named(actual, sentence):
    assert common_pattern(actual, CUBE) == sentence


def test_one_element_shows_no_pattern():
    assert common_pattern(np.array([2.0]), np.array([1.0])) == ""


def test_extreme_values_do_not_disturb():
    assert common_pattern(np.array([1e308, 1.0]), np.array([5e-324, np.nan])) == ""
