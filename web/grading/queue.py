"""The queue of gradings, which is the table of attempts.

Every function works in the caller's session. An attempt is held by a lease: who has lost it
writes nothing.
"""

import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Row,
    Table,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from web.courses.models import Version
from web.database import now
from web.grading.models import Attempt, State
from web.grading.tallies import Fault, count_faults
from web.submissions.models import Submission

REGRADE_PRIORITY = 10
"""Regrades wait until no new submission does."""

_SPARE = 4
"""Another may take some of what was ranked before it is claimed here."""

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 600.0


class Names(TypedDict):
    """What every line of the log about an attempt carries."""

    attempt: int
    submission: str
    trace: str


@dataclass(frozen=True)
class Order:
    """What a worker needs to know of an attempt that it has claimed."""

    attempt_id: int
    receipt: str
    trace: str
    archive: str
    sha256: str
    assignment_sha256: str
    worker: str

    @property
    def names(self) -> Names:
        """For the log."""
        return Names(attempt=self.attempt_id, submission=self.receipt, trace=self.trace)


def enqueue(
    session: Session, submission_id: int, version_id: int, *, regrade_id: int | None = None
) -> int:
    """Add a submission's next attempt, or its first where it is no regrade; the attempt's id."""
    values: dict[str, Any] = {"submission_id": submission_id, "version_id": version_id, "epoch": 1}
    if regrade_id is not None:
        session.flush()
        epochs = select(func.max(Attempt.epoch)).where(Attempt.submission_id == submission_id)
        values["epoch"] = (session.scalar(epochs) or 0) + 1
        values |= {"regrade_id": regrade_id, "priority": REGRADE_PRIORITY}
    key = session.connection().execute(_ADD, values).inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    return cast(int, key[0])


def claim(
    session: Session, worker: str, lease_s: int, *, device: str | None = None
) -> Order | None:
    """Give a worker the next attempt, if there is one; see `claim_some`."""
    orders = claim_some(session, lambda: worker, lease_s, 1, device=device)
    return orders[0] if orders else None


def claim_some(
    session: Session,
    worker: Callable[[], str],
    lease_s: int,
    most: int,
    *,
    device: str | None = None,
) -> list[Order]:
    """Give out the next attempts, in the order in which one after another would get them.

    All come of one ranking, so they are fewer than could be where the next turn is another once
    one of them is begun: see `_settled`.

    Everybody's first waiting submission comes before anybody's second, so that nobody's burst
    keeps the others waiting; a regrade comes after all of them.

    Args:
        session: The caller's.
        worker: Names who gets the next one.
        lease_s: It is theirs for so long, and longer if they say something.
        most: How many.
        device: Only attempts for this device, `cpu` or `cuda`; None for any.
    """
    moment = now()
    ranked = _ranked(moment, device)
    query = select(ranked).order_by(ranked.c.priority, ranked.c.turn, ranked.c.id)
    rows = session.execute(query.limit(most + _SPARE)).all()
    next_ones = [row.id for row in rows[: _settled(rows[:most])]]
    given = {each: worker() for each in next_ones}
    taken = _begin(session, given, moment, lease_s)
    if not taken:  # another was faster
        for row in rows[len(next_ones) :]:
            if taken := _begin(session, {row.id: worker()}, moment, lease_s):
                break
    return taken


def _settled(rows: Sequence[Row[Any]]) -> int:
    """How many of what is ranked come next, one after another, also once each of them is begun.

    What is begun moves from what is ahead of its student's others to what was begun since they
    came. So their turns stay, but for two cases: one that was begun before was counted as both
    until then, and it was not ahead of those that came earlier.
    """
    for index, row in enumerate(rows):
        mine = (row.user_id, row.priority)
        if row.started_at is not None or any(
            other.id < row.id for other in rows[index:] if (other.user_id, other.priority) == mine
        ):
            return index + 1
    return len(rows)


def _begin(session: Session, given: Mapping[int, str], at: datetime, lease_s: int) -> list[Order]:
    """Those that nobody else has begun meanwhile, in the order in which they were given."""
    values = [
        {
            "of_attempt": attempt_id,
            "to": given[attempt_id],
            "at": at,
            "until": at + timedelta(seconds=lease_s),
        }
        for attempt_id in sorted(given)  # so that no two who claim wait for each other
    ]
    if not values:
        return []
    session.connection().execute(_BEGIN, values)
    return [
        order for order in _orders(session, list(given)) if order.worker == given[order.attempt_id]
    ]


def _orders(session: Session, attempt_ids: Sequence[int]) -> list[Order]:
    rows = session.connection().execute(_ORDERS, {"of_attempts": list(attempt_ids)})
    by_id = {row.id: Order(*row[:7]) for row in rows}
    return [by_id[attempt_id] for attempt_id in attempt_ids if attempt_id in by_id]


