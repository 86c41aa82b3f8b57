"""Is a backward pass right, and if not: is it wrong in itself, or is the forward pass wrong?

Two questions are asked of every gradient. Does it equal the oracle's? And is it the derivative of
the student's own forward pass, by finite differences? The answers together with the forward
pass's own verdict tell the student where to look first.

Only for layers that are affine in the input and in each parameter by itself (dense layers,
convolutions): there a difference quotient is exact at any step, so the step is 1 and float32 is
precise enough.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.layer import Layer
from grader.checking.mismatch import Evidence, Json, Mismatch
from grader.checking.recorder import record
from grader.checking.structure import as_float64
from grader.checking.student import call_later, get_later
from grader.checking.tolerance import Expected, mismatch

_LIKELY_FACTOR = 8.0


def check_gradients(
    layer: Layer,
    *,
    x: NDArray[Any],
    dy: NDArray[Any],
    parameters: Mapping[str, NDArray[Any] | None],
    forward: Expected,
    gradients: Mapping[str, Expected],
    rng: np.random.Generator,
    gradient_names: Mapping[str, str] | None = None,
) -> None:
    """Check `layer.backward(dy)` after `layer.forward(x)`, and say where a mistake sits.

    Sets the parameters, runs a forward pass for each gradient (at p + v, with v drawn from -1 and
    1), and then forward and backward on the parameters as given, which the layer keeps. With
    integer data leave room for the 1. Records `worst_error_over_bound` and
    `finite_difference_over_bound`.

    Args:
        layer: Has `forward(x)`, `backward(dy)` (which returns the gradient of x) and one
            attribute for each parameter and for each gradient.
        x: The input.
        dy: The gradient of the output, of the output's shape.
        parameters: Values by attribute name; None is set but has no gradient.
        forward: What `forward(x)` must return.
        gradients: What the gradients must be, under "x" and the names of parameters.
        rng: Draws the directions of the finite differences.
        gradient_names: Attribute of each parameter's gradient; by default `d_` + its name.

    Raises:
        Mismatch: A gradient is wrong, or the forward pass is.
    """
    values = {name: value for name, value in parameters.items() if value is not None}
    for name, value in parameters.items():
        setattr(layer, name, value)
    point = {"x": x, **values}
    stepped = {name: _step(layer, name, point, rng) for name in gradients}
    # Last, since a layer remembers its latest forward pass for backward.
    passed = call_later(layer, "forward", x)
    backward = call_later(layer, "backward", dy)
    asked = {
        name: get_later(layer, (gradient_names or {}).get(name, f"d_{name}"))
        for name in values
        if name in gradients
    }
    outputs = {name: there() for name, (_end, there) in stepped.items()}
    output = passed()
    found = mismatch(output, forward, "the output")
    base = _comparable(output, forward)
    actual: dict[str, object] = {"x": backward()}
    actual |= {name: value() for name, value in asked.items()}
    terms = _terms(forward, gradients)
    evidence = [Evidence("the output", output, forward)]
    evidence += [Evidence(name, actual[name], gradients[name]) for name in gradients]
    findings = []
    for name, expected in gradients.items():
        wrong = mismatch(actual[name], expected, f"the gradient of {name}")
        end, output_there = stepped[name][0], _comparable(outputs[name], forward)
        change = _Change(
            step=end.astype(np.float64) - point[name].astype(np.float64),
            output=output_there - base,
            size=np.abs(output_there) + np.abs(base) + 2 * forward.spread,
        )
        ratio = _deviation(actual[name], change, dy, expected.dtype, terms)
        findings.append(_Finding(name, wrong, ratio))
    try:
        _conclude(found, findings)
    except Mismatch as wrong:
        wrong.evidence = tuple(evidence)
        raise


@dataclass(frozen=True)
class _Change:
    """What one step in x or a parameter did to the student's own output.

    Attributes:
        step: p+ minus p, in float64.
        output: f(p+) minus f(p), in float64.
        size: Size of the numbers behind `output`, for the rounding in it.
    """

    step: NDArray[np.float64]
    output: NDArray[np.float64]
    size: NDArray[np.float64]


@dataclass(frozen=True)
class _Finding:
    """The two answers for one gradient.

    Attributes:
        name: "x" or a parameter.
        wrong: What tells it from the oracle's; None if nothing does.
        ratio: How far the finite difference is off, over its bound.
    """

    name: str
    wrong: Mismatch | None
    ratio: float

    @property
    def belongs(self) -> bool:
        """Whether it is the derivative of the student's own forward pass."""
        return self.ratio <= 1.0


