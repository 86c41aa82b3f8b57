"""What instructors type, read: moments in their own time zone, numbers, empty for none."""

import math
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from web.courses.setting import AssignmentSettings
from web.errors import Invalid
from web.pages import time_zone

_FORM = "%Y-%m-%dT%H:%M"


def moment(text: str) -> datetime | None:
    """Of a `datetime-local` field, in the zone in which the page shows times. Raises Invalid."""
    if not text.strip():
        return None
    try:
        local = datetime.strptime(text.strip()[:16], _FORM)
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is no date with a time, like 2026-11-30T18:00.") from error
    return local.replace(tzinfo=time_zone()).astimezone(UTC)


def shown_moment(value: datetime | None) -> str:
    """For such a field."""
    return "" if value is None else value.astimezone(time_zone()).strftime(_FORM)


def whole(text: str) -> int | None:
    """A whole number, None where the field is empty. Raises Invalid."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.lstrip("-").isdigit()) or len(text) > 9:
        raise Invalid(f"{text[:40]!r} is no whole number.")
    return int(text)


def number(text: str) -> float:
    """A number. Raises Invalid."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is no number.") from error
    if not math.isfinite(value):
        raise Invalid(f"{text[:40]!r} is no number.")
    return value


def assignment_settings(form: MultiDict[str, str]) -> AssignmentSettings:
    """Of the page's form. Raises Invalid."""
    shown = {
        name.removeprefix("shown:"): value
        for name, value in form.items()
        if name.startswith("shown:") and value
    }
    return AssignmentSettings(
        title=form.get("title", ""),
        opens_at=moment(form.get("opens_at", "")),
        due_at=moment(form.get("due_at", "")),
        closes_at=moment(form.get("closes_at", "")),
        late_percent=number(form.get("late_percent", "") or "0"),
        attempts=whole(form.get("attempts", "")),
        window_attempts=whole(form.get("window_attempts", "")),
        window_hours=whole(form.get("window_hours", "")),
        counts=form.get("counts", ""),
        held=form.get("held") == "yes",
        shown=shown,
    )
