"""Figures that a running check leaves for the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[dict[str, float | int] | None] = ContextVar("metrics", default=None)


def record(name: str, value: float) -> None:
    """Keep the largest value seen under `name` by the running check; outside of one, do nothing."""
    metrics = _current.get()
    if metrics is not None:
        metrics[name] = max(value, metrics.get(name, value))


@contextmanager
def recording() -> Iterator[dict[str, float | int]]:
    """Collect what is recorded in the body. An inner recording hides an outer one."""
    metrics: dict[str, float | int] = {}
    token = _current.set(metrics)
    try:
        yield metrics
    finally:
        _current.reset(token)
