"""Figures that a running check leaves for the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from grader.measurement import SpeedMeasurement


@dataclass
class Recording:
    """What one check has left so far.

    Attributes:
        metrics: The largest value seen, by name.
        speed: The last measurement; None where nothing was timed.
    """

    metrics: dict[str, float | int] = field(default_factory=dict)
    speed: SpeedMeasurement | None = None


_current: ContextVar[Recording | None] = ContextVar("recording", default=None)


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


@contextmanager
def recording() -> Iterator[Recording]:
    """Collect what is recorded in the body. An inner recording hides an outer one."""
    recorded = Recording()
    token = _current.set(recorded)
    try:
        yield recorded
    finally:
        _current.reset(token)
