"""Taking a submission: bytes on disk and rows committed before anybody gets a receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import Table, bindparam, exists, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grader.bundle import to_zip
from grader.errors import SubmissionRefused
from grader.submission import Submission as Files
from grader.submission import read_submission, require_file
from grader.tracing import new_trace
from web.courses.access import Place, entrance_to
from web.courses.deadlines import deadline_for
from web.courses.models import CourseAssignment
from web.database import Database, now
from web.errors import Conflict, Invalid, TooMany
from web.gradebook.standings import lock_student, refresh_standings
from web.grading.models import Attempt, State
from web.grading.queue import enqueue
from web.storage import BlobStore
from web.submissions.models import Submission, new_receipt

log = structlog.get_logger()

FOLDER = "submission"
"""The folder in the stored zip."""

_OF_STUDENT = (
    Submission.assignment_id == bindparam("of_assignment"),
    Submission.user_id == bindparam("of_user"),
)
_KNOWN = select(Submission).where(*_OF_STUDENT, Submission.key == bindparam("by_key"))
_ADD = insert(cast("Table", Submission.__table__))
_WAITS = exists().where(
    Attempt.submission_id == Submission.id, Attempt.state == State.WAITING.value
)
_RECEIVED = (
    select(Submission.received_at).where(*_OF_STUDENT, ~_WAITS).order_by(Submission.received_at)
)


@dataclass(frozen=True)
class Upload:
    """What somebody sends.

    Attributes:
        files: Name and content of each; one archive, one module, or all files of a folder.
        source: `web`, `cli` or `api`.
        address: Where from.
        key: Makes a repeated upload the same submission.
        trace: Of the request that brings it; None to draw one.
    """

    files: Sequence[tuple[str, bytes]]
    source: str
    address: str = ""
    key: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class Room:
    """How many submissions a student may still make.

    Attributes:
        left: All in all; None for any number.
        next_at: When the next one is taken; None for now.
    """

    left: int | None
    next_at: datetime | None


def read_files(upload: Upload, assignment: CourseAssignment) -> Files:
    """What would be graded. Raises Invalid, with plain words about what to change."""
    module = assignment.version.module
    try:
        files = read_submission(upload.files, single_name=module)
        require_file(files, module)
    except SubmissionRefused as refusal:
        raise Invalid(str(refusal)) from refusal
    return files


def receive(
    database: Database,
    blobs: BlobStore,
    place: Place,
    assignment_slug: str,
    upload: Upload,
    *,
    at: datetime | None = None,
) -> Submission:
    """Take a submission in; when this returns, it cannot be lost.

    Args:
        database: Where its rows go.
        blobs: Where its files go.
        place: Who hands in, and in which course.
        assignment_slug: For which assignment.
        upload: What.
        at: When it came, for what was received elsewhere; now by default.

    Raises:
        NotFound: The assignment is not theirs to hand in for.
        Invalid: The files cannot be graded.
        Conflict: The assignment is closed.
        TooMany: A limit on submissions is reached.
        OSError, OperationalError: The disk or the database failed; nothing was taken.
    """
    if upload.key is not None and not 1 <= len(upload.key) <= 80:
        raise Invalid("An idempotency key has 1 to 80 characters.")
    received_at = at or now()
    with database.reading() as session:
        assignment = entrance_to(session, place, assignment_slug)
    files = read_files(upload, assignment)
    archive = blobs.put(to_zip(files.files, FOLDER))
    try:
        with database.writing() as session:
            made = _record(session, place, assignment, files, archive, upload, received_at)
    except (IntegrityError, Conflict, TooMany):  # it may have come before
        with database.reading() as session:
            known = _known(session, assignment.id, place.user.id, upload.key)
        if known is None:
            raise
        log.info("received again", submission=known.receipt, trace=known.trace)
        return known
    log.info("received", submission=made.receipt, trace=made.trace, source=made.source)
    return made


def room_for(session: Session, assignment: CourseAssignment, user_id: int, at: datetime) -> Room:
    """How many submissions are left, by the times of receipt.

    One whose grading waits for a person, through no fault of the student, is not counted.
    """
    if assignment.attempts is None and assignment.window_attempts is None:
        return Room(None, None)
    mine = {"of_assignment": assignment.id, "of_user": user_id}
    times = list(session.scalars(_RECEIVED, mine))
    left = None if assignment.attempts is None else max(0, assignment.attempts - len(times))
    next_at = None
    if assignment.window_attempts is not None and assignment.window_hours is not None:
        window = timedelta(hours=assignment.window_hours)
        recent = [time for time in times if time > at - window]
        if len(recent) >= assignment.window_attempts:
            next_at = recent[-assignment.window_attempts] + window
    return Room(left, next_at)


def _known(
    session: Session, assignment_id: int, user_id: int, key: str | None
) -> Submission | None:
    if key is None:
        return None
    return session.scalar(
        _KNOWN, {"of_assignment": assignment_id, "of_user": user_id, "by_key": key}
    )


def _record(
    session: Session,
    place: Place,
    assignment: CourseAssignment,
    files: Files,
    archive: str,
    upload: Upload,
    received_at: datetime,
) -> Submission:
    user = place.user
    lock_student(session, assignment.course_id, user.id)
    if not place.is_staff:
        _require_room(session, assignment, user.id, received_at)
    values = {
        "receipt": new_receipt(),
        "assignment_id": assignment.id,
        "user_id": user.id,
        "sha256": files.sha256,
        "archive": archive,
        "files": {name: len(content) for name, content in files.files.items()},
        "received_at": received_at,
        "source": upload.source,
        "address": upload.address,
        "key": upload.key,
        "trace": upload.trace or new_trace(),
    }
    key = session.connection().execute(_ADD, values).inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    submission = Submission(id=key[0], **values)
    enqueue(session, submission.id, assignment.version_id)
    refresh_standings(session, assignment.course_id, user.id)
    return submission


def _require_room(
    session: Session, assignment: CourseAssignment, user_id: int, at: datetime
) -> None:
    closes_at = assignment.closes_at
    if closes_at is not None and at > closes_at:
        closes_at = deadline_for(session, assignment, user_id).closes_at
    if closes_at is not None and at > closes_at:
        raise Conflict(
            f"{assignment.title} closed at {closes_at:%Y-%m-%d %H:%M} UTC: ask your instructor for "
            f"an extension."
        )
    room = room_for(session, assignment, user_id, at)
    if room.left == 0:
        raise TooMany(f"You have made all {assignment.attempts} submissions for this assignment.")
    if room.next_at is not None:
        raise TooMany(
            f"At most {assignment.window_attempts} submissions within {assignment.window_hours} "
            f"hours: the next is taken from {room.next_at:%Y-%m-%d %H:%M} UTC."
        )


def submissions_of(session: Session, assignment_id: int, user_id: int) -> list[Submission]:
    """A student's, newest first."""
    return list(
        session.scalars(
            select(Submission)
            .where(Submission.assignment_id == assignment_id, Submission.user_id == user_id)
            .order_by(Submission.received_at.desc(), Submission.id.desc())
        )
    )


def count_submissions(session: Session, assignment_id: int) -> int:
    """Of all students."""
    return (
        session.scalar(
            select(func.count(Submission.id)).where(Submission.assignment_id == assignment_id)
        )
        or 0
    )
