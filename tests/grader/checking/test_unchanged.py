import numpy as np
import pytest

from grader.checking.mismatch import Mismatch
from grader.checking.unchanged import assert_unchanged


def test_an_untouched_array_passes_whatever_is_in_it():
    original = np.array([[np.nan, -0.0], [np.inf, 1.0]], np.float32)
    assert_unchanged(original.copy(order="F"), original)


def test_a_change_is_located():
    original = np.arange(6, dtype=np.float32).reshape(2, 3)
    changed = original.copy()
    changed[1, 0] = 9
    with pytest.raises(Mismatch, match=r"dy was changed in place: 1 of 6 .* \(1, 0\) it was 3"):
        assert_unchanged(changed, original, "dy")


@pytest.mark.parametrize("value", [0.0, np.float32(np.nan)])
def test_a_change_of_sign_or_into_nan_is_a_change(value):
    original = np.array([-0.0], np.float32)
    with pytest.raises(Mismatch, match="1 of 1 elements"):
        assert_unchanged(np.array([value], np.float32), original)


@pytest.mark.parametrize("now", [np.zeros((3, 2)), np.zeros((2, 3), np.float32), None])
def test_another_shape_or_dtype_is_a_change(now):
    with pytest.raises(Mismatch, match="another shape or dtype"):
        assert_unchanged(now, np.zeros((2, 3)))
