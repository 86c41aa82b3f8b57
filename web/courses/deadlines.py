"""When something is late, and what that costs. Always by the time of receipt."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from web.courses.models import CourseAssignment, Extension

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Deadline:
    """A student's, with an extension if there is one.

    Attributes:
        due_at: Later is late; None for never.
        closes_at: Later is refused; None for never.
        extended: Whether an extension moved it.
    """

    due_at: datetime | None
    closes_at: datetime | None
    extended: bool = False

    def late_days(self, received_at: datetime) -> int:
        """Days begun after the deadline; 0 in time."""
        if self.due_at is None or received_at <= self.due_at:
            return 0
        return math.ceil((received_at - self.due_at) / _DAY)


def deadline_of(assignment: CourseAssignment, extension: Extension | None) -> Deadline:
    """With the newest extension."""
    extended_to = None if extension is None else extension.due_at
    return extended(assignment.due_at, assignment.closes_at, extended_to)


def extended(due: datetime | None, closes: datetime | None, to: datetime | None) -> Deadline:
    """An assignment's times with an extension, which never takes time away."""
    if to is None or due is None or to <= due:
        return Deadline(due, closes)
    return Deadline(to, None if closes is None else max(closes, to), extended=True)


_EXTENSIONS = (
    select(Extension)
    .where(
        Extension.user_id == bindparam("of_user"),
        Extension.assignment_id.in_(bindparam("of_assignments", expanding=True)),
    )
    .order_by(Extension.id)
)


def extensions_of(
    session: Session, user_id: int, assignments: Iterable[int]
) -> dict[int, Extension]:
    """A student's newest extension of each assignment, by the assignment's id."""
    rows = session.scalars(_EXTENSIONS, {"of_user": user_id, "of_assignments": list(assignments)})
    return {extension.assignment_id: extension for extension in rows}


def deadline_for(session: Session, assignment: CourseAssignment, user_id: int) -> Deadline:
    """Of one student in one assignment."""
    extensions = extensions_of(session, user_id, [assignment.id])
    return deadline_of(assignment, extensions.get(assignment.id))


def penalized(score: float, percent: float, days: int) -> float:
    """A score less `percent` of itself per day, never below 0."""
    return round(score * max(0.0, 1 - percent * days / 100), 9)
