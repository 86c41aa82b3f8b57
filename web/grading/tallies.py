"""Figures that only grow, kept in the database: whatever process counts, `/metrics` is right.

They are added to in the transaction of what they count, so both are there or neither is. Call this
last in it: whoever else counts waits for these rows.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.report import Report, Status
from web.database import upsert
from web.grading.models import Tally

BOUNDS = (
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    14400.0,
)
"""Upper bounds of the buckets of histograms, in seconds; longer ones are in the last, `+Inf`."""

DEVICES = ("cpu", "cuda")
SUM = "sum"
"""Stands for the sum of all seconds, in the place of a bucket's bound."""


class Figure(StrEnum):
    """What is counted."""

    QUEUED_S = "queued seconds"
    GRADING_S = "grading seconds"
    RECORDED = "recorded"
    CHECKS = "checks"
    FAULTS = "faults"
    REFUSED = "refused"


class Fault(StrEnum):
    """Why a grading gave no result: never the submission's fault.

    Members:
        GRADER: The machine, its engine, or the grader itself.
        ASSIGNMENT: Its author's.
        FILES: The stored submission is gone or damaged.
        SILENT: A worker said nothing until its lease ended.
        DEAD: Runners ended in mid-grading, again and again.
        UNWELL: A machine that grades nobody until it is mended; that is no try.
    """

    GRADER = "grader"
    ASSIGNMENT = "assignment"
    FILES = "files"
    SILENT = "silent"
    DEAD = "dead"
    UNWELL = "unwell"


Counts = dict[tuple[str, str], float]
"""By figure and label. Of a histogram the label has several words, the last of them the bucket."""


def count_faults(session: Session, kind: Fault, number: int = 1) -> None:
    """Count gradings that gave no result."""
    if number:
        _add(session, {(Figure.FAULTS, kind): number})


def count_refused(session: Session) -> None:
    """Count a report that was refused."""
    _add(session, {(Figure.REFUSED, ""): 1})


def count_result(
    session: Session,
    report: Report,
    *,
    device: str,
    is_regrade: bool,
    queued_at: datetime,
    begun_at: datetime | None,
    ended_at: datetime,
) -> None:
    """Count a result that is recorded.

    Args:
        session: The caller's.
        report: Graded.
        device: That it was graded on.
        is_regrade: Those wait behind all others, so their time in the queue is told apart.
        queued_at: When its attempt was made.
        begun_at: When the last grading of it began; None where none was noted.
        ended_at: Now.
    """
    counts: Counts = {(Figure.RECORDED, status_of(report)): 1}
    for check in report.checks:
        key = (Figure.CHECKS, check.status.value)
        counts[key] = counts.get(key, 0) + 1
    if begun_at is not None:
        kind = "regrade" if is_regrade else "first"
        counts |= _seconds(Figure.QUEUED_S, f"{device} {kind}", queued_at, begun_at)
        counts |= _seconds(Figure.GRADING_S, device, begun_at, ended_at)
    _add(session, counts)


def status_of(report: Report) -> Status:
    """A graded report's as a whole, in the words of its checks."""
    if report.score == report.max_score:
        return Status.PASSED
    return Status.PARTIAL if report.score else Status.FAILED


def counted(session: Session) -> Counts:
    """All there is."""
    rows = session.execute(select(Tally.figure, Tally.label, Tally.value))
    return {(row[0], row[1]): row[2] for row in rows}


def _seconds(figure: Figure, label: str, begin: datetime, end: datetime) -> Counts:
    seconds = max(0.0, (end - begin).total_seconds())  # two machines' clocks may differ a little
    bucket = next((f"{bound}" for bound in BOUNDS if seconds <= bound), "+Inf")
    return {(figure, f"{label} {bucket}"): 1, (figure, f"{label} {SUM}"): seconds}


def _add(session: Session, counts: Mapping[tuple[str, str], float]) -> None:
    rows = [
        {"figure": str(figure), "label": str(label), "value": float(value)}
        for (figure, label), value in sorted(counts.items())
    ]
    upsert(session, Tally, rows, ("figure", "label"), summed="value")
