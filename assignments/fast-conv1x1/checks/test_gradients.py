from hypothesis.strategies import integers, lists, sampled_from
from sizes import FORMATS, SIZES, check_backward, layer_of, odd_cases

from grader.checking import check, drawn

IMAGE = lists(integers(1, 4), min_size=3, max_size=3)


@check(group="gradients", points=4)
@drawn(examples=8, always=SIZES, image=IMAGE, channels=integers(1, 6), filters=integers(1, 6))
def test_channels_last(student, reference, rng, image, channels, filters):
    """Backward is right with channels last: dx, d_kernel and d_bias."""
    case = reference.draw_case(rng, image, channels, filters)
    check_backward(layer_of(student, case, "channels_last"), case)


@check(group="gradients", points=4)
@drawn(examples=8, always=SIZES, image=IMAGE, channels=integers(1, 6), filters=integers(1, 6))
def test_channels_first(student, reference, rng, image, channels, filters):
    """Backward is right with channels first: dx, d_kernel and d_bias."""
    case = reference.draw_case(rng, image, channels, filters, data_format="channels_first")
    check_backward(layer_of(student, case, "channels_first"), case)


@check(group="gradients", points=4)
@drawn(
    examples=8,
    always=tuple({"width": 40, "channels": 37, "data_format": each} for each in FORMATS),
    width=integers(8, 50),
    channels=integers(32, 40),
    data_format=sampled_from(FORMATS),
)
def test_accuracy(student, reference, rng, width, channels, data_format):
    """Gradients are as accurate as plain sums in float32."""
    case = reference.draw_case(
        rng, (2, 2, width), channels, 30, data_format=data_format, draw=reference.normal
    )
    check_backward(layer_of(student, case, data_format), case)


@check(group="gradients", points=4, visibility="hidden")
@drawn(examples=3, height=integers(60, 80), width=integers(60, 80))
def test_many_positions(student, reference, rng, height, width):
    """Backward is right for thousands of positions, whatever their number."""
    for data_format, case in odd_cases(reference, rng, height, width):
        check_backward(layer_of(student, case, data_format), case)
