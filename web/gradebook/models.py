"""Scores: acts of people that bear on them, and what follows."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, Utc, now


class ScoreAct(StrEnum):
    """What a person decides about a score.

    `clear` takes an override or excuse back.
    """

    OVERRIDE = "override"
    EXCUSE = "excuse"
    CLEAR = "clear"


class ScoreDecision(Base):
    """A person's word on a student's score. The newest counts; none is ever changed."""

    __tablename__ = "score_decision"
    __table_args__ = (
        Index("ix_score_decision_of", "assignment_id", "user_id"),
        CheckConstraint("kind IN ('override', 'excuse', 'clear')", name="kind"),
        CheckConstraint("(kind = 'override') = (score IS NOT NULL)", name="score"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(String(12))
    score: Mapped[float | None]
    comment: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)


class Standing(Base):
    """A student's score in an assignment, derived from everything else; it can be made anew.

    Attributes:
        submission_id: The one that counts; None where none is graded.
        epoch: Of the result that counts.
        raw: What the grading gave.
        late_days: Begun after the deadline, grace days not taken off.
        grace_days: Of those, how many the grace days cover.
        score: With penalty or override; None where there is none.
        status: `none`, `pending`, `graded`, `override` or `excused`.
    """

    __tablename__ = "standing"
    __table_args__ = (
        Index("ix_standing_result", "submission_id", "epoch"),
        CheckConstraint(
            "status IN ('none', 'pending', 'graded', 'override', 'excused')", name="status"
        ),
        CheckConstraint("(status IN ('graded', 'override')) = (score IS NOT NULL)", name="score"),
    )

    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, index=True)
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"))
    epoch: Mapped[int | None]
    raw: Mapped[float | None]
    max_score: Mapped[float]
    late_days: Mapped[int] = mapped_column(default=0)
    grace_days: Mapped[int] = mapped_column(default=0)
    score: Mapped[float | None]
    status: Mapped[str] = mapped_column(String(10))
    submissions: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(Utc, default=now)


class Regrade(Base):
    """A proposal: submissions graded anew, whose results count once somebody applies it.

    Attributes:
        version_id: What they are graded by.
        which: `one`, `all`, `latest` or `failed`.
        state: `open` until it is `applied` or `dropped`.
    """

    __tablename__ = "regrade"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'applied', 'dropped')", name="state"),
        CheckConstraint("which IN ('one', 'all', 'latest', 'failed')", name="which"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    which: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8), default="open")
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Utc)
