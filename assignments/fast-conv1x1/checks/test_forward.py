from hypothesis.strategies import integers, lists, sampled_from
from sizes import FORMATS, SIZES, check_forward, layer_of, odd_cases

from grader.checking import check, drawn

IMAGE = lists(integers(1, 4), min_size=3, max_size=3)


@check(group="forward", points=4)
@drawn(examples=8, always=SIZES, image=IMAGE, channels=integers(1, 6), filters=integers(1, 6))
def test_channels_last(student, reference, rng, image, channels, filters):
    """Forward is right with channels last."""
    case = reference.draw_case(rng, image, channels, filters)
    check_forward(layer_of(student, case, "channels_last"), case)


@check(group="forward", points=4)
@drawn(examples=8, always=SIZES, image=IMAGE, channels=integers(1, 6), filters=integers(1, 6))
def test_channels_first(student, reference, rng, image, channels, filters):
    """Forward is right with channels first."""
    case = reference.draw_case(rng, image, channels, filters, data_format="channels_first")
    check_forward(layer_of(student, case, "channels_first"), case)


@check(group="forward", points=4)
@drawn(
    examples=8,
    always=tuple({"channels": 200, "filters": 3, "data_format": each} for each in FORMATS),
    channels=integers(32, 300),
    filters=integers(1, 5),
    data_format=sampled_from(FORMATS),
)
def test_accuracy(student, reference, rng, channels, filters, data_format):
    """Forward is as accurate as a plain sum in float32."""
    case = reference.draw_case(
        rng, (2, 2, 3), channels, filters, data_format=data_format, draw=reference.normal
    )
    check_forward(layer_of(student, case, data_format), case)


@check(group="forward", points=4, visibility="hidden")
@drawn(examples=3, height=integers(60, 80), width=integers(60, 80))
def test_many_positions(student, reference, rng, height, width):
    """Forward is right for thousands of positions, whatever their number."""
    for data_format, case in odd_cases(reference, rng, height, width):
        check_forward(layer_of(student, case, data_format), case)
