"""What the service removes by itself, once a day: files of no submission, and what is too old."""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from web.audit import log_act
from web.database import Database
from web.operations.backup import remove_old, remove_unused
from web.settings import Settings
from web.storage import BlobStore

log = structlog.get_logger()

EVERY_S = 86400.0
_FIRST_S = 600.0


def keep_house(settings: Settings, database: Database, blobs: BlobStore) -> int:
    """Remove them now; how many submissions were removed, none where all are kept for ever."""
    removed = remove_old(database, blobs, settings.keep_days) if settings.keep_days else 0
    remove_unused(database, blobs)
    if removed:
        with database.writing() as session:
            log_act(session, None, "remove old", f"{removed} submissions", days=settings.keep_days)
    return removed


class Housekeeper:
    """A thread that keeps house, the first time some minutes after a start.

    Args:
        settings: Of the service.
        database: Its.
        blobs: Its.
    """

    def __init__(self, settings: Settings, database: Database, blobs: BlobStore) -> None:
        self._parts = settings, database, blobs
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="housekeeper")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after this."""
        self._stopping.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        pause_s = _FIRST_S
        while not self._stopping.wait(pause_s):
            pause_s = EVERY_S
            try:
                removed = keep_house(*self._parts)
            except (SQLAlchemyError, OSError) as error:
                log.error("the house could not be kept", error=str(error))
            else:
                log.info("kept house", removed=removed)
