import random

import pytest

from grader.strips import strips


def _inside(line):
    return line.partition("[")[2].partition("]")[0]


def test_both_sides_lie_on_one_axis_with_their_medians_at_the_end():
    you, reference, axis = strips({"you": [0.08] * 10, "reference": [0.005] * 10}, 50)
    assert you == "you        [" + " " * 28 + "|] 80.0 ms"
    assert _inside(reference).strip() == "|"
    assert _inside(reference).startswith("|")
    assert reference.endswith("]  5.0 ms")
    assert axis.split() == ["5.0", "ms", "80.0", "ms", "median"]


def test_ink_grows_with_the_samples_in_a_place():
    samples = [1.0] * 1 + [2.0] * 2 + [4.0] * 4 + [8.0] * 8 + [16.0] * 16 + [32.0] * 32
    line = _inside(strips({"you": samples}, 60)[0])
    assert line.replace(" ", "") == ".:+*#|"


def test_the_middle_of_two_heaps_is_between_them():
    low, _, high = _inside(strips({"you": [0.001] * 8 + [0.1] * 8}, 60)[0]).partition("|")
    assert low.strip() == high.strip() == "*"


def test_noise_on_equal_sides_does_not_fill_the_axis():
    rng = random.Random(3)
    sides = {
        side: [0.005 * (1 + rng.uniform(-0.01, 0.01)) for _ in range(80)]
        for side in ("you", "reference")
    }
    for line in strips(sides, 60)[:2]:
        assert len(_inside(line).strip()) < 5


@pytest.mark.parametrize(
    "samples", [[0.0], [0.0, 1e300], [5e-324, 1e308], [1e308] * 3, [0.005], [0.1] * 100_000]
)
@pytest.mark.parametrize("width", [10, 38, 69])
def test_no_samples_break_the_drawing(samples, width):
    lines = strips({"you": samples, "reference": [0.0999] * 3}, width)
    assert len(lines) in (2, 3)
    assert all(line.isascii() and line.isprintable() for line in lines)
    if width >= 38:
        assert all(len(line) <= width for line in lines)
