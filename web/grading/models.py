"""Gradings of submissions: attempts, which change, and results, which never do."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from web.courses.models import Version
from web.database import Base, Utc, now
from web.submissions.models import Submission


class State(StrEnum):
    """Where an attempt is.

    `waiting` is for a person: a fault of ours that trying again did not mend, or the author's.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    WAITING = "waiting"
    CANCELLED = "cancelled"


class Attempt(Base):
    """One grading of one submission; a regrade is another, of the next epoch.

    Attributes:
        regrade_id: The regrade that it belongs to, if any; its result counts once that is applied.
        priority: Less comes first.
        tries: How many gradings of it were begun.
        not_before: When it may be tried again.
        worker: Who has it, while it runs.
        leased_until: When that is taken from a worker that says nothing.
        phase: In a word what happens now.
        checks: Of each check that ended its `id`, `title` and `status`, for who watches.
        checks_total: How many there will be.
        fault: What went wrong with us or the assignment, most recently.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("submission_id", "epoch"),
        Index("ix_attempt_queue", "state", "priority", "id"),
        Index("ix_attempt_regrade", "regrade_id"),
        CheckConstraint(
            "state IN ('queued', 'running', 'done', 'waiting', 'cancelled')", name="state"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"))
    epoch: Mapped[int]
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    regrade_id: Mapped[int | None] = mapped_column(ForeignKey("regrade.id"))
    state: Mapped[str] = mapped_column(String(12), default=State.QUEUED.value)
    priority: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(Utc)
    worker: Mapped[str | None] = mapped_column(String(80))
    leased_until: Mapped[datetime | None] = mapped_column(Utc)
    phase: Mapped[str] = mapped_column(String(40), default="")
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    checks_total: Mapped[int] = mapped_column(default=0)
    fault: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)

    submission: Mapped[Submission] = relationship(lazy="raise")
    version: Mapped[Version] = relationship(lazy="raise")


class Result(Base):
    """What a grading found: one per submission and epoch, the first that was recorded."""

    __tablename__ = "result"
    __table_args__ = (
        CheckConstraint("score >= 0 AND score <= max_score", name="score"),
        Index("ix_result_attempt", "attempt_id", unique=True),
    )

    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"))
    score: Mapped[float]
    max_score: Mapped[float]
    failure: Mapped[str | None] = mapped_column(String(32))
    report: Mapped[str] = mapped_column(Text, deferred=True)
    """JSON, whole: only `grader.report.student_view` of it is a student's to see."""
    recorded_at: Mapped[datetime] = mapped_column(Utc, default=now)


class ResultConflict(Base):
    """Evidence: another report than the one that was recorded for the same epoch."""

    __tablename__ = "result_conflict"

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), index=True)
    epoch: Mapped[int]
    report: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Utc, default=now)


class CheckOutcome(Base):
    """How one check of a result ended, for tables over a class."""

    __tablename__ = "check_outcome"

    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    check_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    status: Mapped[str] = mapped_column(String(12))
    points: Mapped[float]
    max_points: Mapped[float]
    hint: Mapped[str | None] = mapped_column(String(60))
    speed_ratio: Mapped[float | None]


class Tally(Base):
    """A figure that only grows; see `web.grading.tallies`."""

    __tablename__ = "tally"

    figure: Mapped[str] = mapped_column(String(20), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[float]