def _step(
    layer: Layer, name: str, point: Mapping[str, NDArray[Any]], rng: np.random.Generator
) -> tuple[NDArray[Any], Callable[[], object]]:
    """Take one step in x or a parameter: where it leads, and (when called) the output there."""
    here = point[name]
    end = here + rng.choice([-1.0, 1.0], size=here.shape).astype(here.dtype)
    if name == "x":
        return end, call_later(layer, "forward", end)
    setattr(layer, name, end)
    output = call_later(layer, "forward", point["x"])
    setattr(layer, name, here)
    return end, output


def _comparable(output: object, forward: Expected) -> NDArray[np.float64]:
    """An output in float64. Raises Mismatch where its shape or dtype leaves nothing to compare."""
    return as_float64(output, forward.value.shape, forward.dtype, "the output")


def _terms(forward: Expected, gradients: Mapping[str, Expected]) -> int:
    """Length of the longest sum. Where the bound is zero it is not known: any size will do."""
    sums = [forward, *gradients.values()]
    return 1 + max(each.value.size if each.is_exact else each.terms for each in sums)


def _deviation(
    actual: object, change: _Change, dy: NDArray[Any], dtype: np.dtype[Any], terms: int
) -> float:
    """Compare <dy, f(p+) - f(p)> with <dp, p+ - p>: the difference over its bound.

    The bound is 8 u sqrt(n) times the 2-norm of what was added on either side; infinite where
    the gradient has the wrong shape.
    """
    if not isinstance(actual, np.ndarray) or actual.shape != change.step.shape:
        return np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        seen = change.output * dy.astype(np.float64)
        claimed = actual.astype(np.float64) * change.step
        deviation = abs(float(seen.sum()) - float(claimed.sum()))
        noise = float(np.linalg.norm(change.size * dy) + np.linalg.norm(claimed))
    if deviation == 0.0:
        return 0.0
    allowed = _LIKELY_FACTOR * float(np.finfo(dtype).eps) / 2 * terms**0.5 * noise
    ratio = deviation / allowed if allowed > 0.0 else np.inf
    return ratio if np.isfinite(ratio) else np.inf


def _conclude(forward_wrong: Mismatch | None, findings: list[_Finding]) -> None:
    """Raise what the findings amount to, or record that all is well."""
    finite = [finding.ratio for finding in findings if np.isfinite(finding.ratio)]
    record("finite_difference_over_bound", max(finite, default=0.0))
    if forward_wrong is None and all(f.wrong is None and f.belongs for f in findings):
        return
    detail = _first_wrong(forward_wrong, findings)
    lines = [_advice(forward_wrong is not None, findings)]
    lines += [detail.message] if detail is not None else []
    lines += [_line(finding) for finding in findings]
    details: dict[str, Json] = dict(detail.counterexample) if detail is not None else {}
    raise Mismatch(
        "\n".join(lines),
        metrics=detail.metrics if detail is not None else None,
        counterexample=details,
    )


def _first_wrong(forward_wrong: Mismatch | None, findings: list[_Finding]) -> Mismatch | None:
    if forward_wrong is not None:
        return forward_wrong
    return next((finding.wrong for finding in findings if finding.wrong is not None), None)


def _advice(forward_wrong: bool, findings: list[_Finding]) -> str:
    """The sentence for what the findings have in common; the worst one decides."""
    wrong = [f.name for f in findings if f.wrong is not None]
    if not forward_wrong:
        if wrong:
            return f"Forward is right, backward is wrong for {_names(wrong)}."
        foreign = [f.name for f in findings if not f.belongs]
        return (
            f"Output and gradients are right, but the output does not follow a change of "
            f"{_names(foreign)}: does forward use the value that is there now?"
        )
    if any(f.wrong is not None and not f.belongs for f in findings):
        return "Forward and backward are both wrong. Mend forward first, then look again."
    if foreign := [f.name for f in findings if not f.belongs]:
        return (
            f"Backward gives the textbook gradient of {_names(foreign)}, but it does not belong "
            "to your own forward: mend forward."
        )
    if wrong:
        return (
            "Your backward is the right derivative of a wrong forward: mend forward first, "
            f"and see whether {_names(wrong)} still differs."
        )
    return (
        "Backward is right. Forward is off by something that depends neither on x nor on a "
        "parameter: a constant, or what an earlier call left behind?"
    )


def _line(finding: _Finding) -> str:
    value = "right" if finding.wrong is None else "wrong"
    belongs = "is" if finding.belongs else "is not"
    return f"- gradient of {finding.name}: {value}; {belongs} the derivative of your own forward"


def _names(names: list[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
