"""What the interface for programs takes from staff of a course, and gives them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from web.api.shapes import AssignmentItem, Page, Shape


class VersionItem(Shape):
    """A version of an assignment that can be set."""

    id: int
    slug: str
    label: str
    title: str
    sha256: str
    max_score: float
    points: dict[str, float]
    added_at: datetime


class Versions(Shape):
    """All of the service, newest first."""

    versions: list[VersionItem]


class SetAssignment(Shape):
    """Which version to set in the course."""

    version_id: int = Field(ge=1, le=2**31 - 1)


class AssignmentSet(AssignmentItem):
    """It is set; students do not see it before it opens."""


class Member(Shape):
    """Somebody in a course."""

    login: str
    name: str
    email: str
    role: str
    section: str
    dropped_at: datetime | None


class Members(Shape):
    """All of a course, those who left as well."""

    members: list[Member]


class ActItem(Shape):
    """An entry of the audit log."""

    at: datetime
    actor: str | None = Field(description="Login; null for the service itself.")
    verb: str
    subject: str
    details: dict[str, Any]


class Acts(Shape):
    """Newest first."""

    acts: list[ActItem]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class ActPage(Page):
    """Which page of the audit log."""

    cursor: str = Field("", max_length=10, pattern="^([1-9][0-9]{0,9})?$")


class QueueItem(Shape):
    """A grading that is not done."""

    receipt: str
    trace: str = Field(description="Finds it in the logs.")
    assignment: str
    login: str
    epoch: int
    state: str
    place: int | None
    tries: int
    fault: str | None = Field(description="What went wrong with us or the assignment, last.")
    created_at: datetime
    regrade: int | None


class QueueAnswer(Shape):
    """What of a course waits or runs, oldest first."""

    paused: str | None = Field(description="Why nothing is graded; null if gradings go on.")
    gradings: list[QueueItem]
    more: int = Field(description="How many more there are.")