def _names_of(session: Session, attempt_ids: Sequence[int]) -> list[Names]:
    """Of those attempts that there are, for the log."""
    rows = session.connection().execute(_NAMES, {"of_attempts": list(attempt_ids)})
    return [Names(attempt=row[0], submission=row[1], trace=row[2]) for row in rows]


def held(session: Session, attempt_id: int, worker: str) -> Order | None:
    """An attempt, if it is this worker's still."""
    orders = _orders(session, [attempt_id])
    return next((order for order in orders if order.worker == worker), None)


def begin(session: Session, attempt_id: int, worker: str, lease_s: int) -> Order | None:
    """Note that a worker begins what was claimed for it; None if the lease is lost."""
    moment = now()
    begun = {
        "of_attempt": attempt_id,
        "by": worker,
        "at": moment,
        "until": moment + timedelta(seconds=lease_s),
    }
    session.connection().execute(_BEGUN, begun)
    return held(session, attempt_id, worker)


def give_back(
    session: Session, attempt_id: int, worker: str, *, fault: Fault | None = None
) -> bool:
    """Put an attempt back that the worker could not begin; it does not count as a try."""
    given = _changed(
        session, attempt_id, _held_by(worker), **_QUEUED_AGAIN, tries=Attempt.tries - 1
    )
    if given and fault is not None:
        count_faults(session, fault)
    return given


def put_off(
    session: Session,
    attempt_id: int,
    worker: str,
    fault: str,
    *,
    most_tries: int,
    lasting: bool,
    kind: Fault = Fault.GRADER,
) -> bool:
    """A fault of ours: try again later, or leave it to a person.

    Args:
        session: The caller's.
        attempt_id: Which.
        worker: Who has it.
        fault: What happened.
        most_tries: After so many, a person has to look.
        lasting: Trying again is of no use, as with a fault of the assignment.
        kind: To be counted.

    Returns:
        False if the lease is lost.
    """
    attempt = session.get(Attempt, attempt_id, populate_existing=True)
    if attempt is None:
        return False
    if lasting or attempt.tries >= most_tries:
        values = {**_QUEUED_AGAIN, "state": State.WAITING.value, "ended_at": now()}
    else:
        again_at = now() + timedelta(seconds=pause_s(attempt.tries))
        values = {**_QUEUED_AGAIN, "not_before": again_at}
    held = _changed(session, attempt_id, _held_by(worker), **values, fault=fault)
    if held:
        count_faults(session, kind)
    return held


def pause_s(tries: int) -> float:
    """Seconds to wait after so many tries: twice as long each time, a little at random."""
    longest = min(_FIRST_PAUSE_S * 2.0 ** (tries - 1), _LONGEST_PAUSE_S)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret


def release_expired(session: Session) -> list[Names]:
    """Queue again what a silent worker has; which."""
    released = _released(session, Attempt.leased_until < now(), **_QUEUED_AGAIN)
    count_faults(session, Fault.SILENT, len(released))
    return released


def release_workers(session: Session, prefix: str) -> list[Names]:
    """Queue again what workers of this name had when their service ended; it was not a try."""
    theirs = Attempt.worker.startswith(prefix, autoescape=True)
    return _released(session, theirs, **_QUEUED_AGAIN, tries=Attempt.tries - 1)


def try_again(session: Session, attempt_id: int) -> bool:
    """A person's word: queue what waits for one."""
    return _changed(
        session,
        attempt_id,
        Attempt.state == State.WAITING.value,
        **_QUEUED_AGAIN,
        tries=0,
        not_before=None,
        ended_at=None,
    )


def places(session: Session, attempt_ids: Sequence[int] | None = None) -> dict[int, int]:
    """The place in the queue of each of these attempts that waits, or of all; 1 is next."""
    ranked = _ranked(None, None)
    order = select(
        ranked.c.id,
        func.row_number()
        .over(order_by=(ranked.c.priority, ranked.c.turn, ranked.c.id))
        .label("place"),
    ).subquery()
    query = select(order.c.id, order.c.place)
    if attempt_ids is not None:
        query = query.where(order.c.id.in_(attempt_ids))
    rows = session.execute(query)
    return {row[0]: row[1] for row in rows}


class Places:
    """The places of all queued attempts, asked of the database once a second at most.

    Hundreds may watch their place at a deadline, and it is the same list for all of them.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._known: dict[int, int] = {}

    def of(self, session: Session, attempt_id: int) -> int | None:
        """One attempt's; None where it does not wait, or came within this second."""
        with self._lock:
            if time.monotonic() - self._asked > self._seconds:
                self._known = places(session)
                self._asked = time.monotonic()
            return self._known.get(attempt_id)


def depth(session: Session) -> dict[str, int]:
    """How many attempts are in each state that is not final."""
    rows = session.execute(
        select(Attempt.state, func.count())
        .where(Attempt.state.in_([State.QUEUED.value, State.RUNNING.value, State.WAITING.value]))
        .group_by(Attempt.state)
    )
    return {row[0]: row[1] for row in rows}


