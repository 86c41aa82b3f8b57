"""How far gradings are, for who watches. Each word renews the lease of whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import BindParameter, Table, bindparam, update
from sqlalchemy.orm import Session

from web.database import now
from web.grading.models import Attempt, State

_ATTEMPTS = cast("Table", Attempt.__table__)


@dataclass(frozen=True)
class Told:
    """How far a grading is.

    Attributes:
        attempt_id: Which.
        worker: Who says so.
        phase: In a word or two what happens now.
        checks: Of each check that ended its `id`, `title` and `status`.
        total: How many there will be.
    """

    attempt_id: int
    worker: str
    phase: str
    checks: Sequence[dict[str, Any]] = ()
    total: int = 0


def _told(name: str, column: str) -> BindParameter[Any]:
    return bindparam(f"told_{name}", type_=_ATTEMPTS.c[column].type)


# Made once: to make it anew costs more than to execute it, several times a grading.
_TELL = (
    update(_ATTEMPTS)
    .where(
        _ATTEMPTS.c.id == _told("id", "id"),
        _ATTEMPTS.c.state == State.RUNNING.value,
        _ATTEMPTS.c.worker == _told("by", "worker"),
    )
    .values(
        phase=_told("phase", "phase"),
        checks=_told("checks", "checks"),
        checks_total=_told("total", "checks_total"),
        leased_until=_told("until", "leased_until"),
    )
)


def tell(session: Session, told: Told, lease_s: int) -> bool:
    """Say how far a grading is, which renews its lease; False if the lease is lost."""
    return session.connection().execute(_TELL, _values(told, lease_s)).rowcount == 1


def tell_some(session: Session, told: Sequence[Told], lease_s: int) -> None:
    """Say how far several gradings are; nothing is said of one whose lease is lost."""
    # In one order always, so that no two who tell wait for each other.
    values = [_values(each, lease_s) for each in sorted(told, key=lambda each: each.attempt_id)]
    if values:
        session.connection().execute(_TELL, values)


def _values(told: Told, lease_s: int) -> dict[str, Any]:
    return {
        "told_id": told.attempt_id,
        "told_by": told.worker,
        "told_phase": told.phase[:40],
        "told_checks": list(told.checks),
        "told_total": told.total,
        "told_until": now() + timedelta(seconds=lease_s),
    }
