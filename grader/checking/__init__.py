"""What checks are written with, and what runs them."""

from grader.checking.decorators import check
from grader.checking.drawing import drawn
from grader.checking.equivalence import check_equivalent
from grader.checking.gradients import check_gradients
from grader.checking.mismatch import Mismatch
from grader.checking.oracle import (
    affine,
    affine_gradients,
    exact_affine,
    exact_affine_gradients,
    total,
    whole_numbers,
)
from grader.checking.speed.work import Work
from grader.checking.student import held_value, student_raises
from grader.checking.tolerance import Expected, assert_array, assert_equal, assert_matches
from grader.checking.unchanged import assert_unchanged

__all__ = [
    "Expected",
    "Mismatch",
    "Work",
    "affine",
    "affine_gradients",
    "assert_array",
    "assert_equal",
    "assert_matches",
    "assert_unchanged",
    "check",
    "check_equivalent",
    "check_gradients",
    "drawn",
    "exact_affine",
    "exact_affine_gradients",
    "held_value",
    "student_raises",
    "total",
    "whole_numbers",
]
