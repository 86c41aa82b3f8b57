"""What a runner is asked, and what it tells: a line of JSON each. Both ends are trusted."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class GradeOrder:
    """Grade a submission.

    Attributes:
        submission: Path of a zip of its files.
        assignment: Path of the assignment's folder.
        seed: Of all drawn cases.
    """

    submission: str
    assignment: str
    seed: int
    order: str = "grade"


@dataclass(frozen=True, kw_only=True)
class DescribeOrder:
    """Say what an assignment checks, and make the zip that students get.

    Attributes:
        assignment: Path of its folder.
        bundle: Path to write the zip to.
    """

    assignment: str
    bundle: str
    order: str = "describe"


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a runner tells while it works.

    Attributes:
        kind: `phase`, `check`, or one that ends an order: `report`, `description`, `unwell` (this
            machine grades nobody), `fault` (this order could not be done).
        body: Of a phase its `name`; of a check `id`, `title`, `status` and `total`; the report or
            description itself; else a `message`.
    """

    kind: str
    body: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the order is done with."""
        return self.kind not in ("phase", "check")


def to_line(message: GradeOrder | DescribeOrder | Event) -> str:
    """One line, its end included."""
    return json.dumps(asdict(message), allow_nan=False) + "\n"


def order_of(line: str) -> GradeOrder | DescribeOrder:
    """Read an order. Raises ValueError or TypeError where it is none."""
    fields = json.loads(line)
    order = fields.get("order") if isinstance(fields, dict) else None
    if order == "grade":
        return GradeOrder(**fields)
    if order == "describe":
        return DescribeOrder(**fields)
    raise ValueError("not an order")


def event_of(line: str) -> Event:
    """Read an event. Raises ValueError or TypeError where it is none."""
    event = Event(**json.loads(line))
    if not isinstance(event.kind, str) or not isinstance(event.body, dict):
        raise ValueError("not an event")
    return event
