"""Do two layers compute the same function, given the same weights?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.layer import CountedLayer
from grader.checking.mismatch import Evidence, Mismatch
from grader.checking.oracle import affine, affine_gradients, whole_numbers
from grader.checking.student import call_later, get_later
from grader.checking.tolerance import Expected, mismatch

Layout = Callable[[NDArray[Any]], NDArray[Any]]


def check_equivalent(
    layer_a: CountedLayer,
    layer_b: CountedLayer,
    *,
    x: NDArray[Any],
    dy: NDArray[Any],
    to_b: Layout,
    rng: np.random.Generator,
    use_bias: bool = True,
    names: tuple[str, str] = ("the first layer", "the second layer"),
) -> None:
    """Check that two layers with shared weights are the same affine map of the channels.

    Draws a kernel and a bias of whole numbers, gives each layer the kernel in its own shape, and
    compares parameter count, output and gradients bit for bit. Both must also be right: two
    layers that are wrong in the same way are equal, but not what was asked for.

    Args:
        layer_a: Takes x as it is. Its kernel has the shape (..., in, out).
        layer_b: Takes `to_b(x)`. Its kernel has the shape (..., in, out).
        x: Whole numbers, shape (..., in).
        dy: Whole numbers, shape (..., out): the gradient of layer_a's output.
        to_b: Brings an input or output of layer_a into the layout of layer_b.
        rng: Draws the weights.
        use_bias: Whether the layers have a bias.
        names: What the message calls the two.

    Raises:
        Mismatch: They differ, or both are wrong; it says which one is.
        ValueError: The data are not small whole numbers, so equality to the bit means nothing.
    """
    kernel = whole_numbers(rng, x.shape[-1], dy.shape[-1], dtype=x.dtype)
    bias = whole_numbers(rng, dy.shape[-1], dtype=x.dtype) if use_bias else None
    expected = {
        "output": affine(x, kernel, bias),
        **affine_gradients(x, kernel, dy, use_bias=use_bias),
    }
    if not all(each.is_exact for each in expected.values()):
        raise ValueError("check_equivalent needs x and dy of small whole numbers: whole_numbers()")
    sides = (
        _share(layer_a, names[0], lambda array: array, kernel, bias),
        _share(layer_b, names[1], to_b, kernel, bias),
    )
    _compare_counts(*sides)
    results = [_run(side, x, dy, use_bias) for side in sides]
    for part, value in expected.items():
        _compare(part, value, sides, [result[part]() for result in results])


@dataclass(frozen=True)
class _Side:
    """One of the two layers, holding the shared weights.

    Attributes:
        layer: The student's.
        name: What the message calls it.
        layout: Brings inputs and outputs into its layout.
        kernel_shape: Of its own kernel.
    """

    layer: CountedLayer
    name: str
    layout: Layout
    kernel_shape: tuple[int, ...]

    def arrange(self, part: str, expected: Expected) -> Expected:
        """Bring an output or a gradient into the layout of this layer."""
        if part == "kernel":
            return expected.arranged(lambda array: array.reshape(self.kernel_shape))
        return expected if part == "bias" else expected.arranged(self.layout)


def _share(
    layer: CountedLayer,
    name: str,
    layout: Layout,
    kernel: NDArray[Any],
    bias: NDArray[Any] | None,
) -> _Side:
    own = layer.kernel
    shape = own.shape if isinstance(own, np.ndarray) else ()
    if shape[-2:] != kernel.shape or any(length != 1 for length in shape[:-2]):
        raise Mismatch(
            f"The kernel of {name} has the shape {shape}; to hold the shared weights it must end "
            f"in {kernel.shape}, with nothing but ones before."
        )
    layer.kernel = kernel.reshape(shape)
    layer.bias = bias
    return _Side(layer, name, layout, shape)


def _compare_counts(a: _Side, b: _Side) -> None:
    counts = [_count(side) for side in (a, b)]
    if counts[0] != counts[1]:
        raise Mismatch(
            f"{a.name} has {counts[0]} parameters, {b.name} has {counts[1]}: "
            "with the same weights they must have the same number.",
            counterexample={"name": "count_params()", "actual": counts[1], "expected": counts[0]},
        )


def _count(side: _Side) -> int:
    count = side.layer.count_params()
    if isinstance(count, np.ndarray | np.generic) and count.ndim == 0:
        count = count.item()
    if not isinstance(count, int):
        raise Mismatch(f"count_params() of {side.name} is {count!r:.100}, not a whole number.")
    return count


def _run(
    side: _Side, x: NDArray[Any], dy: NDArray[Any], use_bias: bool
) -> dict[str, Callable[[], object]]:
    """What a side returns, by part: to be called for it, so that both sides run side by side."""
    # Copies: what one layer writes into its input, the other must not see.
    results = {
        "output": call_later(side.layer, "forward", np.copy(side.layout(x))),
        "x": call_later(side.layer, "backward", np.copy(side.layout(dy))),
        "kernel": get_later(side.layer, "d_kernel"),
    }
    if use_bias:
        results["bias"] = get_later(side.layer, "d_bias")
    return results


def _compare(
    part: str, expected: Expected, sides: tuple[_Side, _Side], actual: list[object]
) -> None:
    label = "the output" if part == "output" else f"the gradient of {part}"
    wrong = [
        mismatch(result, side.arrange(part, expected), f"{label} of {side.name}")
        for side, result in zip(sides, actual, strict=True)
    ]
    evidence = [
        Evidence(f"{label} of {side.name}", result, side.arrange(part, expected))
        for side, result in zip(sides, actual, strict=True)
    ]
    first, second = wrong
    if first is not None and second is not None:
        reason = f"{sides[0].name} and {sides[1].name} are both wrong in {label}."
        raise _because(reason, first, evidence)
    for side, other, found in zip(sides, reversed(sides), wrong, strict=True):
        if found is not None:
            reason = f"They differ in {label}: {other.name} is right, {side.name} is not."
            raise _because(reason, found, evidence)


def _because(reason: str, found: Mismatch, evidence: list[Evidence]) -> Mismatch:
    return Mismatch(
        f"{reason}\n{found.message}",
        metrics=found.metrics,
        counterexample=found.counterexample,
        evidence=evidence,
    )
