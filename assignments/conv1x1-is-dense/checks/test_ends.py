from hypothesis.strategies import integers, lists, one_of, sampled_from, tuples
from loading import assert_lengths

from grader.checking import assert_equal, check, drawn

NAMED = sampled_from(("valid", "same"))
PADDING = one_of(NAMED, integers(0, 2))
AXES = lists(tuples(integers(1, 5), integers(1, 3), integers(1, 3)), min_size=1, max_size=2)
"""For each spatial axis its length, the kernel's and the stride; kernels are cut to the length."""

SHAPES = (
    {"axes": [(7, 3, 1)], "padding": "same"},
    {"axes": [(7, 3, 2)], "padding": "same"},
    {"axes": [(7, 3, 2)], "padding": "valid"},
    {"axes": [(4, 2, 1), (5, 3, 2)], "padding": "same"},
    {"axes": [(5, 3, 1)], "padding": 1},
    {"axes": [(5, 2, 1), (6, 1, 3)], "padding": 2},
)
QUESTIONS = (
    {"axes": [(5, 1, 1)], "padding": "valid"},
    {"axes": [(4, 1, 1), (5, 1, 1)], "padding": "same"},
    {"axes": [(3, 1, 1)], "padding": 0},
    {"axes": [(5, 1, 2)], "padding": "valid"},
    {"axes": [(4, 1, 1), (4, 1, 2)], "padding": "same"},
    {"axes": [(1, 1, 2)], "padding": "valid"},
    {"axes": [(1, 1, 3), (4, 1, 1)], "padding": "same"},
    {"axes": [(5, 3, 1)], "padding": "same"},
    {"axes": [(5, 3, 1)], "padding": "valid"},
    {"axes": [(3, 3, 1)], "padding": 1},
    {"axes": [(4, 1, 1)], "padding": 1},
    {"axes": [(3, 1, 2)], "padding": 1},
    {"axes": [(3, 2, 2), (4, 1, 1)], "padding": 1},
)
"""Each reason for which the answer is no, alone; and each way in which it is yes."""


def arguments(axes):
    """Lengths, kernel size and strides from what was drawn."""
    lengths = tuple(length for length, _, _ in axes)
    sizes = tuple(min(length, size) for length, size, _ in axes)
    return lengths, sizes, tuple(stride for _, _, stride in axes)


def check_shape(student, reference, axes, padding, *, channels=3, filters=4):
    """Compare with the shape of what a real convolution returns."""
    spatial, size, strides = arguments(axes)
    shape = (2, *spatial, channels)
    assert_lengths(
        actual=student.output_shape(shape, filters, size, strides, padding),
        expected=reference.output_shape(shape, filters, size, strides, padding),
        name=f"output_shape({shape}, {filters}, {size}, {strides}, {padding!r})",
    )


def check_question(student, reference, axes, padding):
    """Compare with what an experiment on a real convolution finds."""
    spatial, size, strides = arguments(axes)
    assert_equal(
        actual=student.equals_dense(spatial, size, strides, padding),
        expected=reference.equals_dense(spatial, size, strides, padding),
        name=f"equals_dense({spatial}, {size}, {strides}, {padding!r})",
    )


@check(group="ends", points=6)
@drawn(
    examples=10,
    always=(
        {"spatial": [7], "strides": [2, 1, 1], "padding": "valid"},
        {"spatial": [5, 4], "strides": [2, 3, 1], "padding": "same"},
        {"spatial": [5, 4, 3], "strides": [1, 1, 2], "padding": "valid"},
    ),
    spatial=lists(integers(1, 7), min_size=1, max_size=3),
    strides=lists(integers(1, 3), min_size=3, max_size=3),
    padding=NAMED,
)
def test_shape_with_strides(student, reference, spatial, strides, padding):
    """Kernel size 1: the shape is the input's, but for the filters and what strides leave out."""
    axes = [(length, 1, stride) for length, stride in zip(spatial, strides, strict=False)]
    check_shape(student, reference, axes, padding)


@check(group="ends", points=6)
@drawn(examples=12, always=SHAPES, axes=AXES, padding=PADDING)
def test_shape_of_larger_kernels(student, reference, axes, padding):
    """Larger kernels: the shape depends on kernel size, strides and padding."""
    check_shape(student, reference, axes, padding)


@check(group="ends", points=6)
@drawn(examples=12, always=QUESTIONS, axes=AXES, padding=PADDING)
def test_equals_dense(student, reference, axes, padding):
    """Whether a convolution is Dense at every position; the real layer is asked."""
    check_question(student, reference, axes, padding)


@check(group="ends", points=6, visibility="hidden")
@drawn(
    examples=12,
    always=(
        *({"axes": [(2, 1, 1), *each["axes"]], "padding": each["padding"]} for each in QUESTIONS),
        *SHAPES,
        {"axes": [(6, 1, 2), (3, 1, 3), (4, 1, 1)], "padding": "same"},
    ),
    axes=lists(tuples(integers(1, 6), integers(1, 4), integers(1, 4)), min_size=1, max_size=3),
    padding=one_of(NAMED, integers(0, 3)),
)
def test_more_cases(student, reference, axes, padding):
    """Shapes, and whether they are Dense, of larger and more irregular convolutions."""
    check_shape(student, reference, axes, padding, channels=2, filters=5)
    check_question(student, reference, axes, padding)
