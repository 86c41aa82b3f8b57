"""Courses, who is in them, and what is set there."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from web.accounts.models import User
from web.database import Base, Utc, now


class Role(StrEnum):
    """What somebody is in a course, strongest first."""

    INSTRUCTOR = "instructor"
    ASSISTANT = "assistant"
    STUDENT = "student"


class Counts(StrEnum):
    """Which of a student's submissions counts."""

    LAST = "last"
    BEST = "best"
    CHOSEN = "chosen"


class Course(Base):
    """A course.

    Attributes:
        time_zone: Of its deadlines where a person has none of their own.
        grace_days: Late days that each student may use without a penalty, over all assignments.
    """

    __tablename__ = "course"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    title: Mapped[str] = mapped_column(String(160))
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    grace_days: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    archived_at: Mapped[datetime | None] = mapped_column(Utc)


class Enrolment(Base):
    """A person in a course."""

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("course_id", "user_id"),
        Index("ix_enrolment_user", "user_id"),
        CheckConstraint("role IN ('instructor', 'assistant', 'student')", name="role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    role: Mapped[str] = mapped_column(String(16))
    section: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)
    dropped_at: Mapped[datetime | None] = mapped_column(Utc)

    user: Mapped[User] = relationship(lazy="raise")
    course: Mapped[Course] = relationship(lazy="raise")


class Version(Base):
    """One state of an assignment's folder, proved sound, and kept as it was.

    Attributes:
        sha256: Of the folder; its files lie in `assignments/<sha256>` of the data folder.
        checks: Of each check `id`, `title`, `group`, `points` and `visibility`.
        record: Of `grader verify`.
    """

    __tablename__ = "version"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), index=True)
    label: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(160))
    module: Mapped[str] = mapped_column(String(100))
    max_score: Mapped[float]
    points: Mapped[dict[str, float]] = mapped_column(JSON)
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    record: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    device: Mapped[str] = mapped_column(String(16), default="cpu")
    added_at: Mapped[datetime] = mapped_column(Utc, default=now)


class CourseAssignment(Base):
    """An assignment as it is set in a course.

    Attributes:
        version_id: What new submissions are graded by.
        due_at: Later is late; None for never.
        closes_at: Later is refused; None for never.
        late_percent: Of the points, lost with each day begun after the deadline and grace days.
        attempts: How many submissions a student may make; None for any number.
        window_attempts: How many within `window_hours`; None for any number.
        counts: Which submission counts.
        held: Scores are shown only once `released_at` is past.
    """

    __tablename__ = "course_assignment"
    __table_args__ = (
        UniqueConstraint("course_id", "slug"),
        CheckConstraint("counts IN ('last', 'best', 'chosen')", name="counts"),
        CheckConstraint("late_percent BETWEEN 0 AND 100", name="late_percent"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    slug: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(160))
    opens_at: Mapped[datetime | None] = mapped_column(Utc)
    due_at: Mapped[datetime | None] = mapped_column(Utc)
    closes_at: Mapped[datetime | None] = mapped_column(Utc)
    late_percent: Mapped[float] = mapped_column(default=0.0)
    attempts: Mapped[int | None]
    window_attempts: Mapped[int | None]
    window_hours: Mapped[int | None]
    counts: Mapped[str] = mapped_column(String(8), default=Counts.BEST.value)
    held: Mapped[bool] = mapped_column(default=False)
    released_at: Mapped[datetime | None] = mapped_column(Utc)
    shown: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """Visibility of checks, by id, where it is another than their author's."""
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)

    course: Mapped[Course] = relationship(lazy="raise")
    version: Mapped[Version] = relationship(lazy="raise")


class Extension(Base):
    """More time for one student. The newest counts; none is ever changed."""

    __tablename__ = "extension"
    __table_args__ = (Index("ix_extension_of", "assignment_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("course_assignment.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    due_at: Mapped[datetime] = mapped_column(Utc)
    reason: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(Utc, default=now)


class Act(Base):
    """Who did what: the audit log. Only ever added to."""

    __tablename__ = "act"
    __table_args__ = (Index("ix_act_course", "course_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, default=now)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("course.id"))
    verb: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    address: Mapped[str] = mapped_column(String(64), default="")

    actor: Mapped[User | None] = relationship(lazy="raise")