def oldest_queued(session: Session) -> dict[tuple[str, bool], datetime]:
    """Since when what waits longest is queued, by device and whether it is a regrade."""
    is_regrade = Attempt.regrade_id.is_not(None)
    rows = session.execute(
        select(Version.device, is_regrade, func.min(Attempt.created_at))
        .join(Version, Version.id == Attempt.version_id)
        .where(Attempt.state == State.QUEUED.value)
        .group_by(Version.device, is_regrade)
    )
    return {(row[0], bool(row[1])): row[2] for row in rows}


_QUEUED_AGAIN: dict[str, Any] = {
    "state": State.QUEUED.value,
    "worker": None,
    "leased_until": None,
    "phase": "",
}


_ATTEMPTS = cast("Table", Attempt.__table__)


# Made once: to make a statement anew costs more than to execute it, many times a grading.
_OF_ATTEMPTS = Attempt.id.in_(bindparam("of_attempts", expanding=True))
_NAMES = (
    select(Attempt.id, Submission.receipt, Submission.trace)
    .join(Submission, Submission.id == Attempt.submission_id)
    .where(_OF_ATTEMPTS)
    .order_by(Attempt.id)
)
_ORDERS = (
    select(
        Attempt.id,
        Submission.receipt,
        Submission.trace,
        Submission.archive,
        Submission.sha256,
        Version.sha256,
        case((Attempt.state == State.RUNNING.value, Attempt.worker), else_="").label("worker"),
    )
    .join(Submission, Submission.id == Attempt.submission_id)
    .join(Version, Version.id == Attempt.version_id)
    .where(_OF_ATTEMPTS)
)
_ADD = insert(_ATTEMPTS)
_BEGIN = (
    update(_ATTEMPTS)
    .where(_ATTEMPTS.c.id == bindparam("of_attempt"), _ATTEMPTS.c.state == State.QUEUED.value)
    .values(
        state=State.RUNNING.value,
        worker=bindparam("to"),
        leased_until=bindparam("until"),
        tries=_ATTEMPTS.c.tries + 1,
        started_at=bindparam("at"),
        phase="preparing",
        checks=[],
        checks_total=0,
    )
)
_BEGUN = (
    update(_ATTEMPTS)
    .where(
        _ATTEMPTS.c.id == bindparam("of_attempt"),
        _ATTEMPTS.c.state == State.RUNNING.value,
        _ATTEMPTS.c.worker == bindparam("by"),
    )
    .values(
        started_at=bindparam("at"),
        leased_until=bindparam("until"),
        phase="preparing",
        checks=[],
        checks_total=0,
    )
)


def _held_by(worker: str) -> ColumnElement[bool]:
    return (Attempt.state == State.RUNNING.value) & (Attempt.worker == worker)


def _ranked(ready_at: datetime | None, device: str | None) -> Any:
    """Queued attempts with each one's turn.

    Its turn counts what was taken from the same student before it: what is ahead of it in the
    queue, and what was begun since it came.
    """
    ahead = func.row_number().over(
        partition_by=(Submission.user_id, Attempt.priority), order_by=Attempt.id
    )
    other, theirs = aliased(Attempt), aliased(Submission)
    begun = (
        select(func.count())
        .select_from(other)
        .join(theirs, theirs.id == other.submission_id)
        .where(
            theirs.user_id == Submission.user_id,
            other.priority == Attempt.priority,
            other.id != Attempt.id,
            other.started_at >= Attempt.created_at,
        )
        .correlate(Attempt, Submission)
        .scalar_subquery()
    )
    query = (
        select(
            Attempt.id,
            Attempt.priority,
            (ahead + begun).label("turn"),
            Attempt.started_at,
            Submission.user_id,
        )
        .join(Submission, Submission.id == Attempt.submission_id)
        .where(Attempt.state == State.QUEUED.value)
    )
    if ready_at is not None:
        query = query.where(or_(Attempt.not_before.is_(None), Attempt.not_before <= ready_at))
    if device is not None:
        query = query.join(Version, Version.id == Attempt.version_id)
        query = query.where(Version.device == device)
    return query.subquery()


def _released(session: Session, condition: ColumnElement[bool], **values: Any) -> list[Names]:
    statement = (
        update(Attempt)
        .where(Attempt.state == State.RUNNING.value, condition)
        .values(**values)
        .returning(Attempt.id)
        .execution_options(synchronize_session=False)
    )
    return _names_of(session, session.scalars(statement).all())


def _changed(
    session: Session, attempt_id: int, condition: ColumnElement[bool], **values: Any
) -> bool:
    statement = (
        update(Attempt)
        .where(Attempt.id == attempt_id, condition)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
