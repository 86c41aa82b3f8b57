"""What the interface for programs takes from instructors, and tells them of a class."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from web.api.shapes import Name, Shape, Text, without_nul
from web.courses.models import Counts, Role

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _near(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError("must lie between the years 2000 and 2200")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, Field(strict=True), AfterValidator(_near)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=1000), AfterValidator(without_nul)
]
Table = Annotated[str, StringConstraints(max_length=2 * 1024 * 1024), AfterValidator(without_nul)]
RowId = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Limit = Annotated[StrictInt, Field(ge=1, le=10_000)]


class CourseSettings(Shape):
    """Of a course."""

    title: Name
    time_zone: str = Field(max_length=64, description="Like `Europe/Berlin`.")
    grace_days: StrictInt = Field(ge=0, le=365)


class SettingsOfAssignment(Shape):
    """All of them: what is left out is set to what is said here."""

    title: Name
    opens_at: Moment | None = Field(None, description="Null for not yet.")
    due_at: Moment | None = Field(None, description="Later is late; null for never.")
    closes_at: Moment | None = Field(None, description="Later is refused; null for never.")
    late_percent: float = Field(0.0, ge=0, le=100, description="Lost with each day begun.")
    attempts: Limit | None = Field(None, description="Null for any number.")
    window_attempts: Limit | None = Field(None, description="How many within `window_hours`.")
    window_hours: Limit | None = None
    counts: Counts = Field(Counts.BEST, description="Which submission counts.")
    held: StrictBool = Field(False, description="Show no scores before they are released.")
    shown: dict[Name, Literal["public", "hidden", "after_deadline"]] = Field(
        default_factory=dict,
        max_length=1000,
        description="Visibility of checks, by id, where it is another than their author's.",
    )


class ChosenVersion(Shape):
    """Which version to grade new submissions by."""

    version_id: RowId


class NewExtension(Shape):
    """More time for one student."""

    due_at: Moment
    reason: Reason


class NewDecision(Shape):
    """A person's word on a student's score."""

    kind: Literal["override", "excuse", "clear"]
    score: float | None = Field(None, description="Of an override, and of nothing else.")
    comment: Reason

    @model_validator(mode="after")
    def _score_fits(self) -> Self:
        if (self.score is None) == (self.kind == "override"):
            raise ValueError("an override has a score, and nothing else has one")
        return self


class NewRegrade(Shape):
    """What to grade anew, by which version, and why."""

    which: Literal["one", "latest", "failed", "all"]
    version_id: RowId | None = Field(None, description="Null for that of new submissions.")
    receipt: str | None = Field(None, max_length=40, description="Which, of `one`.")
    reason: Reason


class RegradeItem(Shape):
    """A proposal: nothing of it counts before it is applied."""

    id: int
    assignment: str
    version: str
    which: str
    reason: str
    state: str = Field(description="`open`, `applied` or `dropped`.")
    created_at: datetime
    decided_at: datetime | None


class Regrades(Shape):
    """Of an assignment, newest first."""

    regrades: list[RegradeItem]


class MoveItem(Shape):
    """A submission whose score a regrade changes."""

    receipt: str
    login: str
    counts: bool = Field(description="Whether it is the one that counts now.")
    before: float | None
    after: float
    max_score: float


class RegradeAnswer(RegradeItem):
    """A regrade, with who moves and by how much."""

    moves: list[MoveItem]
    unchanged: int
    unfinished: int = Field(description="Gradings that are not done; it can be applied at 0.")
    waiting: int = Field(description="Gradings that could not be done; those scores stay.")


class RosterFile(Shape):
    """A roster as CSV with the columns `login,name,email,role,section`."""

    roster: Table
    drop_missing: StrictBool = Field(False, description="Drop students who are not in it.")


class RosterImport(RosterFile):
    """A roster whose preview was looked at."""

    digest: str = Field(max_length=64, description="Of the preview.")


class JoiningItem(Shape):
    """Somebody who comes into the course."""

    login: str
    name: str
    email: str
    role: str
    section: str
    is_new: bool = Field(description="Whether they get an account, too.")


class ChangeItem(Shape):
    """One value of somebody who is in the course."""

    login: str
    what: str
    before: str
    after: str


class RosterPreview(Shape):
    """What a file would change; nothing is changed yet."""

    digest: str
    joining: list[JoiningItem]
    changes: list[ChangeItem]
    dropped: list[str]
    unchanged: int
    kept: list[str] = Field(description="Whose account has another name or address, and keeps it.")
    unused: list[str] = Field(description="Columns that no roster has.")


class Invitations(Shape):
    """Addresses at which new people choose a password, by login. They are shown this once."""

    invitations: dict[str, str]


class MemberChange(Shape):
    """What somebody is in the course."""

    role: Role
    section: Text = ""


class StudentItem(Shape):
    """One student's standing."""

    login: str
    name: str
    section: str
    status: str
    score: float | None
    late_days: int
    submissions: int
    receipt: str | None


class CountOf(Shape):
    """How many of something there are."""

    name: str
    count: int


class CheckFailures(Shape):
    """How the submissions that count did in one check."""

    title: str
    group: str
    failed: int
    graded: int


class SpeedCounts(Shape):
    """How many submissions took how many times the reference's time in one timed check."""

    title: str
    ratios: list[CountOf]


class ClassAnswer(Shape):
    """An assignment at a glance."""

    students: list[StudentItem]
    mean: float | None
    histogram: list[CountOf]
    checks: list[CheckFailures]
    hints: list[CountOf]
    speeds: list[SpeedCounts]
    activity: list[CountOf] = Field(description="Submissions by day, in the course's time zone.")
    queue: dict[str, int]


class CanvasFile(Shape):
    """A gradebook that Canvas exported."""

    canvas: Table
    columns: dict[Name, Annotated[StrictInt, Field(ge=0, le=1000)]] | None = Field(
        None,
        max_length=1000,
        description="Column by assignment; null for those that have an assignment's title.",
    )


class CanvasImport(CanvasFile):
    """The same, once its changes were looked at."""

    digest: str = Field(max_length=64, description="Of the preview.")


class CanvasChange(Shape):
    """A cell that would change in Canvas."""

    login: str
    column: int
    before: str
    after: str


class CanvasPreview(Shape):
    """What an import would change in Canvas."""

    digest: str
    titles: dict[str, str] = Field(description="Of the export's columns, by number.")
    columns: dict[str, int] = Field(description="Chosen column by assignment.")
    changes: list[CanvasChange]
    unmatched_there: list[str] = Field(description="In the export, but nobody here.")
    unmatched_here: list[str] = Field(description="Here, but not in the export.")
