"""What Prometheus is told. All of it comes from the database: other processes count as well."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.report import Status
from web.database import now
from web.grading import queue
from web.grading.models import Result, ResultConflict, State
from web.grading.tallies import BOUNDS, DEVICES, SUM, Counts, Fault, Figure, counted
from web.submissions.models import Submission

_KINDS = ("first", "regrade")
_TOTALS = {
    "onebyone_submissions": ("Submissions received", Submission.id),
    "onebyone_results": ("Results recorded", Result.attempt_id),
    "onebyone_result_conflicts": ("Reports that contradict a result", ResultConflict.id),
}
_GRADED = (Status.PASSED.value, Status.PARTIAL.value, Status.FAILED.value)


def measure(session: Session, *, paused: bool) -> CollectorRegistry:
    """What there is to tell.

    Args:
        session: The caller's.
        paused: Whether the workers of this process grade nothing, though they should.
    """
    registry = CollectorRegistry()
    registry.register(_Measured([*_present(session), *_counters(counted(session))]))
    gauge = GaugeMetricFamily("onebyone_grading_paused", "1 while nothing is graded here", paused)
    registry.register(_Measured([gauge]))
    return registry


class _Measured(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _present(session: Session) -> Iterator[Metric]:
    """What is there now: rows of the queue's index, and numbers of rows."""
    depth = queue.depth(session)
    attempts = GaugeMetricFamily(
        "onebyone_attempts", "Gradings that are not done, by state", labels=["state"]
    )
    for state in (State.QUEUED, State.RUNNING, State.WAITING):
        attempts.add_metric([state.value], depth.get(state.value, 0))
    yield attempts
    since = queue.oldest_queued(session)
    oldest = GaugeMetricFamily(
        "onebyone_oldest_queued_seconds", "Age of what waits longest", labels=["device", "kind"]
    )
    moment = now()
    for device in DEVICES:
        for kind in _KINDS:
            begin = since.get((device, kind == "regrade"), moment)
            oldest.add_metric([device, kind], max(0.0, (moment - begin).total_seconds()))
    yield oldest
    for name, (text, column) in _TOTALS.items():
        yield GaugeMetricFamily(name, text, session.scalar(select(func.count(column))) or 0)


def _counters(counts: Counts) -> Iterator[Metric]:
    """What was counted; a series that nothing was counted for is there, as 0."""
    for name, text, label, figure, values in (
        ("recorded", "Results, by status as a whole", "status", Figure.RECORDED, _GRADED),
        ("checks", "Checks of results, by status", "status", Figure.CHECKS, list(Status)),
        (
            "faults",
            "Gradings without a result, by kind of fault",
            "kind",
            Figure.FAULTS,
            list(Fault),
        ),
    ):
        family = CounterMetricFamily(f"onebyone_{name}", text, labels=[label])
        for value in values:
            family.add_metric([value], counts.get((figure, value), 0))
        yield family
    yield CounterMetricFamily(
        "onebyone_reports_refused",
        "Messages of runners that were refused",
        counts.get((Figure.REFUSED, ""), 0),
    )
    queued = HistogramMetricFamily(
        "onebyone_queued_seconds", "From queued to begun, of results", labels=["device", "kind"]
    )
    grading = HistogramMetricFamily(
        "onebyone_grading_seconds", "From begun to recorded, of results", labels=["device"]
    )
    for device in DEVICES:
        for kind in _KINDS:
            _fill(queued, [device, kind], Figure.QUEUED_S, counts)
        _fill(grading, [device], Figure.GRADING_S, counts)
    yield queued
    yield grading


def _fill(family: HistogramMetricFamily, labels: list[str], figure: Figure, counts: Counts) -> None:
    def of(last: str) -> float:
        return counts.get((figure, " ".join([*labels, last])), 0.0)

    bounds = [*map(str, BOUNDS), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(map(of, bounds)), strict=True)), of(SUM))
