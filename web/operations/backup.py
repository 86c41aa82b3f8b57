"""Backup and restore of a data folder, and removal of what is old."""

import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grader.archives.unpacking import unpack_tar
from web.courses.models import CourseAssignment
from web.database import Database, now
from web.errors import Conflict, Invalid
from web.gradebook.models import Standing
from web.gradebook.standings import refresh_standings
from web.grading.models import Attempt, CheckOutcome, Result, ResultConflict
from web.storage import BlobStore
from web.submissions.models import Choice, Submission

_DATABASE = "onebyone.sqlite3"
_UNUSED_S = 86400.0
_KEPT = ("blobs", "assignments", "secret-key")


def back_up(data: Path, target: Path) -> int:
    """Write all of a data folder into one tar file, while the service runs.

    The database is copied by SQLite itself, first: every file that it names is there by then.

    Returns:
        Its size in bytes.

    Raises:
        Invalid: There is no SQLite database in the folder: back PostgreSQL up by its own means.
        Conflict: The target exists.
    """
    if not (data / _DATABASE).is_file():
        raise Invalid(
            f"{data} holds no {_DATABASE}. Of a service on PostgreSQL, back up the database with "
            f"pg_dump first and the folder afterwards."
        )
    if target.exists():
        raise Conflict(f"{target} exists: name another file.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="backup-") as temporary:
        copy = Path(temporary) / _DATABASE
        _copy_database(data / _DATABASE, copy)
        unfinished = Path(temporary) / "backup.tar"
        with tarfile.open(unfinished, "w") as archive:
            archive.add(copy, _DATABASE)
            for name in _KEPT:
                if (data / name).exists():
                    archive.add(data / name, name)
        unfinished.chmod(0o600)  # it holds the key that signs cookies
        unfinished.rename(target)
    return target.stat().st_size


def restore(source: Path, data: Path) -> None:
    """Make a data folder of a backup.

    Raises:
        Conflict: The folder exists and is not empty.
        Invalid: The file is no backup, or a damaged one.
    """
    if data.exists() and any(data.iterdir()):
        raise Conflict(f"{data} is not empty: restore into a new folder.")
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.parent, prefix="restore-") as temporary:
        unpacked = Path(temporary) / "data"
        try:
            with tarfile.open(source) as archive:
                unpack_tar(archive, unpacked)
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise Invalid(f"{source} is no backup, or a damaged one: {error}") from error
        _require_sound(unpacked / _DATABASE, source)
        if data.exists():
            data.rmdir()
        shutil.move(unpacked, data)


def remove_old(database: Database, blobs: BlobStore, days: int) -> int:
    """Remove submissions that are older, with all that was found about them; how many.

    Scores stay where a person set them; those that came from a removed submission go with it. So
    export grades first.
    """
    before = now() - timedelta(days=days)
    with database.writing() as session:
        old = session.scalars(select(Submission.id).where(Submission.received_at < before)).all()
        for part in _parts(old):
            _remove(session, part)
    remove_unused(database, blobs)
    return len(old)


def remove_unused(database: Database, blobs: BlobStore) -> int:
    """Remove files of no submission, like those that were looked at and not handed in; how many.

    What came within the last day stays: it may not have its row yet.
    """
    there = blobs.digests()
    with database.reading() as session:
        kept = set(session.scalars(select(Submission.archive).distinct()))
    return sum(blobs.delete_older(digest, _UNUSED_S) for digest in there if digest not in kept)


def _remove(session: Session, submission_ids: Sequence[int]) -> None:
    concerned = session.execute(
        select(Submission.assignment_id, Submission.user_id)
        .where(Submission.id.in_(submission_ids))
        .distinct()
    ).all()
    for assignment_id, user_id in concerned:
        session.execute(
            delete(Standing).where(
                Standing.assignment_id == assignment_id, Standing.user_id == user_id
            )
        )
    for model in (CheckOutcome, Result, ResultConflict, Attempt, Choice):
        session.execute(delete(model).where(model.submission_id.in_(submission_ids)))
    session.execute(delete(Submission).where(Submission.id.in_(submission_ids)))
    rows = session.execute(
        select(CourseAssignment.id, CourseAssignment.course_id).where(
            CourseAssignment.id.in_({assignment_id for assignment_id, _user in concerned})
        )
    )
    courses = {row[0]: row[1] for row in rows}
    for course_id, user_id in sorted({(courses[a], u) for a, u in concerned}):
        refresh_standings(session, course_id, user_id)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]


def _copy_database(source: Path, target: Path) -> None:
    origin = sqlite3.connect(source)
    copy = sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()


def _require_sound(path: Path, source: Path) -> None:
    if not path.is_file():
        raise Invalid(f"{source} holds no {_DATABASE}: it is no backup of this service.")
    connection = sqlite3.connect(path)
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    finally:
        connection.close()
    if verdict != "ok":
        raise Invalid(f"The database in {source} is damaged: {verdict}")
