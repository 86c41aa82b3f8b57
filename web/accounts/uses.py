"""When tokens were used last: gathered, so that no request waits for the disk because of it."""

import threading
import time
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import Table, bindparam, or_, update
from sqlalchemy.exc import SQLAlchemyError

from web.accounts.models import ApiToken
from web.database import Database, now

log = structlog.get_logger()

_NOTED_EVERY = timedelta(minutes=1)
_WRITTEN_AFTER_S = 10.0

_TOKENS = cast("Table", ApiToken.__table__)
_NOTE = (
    update(_TOKENS)
    .where(
        _TOKENS.c.id == bindparam("of_token"),
        or_(_TOKENS.c.last_used_at.is_(None), _TOKENS.c.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at"))
)


class TokenUses:
    """Of one process. What it has not written when it is killed is forgotten.

    Args:
        database: Where they are written to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._gathered: dict[int, datetime] = {}
        self._since = 0.0

    def note(self, token: ApiToken) -> None:
        """Remember that a token is used now, to the minute."""
        moment = now()
        if token.last_used_at is not None and token.last_used_at > moment - _NOTED_EVERY:
            return
        with self._lock:
            if not self._gathered:
                self._since = time.monotonic()
            self._gathered.setdefault(token.id, moment)

    def write_if_due(self) -> None:
        """Write them, if the first was noted some seconds ago; to be called now and then."""
        if self._gathered and time.monotonic() - self._since >= _WRITTEN_AFTER_S:
            self.write()

    def write(self) -> None:
        """Write what was gathered. Where the database cannot take it, it is kept for later."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        if not gathered:
            return
        # In one order always, so that no two processes wait for each other.
        uses = [{"of_token": key, "at": gathered[key]} for key in sorted(gathered)]
        try:
            with self._database.writing() as session:
                session.connection().execute(_NOTE, uses)
        except (SQLAlchemyError, OSError) as error:  # it is nice to know, no more
            log.warning("uses of tokens are not written yet", error=str(error))
            with self._lock:
                self._gathered = gathered | self._gathered
                self._since = time.monotonic()
