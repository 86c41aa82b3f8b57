"""The database: SQLite by default, PostgreSQL by a URL. Plain SQLAlchemy, no application needed."""

import functools
import select as polling
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    Executable,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine

BUSY_MS = 5000
"""How long a writer of SQLite waits for another."""


TURN_S = 20.0
"""How long a writer of SQLite waits for others of its process."""

_ASKED_AFTER_S = 30.0


class Base(DeclarativeBase):
    """Of all models."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Utc(TypeDecorator[datetime]):
    """A moment. Aware in Python; stored in UTC, whatever the database makes of time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, to the microsecond."""
    return datetime.now(UTC)


def add(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all of the same columns."""
    _write(session, table, rows, ())


def add_new(
    session: Session, table: type[Base], row: Mapping[str, Any], keys: tuple[str, ...]
) -> bool:
    """Insert a row; False where there is one with the same key, which stays as it is."""
    return _write(session, table, [row], keys, changes=False) == 1


def upsert(
    session: Session,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    keys: tuple[str, ...],
    *,
    summed: str = "",
) -> None:
    """Insert rows, and where there is one with the same key, change that one.

    Args:
        session: The caller's. What it holds of the table is not changed.
        table: Where.
        rows: All of the same columns. In one order always, so that no two wait for each other.
        keys: The columns that tell rows apart.
        summed: To this column the value is added; all others become what the row says.
    """
    _write(session, table, rows, keys, summed=summed)


def _write(
    session: Session,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    keys: tuple[str, ...],
    *,
    changes: bool = True,
    summed: str = "",
) -> int:
    if not rows:
        return 0  # an insert of no rows would be one of defaults
    columns = tuple(rows[0])
    dialect = session.get_bind().dialect.name
    in_columns = dialect == "postgresql" and len(rows) > 1
    statement = _statement(
        table, columns, keys, dialect, in_columns=in_columns, changes=changes, summed=summed
    )
    values = {name: [row[name] for row in rows] for name in columns} if in_columns else rows
    return session.connection().execute(statement, values).rowcount


@functools.cache
def _statement(
    table: type[Base],
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    dialect: str,
    *,
    in_columns: bool,
    changes: bool,
    summed: str,
) -> Executable:
    of_table = cast("Table", table.__table__)
    of_dialect = postgresql if dialect == "postgresql" else sqlite
    insert: postgresql.Insert | sqlite.Insert = of_dialect.insert(of_table)
    insert = insert.execution_options(preserve_rowcount=True)
    if in_columns:
        # One statement, an array for each column: a third of what a statement for each row costs.
        arrays = [bindparam(name, type_=ARRAY(_unbounded(of_table.c[name]))) for name in columns]
        rows = func.unnest(*arrays).table_valued(*columns).render_derived(name="given")
        insert = insert.from_select(columns, select(*(rows.c[name] for name in columns)))
    if not keys:
        return insert
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=keys)
    changed: dict[str, Any] = {name: insert.excluded[name] for name in columns if name not in keys}
    if summed:
        changed[summed] = of_table.c[summed] + insert.excluded[summed]
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)


def _unbounded(column: Column[Any]) -> TypeEngine[Any]:
    # Cast to its column's length, a text would be cut, not refused.
    return String() if isinstance(column.type, String) else column.type


class Database:
    """Sessions that read, and sessions that write.

    A writer of SQLite takes the lock as it begins, so that it never finds out half-way that another
    was first. Writers of one process take turns before that: the lock itself is not fair.

    Args:
        url: Of SQLAlchemy.
    """

    def __init__(self, url: str) -> None:
        self._turn = threading.Lock()
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = create_engine(url, pool_size=20, max_overflow=20)
        self._writer = self.engine.execution_options(writes=True)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "checkin", _note_use)
            event.listen(self.engine, "checkout", _require_alive)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose changes are dropped."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are committed at the end, all or none.

        Raises:
            TimeoutError: Other writers of this process took too long.
        """
        opened = Session(self._writer, expire_on_commit=False)
        with self._taking_turns(), opened as session, session.begin():
            yield session

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=TURN_S):
            raise TimeoutError(f"The database was not free to write within {TURN_S:g} s.")
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _require_alive(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """As `pool_pre_ping`, which asks the server each time: a tenth of what a transaction costs.

    To an idle client a server says nothing but that it goes. A network that is gone says nothing
    at all, so what was idle for long is asked.
    """
    used = record.info.get("used")
    if used is None:
        return
    try:
        waiting = polling.poll()
        waiting.register(connection, polling.POLLIN)
        if waiting.poll(0):
            raise DisconnectionError("The server has closed the connection.")
        if time.monotonic() - used > _ASKED_AFTER_S:
            connection.execute("SELECT 1")
            connection.rollback()
    except (OSError, ValueError, connection.Error) as error:
        raise DisconnectionError("The connection is gone.") from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event begins, not the driver
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY_MS}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
