"""Sizes that checks try whatever else is drawn, and the comparison of one case."""

from types import ModuleType
from typing import Any

from grader.checking import assert_matches

FORMATS = ("channels_last", "channels_first")

SIZES = (
    {"image": [2, 3, 5], "channels": 4, "filters": 6},
    {"image": [4, 4, 4], "channels": 4, "filters": 4},
    {"image": [3, 2, 4], "channels": 5, "filters": 3},
    {"image": [1, 1, 1], "channels": 3, "filters": 2},
)
"""Sizes that all differ, that are all equal, and the smallest."""


def layer_of(student: Any, case: Any, data_format: str) -> Any:
    """A new layer that fits a case."""
    channels, filters = case.kernel.shape[-2:]
    return student.Conv1x1(channels, filters, data_format=data_format)


def check_forward(layer: Any, case: Any) -> None:
    """Set the parameters, and compare the output."""
    layer.kernel, layer.bias = case.kernel, case.bias
    assert_matches(actual=layer.forward(case.x), expected=case.output)


def check_backward(layer: Any, case: Any) -> None:
    """Compare the output first, then each gradient."""
    check_forward(layer, case)
    dx = layer.backward(case.dy)
    assert_matches(actual=dx, expected=case.gradients["x"], name="the gradient of x")
    assert_matches(actual=layer.d_kernel, expected=case.gradients["kernel"], name="d_kernel")
    assert_matches(actual=layer.d_bias, expected=case.gradients["bias"], name="d_bias")


def odd_cases(reference: ModuleType, rng: Any, height: int, width: int) -> Any:
    """Thousands of positions in each layout, that no block size divides."""
    for data_format in FORMATS:
        image = (3, height, width)
        yield data_format, reference.draw_case(rng, image, 5, 3, data_format=data_format)
