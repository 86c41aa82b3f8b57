"""Figures that a running check leaves for the report."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from grader.measurement import SpeedMeasurement


@dataclass(frozen=True)
class Case:
    """One case that a check tried.

    Attributes:
        values: What was drawn for it.
        error: What came out of it; None where it passed.
    """

    values: Mapping[str, Any]
    error: BaseException | None


class Question(StrEnum):
    """What a helper asks of a result."""

    MATCHES = "matches"
    ARRAY = "array"
    EQUAL = "equal"
    UNCHANGED = "unchanged"
    STYLE = "style"
    RAISES = "raises"
    RAISED = "raised"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A result, and what a helper expects of it.

    Attributes:
        question: What is asked; `raises` and `raised` are the ends of a block that must raise.
        name: What messages call it.
        actual: What student code returned.
        expected: For `matches` an Expected; for `array` a pair of shape and dtype; for
            `unchanged` what was sent; for `style` the names that are forbidden; else a plain value.
    """

    question: Question
    name: str
    actual: object = None
    expected: object = None


class Observer(Protocol):
    """Is told what checks do."""

    def compared(self, comparison: Comparison) -> None:
        """A helper is about to judge a result."""
        ...

    def case_ended(self, case: "Case") -> None:
        """A drawn case has ended."""
        ...


@dataclass
class Recording:
    """What one check has left so far.

    Attributes:
        metrics: The largest value seen, by name.
        speed: The last measurement; None where nothing was timed.
        cases: In the order they ran; none of a check that draws none.
    """

    metrics: dict[str, float | int] = field(default_factory=dict)
    speed: SpeedMeasurement | None = None
    cases: list[Case] = field(default_factory=list)


_current: ContextVar[Recording | None] = ContextVar("recording", default=None)
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


def record(name: str, value: float) -> None:
    """Keep the largest value seen under `name` by the running check; outside of one, do nothing.

    A figure that another grading with the same seed may see differently has a name that says so
    (see `grader.report.without_times`): it ends in `_s` or `_mib`, or starts with `speed_`.
    """
    recorded = _current.get()
    if recorded is not None:
        recorded.metrics[name] = max(value, recorded.metrics.get(name, value))


def record_speed(measurement: SpeedMeasurement) -> None:
    """Keep a measurement of the running check, the last one; outside of one, do nothing."""
    recorded = _current.get()
    if recorded is not None:
        recorded.speed = measurement


def record_case(case: Case) -> None:
    """Keep a case of the running check; outside of one, do nothing."""
    recorded, observer = _current.get(), _observer.get()
    if recorded is not None:
        recorded.cases.append(case)
    if observer is not None:
        observer.case_ended(case)


def note_comparison(comparison: Comparison) -> None:
    """Tell the observer, if there is one."""
    observer = _observer.get()
    if observer is not None:
        observer.compared(comparison)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Tell an observer of everything that checks do in the body."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def recording() -> Iterator[Recording]:
    """Collect what is recorded in the body. An inner recording hides an outer one."""
    recorded = Recording()
    token = _current.set(recorded)
    try:
        yield recorded
    finally:
        _current.reset(token)
