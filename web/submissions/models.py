"""What was handed in. Rows are never changed."""

import secrets
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grader.tracing import new_trace
from web.accounts.models import User
from web.courses.models import CourseAssignment
from web.database import Base, Utc

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none is taken for another


def new_receipt() -> str:
    """What names a submission to people: ten letters, never guessed or counted."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


class Submission(Base):
    """One submission, as it was received.

    Attributes:
        receipt: Its public id.
        sha256: Of its content, as in its reports.
        archive: The stored zip of its files.
        files: Name and size of each.
        received_at: By the server's clock. Deadlines and limits are computed from it.
        key: What a client sent so that a repeated upload is the same submission.
        trace: Joins what every part logs about it.
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("assignment_id", "user_id", "key"),
        Index("ix_submission_of", "assignment_id", "user_id", "received_at"),
        Index("ix_submission_user", "user_id", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    receipt: Mapped[str] = mapped_column(String(10), unique=True, default=new_receipt)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    archive: Mapped[str] = mapped_column(String(64))
    files: Mapped[dict[str, int]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(Utc)
    source: Mapped[str] = mapped_column(String(8))
    address: Mapped[str] = mapped_column(String(64), default="")
    key: Mapped[str | None] = mapped_column(String(80))
    trace: Mapped[str] = mapped_column(String(32), default=new_trace)

    user: Mapped[User] = relationship(lazy="raise")
    assignment: Mapped[CourseAssignment] = relationship(lazy="raise")


class Choice(Base):
    """Which submission a student wants to count; the newest is meant."""

    __tablename__ = "choice"
    __table_args__ = (Index("ix_choice_of", "assignment_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"))
    created_at: Mapped[datetime] = mapped_column(Utc)
