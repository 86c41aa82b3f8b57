"""What the interface for programs takes and gives, for students and for all."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def without_nul(text: str) -> str:
    """The same. Raises ValueError where it has the character 0, which PostgreSQL cannot store."""
    if "\0" in text:
        raise ValueError("must not contain the character 0")
    return text


Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(without_nul)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=160), AfterValidator(without_nul)]


class Shape(BaseModel):
    """Base: nothing but what is named, and only numbers that JSON has."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class FieldError(Shape):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Shape):
    """Why a request was not done (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class Me(Shape):
    """Who the token stands for, and what for."""

    login: str
    name: str
    email: str
    time_zone: str | None
    is_admin: bool
    scopes: list[str]


class CourseItem(Shape):
    """A course that one is in."""

    slug: str
    title: str
    time_zone: str
    role: str
    archived: bool


class Courses(Shape):
    """Those that one is in."""

    courses: list[CourseItem]


class StandingItem(Shape):
    """One's score in an assignment; `held` while it is not shown."""

    status: str
    score: float | None
    max_score: float
    late_days: int
    submissions: int
    receipt: str | None = Field(description="Of the submission that counts.")


class AssignmentItem(Shape):
    """An assignment of a course."""

    slug: str
    title: str
    version: str
    max_score: float
    opens_at: datetime | None
    due_at: datetime | None = Field(description="One's own, with an extension; later is late.")
    closes_at: datetime | None = Field(description="Later is refused.")
    extended: bool
    standing: StandingItem | None


class Assignments(Shape):
    """Those of a course."""

    assignments: list[AssignmentItem]


class CheckItem(Shape):
    """A check, as its title tells it."""

    title: str
    group: str
    points: float
    visibility: str


class RoomAnswer(Shape):
    """How many submissions one may still make."""

    left: int | None = Field(description="All in all; null for any number.")
    next_at: datetime | None = Field(description="When the next is taken; null for now.")


class AssignmentAnswer(AssignmentItem):
    """An assignment, with what it asks for."""

    module: str
    points: dict[str, float]
    checks: list[CheckItem]
    late_percent: float
    counts: str
    attempts: int | None
    window_attempts: int | None
    window_hours: int | None
    held: bool
    released_at: datetime | None
    room: RoomAnswer


class Receipt(Shape):
    """What was taken: it cannot be lost any more."""

    receipt: str
    sha256: str
    received_at: datetime


class SubmissionItem(Receipt):
    """A submission, and what became of it. There is no score while scores are held."""

    state: str
    late_days: int
    score: float | None
    max_score: float | None


class Submissions(Shape):
    """Newest first."""

    submissions: list[SubmissionItem]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class CheckProgress(Shape):
    """A check that has ended, while others still run."""

    title: str
    status: str


class SubmissionAnswer(SubmissionItem):
    """A submission, with how far its grading is."""

    course: str
    assignment: str
    login: str
    source: str
    files: dict[str, int]
    place: int | None = Field(description="In the queue; 1 is next.")
    trace: str | None = Field(description="Finds it in the logs; null but for staff.")
    phase: str
    checks: list[CheckProgress]
    checks_total: int


class Page(Shape):
    """Which page of a list."""

    cursor: str = Field("", max_length=40, pattern="^[a-z0-9]*$")
    limit: int = Field(50, ge=1, le=100)


class Nothing(Shape):
    """It is done; there is nothing to tell."""


class ReportAnswer(BaseModel):
    """A report; `docs/report.schema.json` describes it."""

    model_config = ConfigDict(extra="allow")

    schema_version: int
    outcome: str
    score: float | None
    max_score: float | None
    checks: list[dict[str, Any]]
