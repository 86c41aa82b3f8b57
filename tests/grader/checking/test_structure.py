import numpy as np
import pytest

from grader.checking.structure import as_float64, structure_mismatch

F32 = np.dtype(np.float32)


class Liar(np.ndarray):
    shape = (2, 3)  # type: ignore[assignment]
    dtype = F32  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (None, "None"),
        (3.5, "a Python float"),
        ([1.0, 2.0], "a Python list"),
        ((1, 2), "a tuple of 2"),
        (np.float32(1.0), "a Python float32"),
        (np.zeros(6, np.float32).view(Liar), "the array subclass Liar"),
    ],
)
def test_what_is_no_plain_array_is_named(actual, words):
    found = structure_mismatch(actual, (2, 3), F32, "the output")
    assert found is not None
    assert words in found.message
    assert "expected a NumPy array of shape (2, 3) and dtype float32" in found.message


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 2, 3), "transposed"),
        ((2, 3, 5), "Axis 2 has length 5 where 4 belongs"),
        ((3, 4), "the batch, is missing"),
        ((5, 2, 3, 4), "one axis too many at the front"),
        ((2, 1, 3, 4), "keepdims"),
        ((1, 2, 3, 4), "keepdims"),
        ((6, 4), "flattened"),
        ((24,), "flattened"),
        ((), "a single number"),
        ((2, 2), "It has 2 axes where 3 belong"),
        ((4, 6, 1), "shaped otherwise"),
        ((7, 8, 4), "Axes 0 and 1"),
    ],
)
def test_a_wrong_shape_is_explained_in_plain_words(shape, words):
    found = structure_mismatch(np.zeros(shape, np.float32), (2, 3, 4), F32, "the output")
    assert found is not None
    assert words in found.message
    assert found.counterexample["actual_shape"] == list(shape)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (np.float64, "float64 has crept in"),
        (np.int64, "behind the decimal point"),
        (np.float16, "Keep the dtype"),
        (">f4", "Keep the dtype"),
    ],
)
def test_a_wrong_dtype_is_explained(dtype, words):
    found = structure_mismatch(np.zeros((2,), dtype), (2,), F32, "dx")
    assert found is not None
    assert found.message.startswith("Wrong dtype of dx")
    assert words in found.message


def test_shape_comes_before_dtype():
    found = structure_mismatch(np.zeros(3), (2,), F32, "dx")
    assert found is not None
    assert "Wrong shape" in found.message


def test_a_right_structure_passes_and_is_converted():
    array = np.array([1.5, 2.5], np.float32)
    assert structure_mismatch(array, (2,), F32, "dx") is None
    assert as_float64(array, (2,), F32, "dx").dtype == np.float64
