"""The audit log: every act of a person that others answer for."""

from typing import Any

from sqlalchemy.orm import Session

from web.courses.models import Act


def log_act(
    session: Session,
    actor_id: int | None,
    verb: str,
    subject: str,
    *,
    course_id: int | None = None,
    address: str = "",
    **details: Any,
) -> None:
    """Add an entry, in the same transaction as what it is about.

    Args:
        session: The caller's.
        actor_id: Who; None for the service itself or its command line.
        verb: What was done, such as `extend`.
        subject: To what, for people.
        course_id: In which course.
        address: From where.
        details: What it takes to understand it later; JSON values.
    """
    session.add(
        Act(
            actor_id=actor_id,
            verb=verb,
            subject=subject[:200],
            course_id=course_id,
            address=address,
            details=details,
        )
    )
