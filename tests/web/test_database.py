"""Databases: SQLite that loses nothing, and migrations that make what the models describe."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from sqlalchemy import MetaData, text
from sqlalchemy.exc import IntegrityError, OperationalError

import web.database
from grader.tracing import is_trace
from web.accounts.models import User
from web.accounts.services import create_user
from web.database import Database
from web.errors import Conflict
from web.migrating import configuration, differences, is_current, migrate

from .waiting import wait_for


@pytest.fixture
def database(tmp_path, each_database_url):
    opened = Database(each_database_url or f"sqlite:///{tmp_path / 'x.sqlite3'}")
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    migrate(opened)
    yield opened
    opened.close()


def test_migrations_from_empty_make_what_the_models_describe(database):
    assert not is_current(database)
    migrate(database)
    assert is_current(database)
    assert differences(database) == []
    migrate(database)  # once more changes nothing


def test_migrations_lead_back_to_nothing(database):
    migrate(database)
    with database.engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert not is_current(database)
    migrate(database)
    assert differences(database) == []


def test_submissions_from_before_there_were_traces_get_one_each(database):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with database.engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        tables = MetaData()
        tables.reflect(connection)
        rows = {
            "user": [{"id": 1, "login": "sam", "name": "Sam", "email": "", "is_admin": False}],
            "course": [{"id": 1, "slug": "c", "title": "C", "time_zone": "UTC", "grace_days": 0}],
            "version": [version_row(moment)],
            "course_assignment": [assignment_row()],
            "submission": [submission_row(number, moment) for number in range(1, 2502)],
            "attempt": [attempt_row()],
        }
        for name, values in rows.items():
            table = tables.tables[name]
            made = {"created_at": moment} if "created_at" in table.c else {}
            connection.execute(table.insert(), [{**made, **row} for row in values])
    migrate(database)
    with database.reading() as session:
        traces = session.scalars(text("SELECT trace FROM submission")).all()
        assert session.scalar(text("SELECT count(*) FROM attempt")) == 1
    assert len(set(traces)) == 2501
    assert all(map(is_trace, traces))
    with database.engine.begin() as connection:
        command.downgrade(configuration(connection), "0001")
        assert connection.scalar(text("SELECT count(*) FROM submission")) == 2501
    migrate(database)
    assert differences(database) == []


def version_row(moment):
    texts = {"slug": "s", "label": "1", "sha256": "a" * 64, "title": "T", "module": "m.py"}
    shapes = {"points": {}, "checks": [], "record": {}}
    return {"id": 1, **texts, "max_score": 1.0, **shapes, "device": "cpu", "added_at": moment}


def assignment_row():
    texts = {"slug": "s", "title": "T", "counts": "best"}
    values = {"late_percent": 0.0, "held": False, "shown": {}}
    return {"id": 1, "course_id": 1, "version_id": 1, **texts, **values}


def submission_row(number, moment):
    content = {"sha256": "a" * 64, "archive": "b" * 64, "files": {}, "source": "web", "address": ""}
    of = {"assignment_id": 1, "user_id": 1, "received_at": moment}
    return {"id": number, "receipt": f"r{number}", **of, **content}


def attempt_row():
    counts = {"epoch": 1, "priority": 0, "tries": 0, "checks_total": 0}
    state = {"state": "queued", "phase": "", "checks": []}
    return {"id": 1, "submission_id": 1, "version_id": 1, **counts, **state}


def test_a_connection_that_the_server_has_closed_is_replaced_before_it_is_used(postgresql_url):
    opened, other = Database(postgresql_url), Database(postgresql_url)
    own = text("SELECT pg_backend_pid()")
    with opened.reading() as session:
        first = session.scalar(own)
    with other.writing() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    with other.reading() as session:
        gone = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        wait_for(lambda: session.scalar(gone, {"pid": first}) == 0, 10)
    with opened.reading() as session:
        assert session.scalar(own) != first
    opened.close()
    other.close()


def test_a_connection_that_was_idle_for_long_is_asked_first(postgresql_url, monkeypatch):
    monkeypatch.setattr(web.database, "_ASKED_AFTER_S", 0.0)
    opened = Database(postgresql_url)
    asked = []
    own = text("SELECT pg_backend_pid()")
    with opened.reading() as session:
        first = session.scalar(own)
        connection = session.connection().connection.dbapi_connection
    execute = connection.execute
    connection.execute = lambda query: (asked.append(query), execute(query))
    with opened.reading() as session:
        assert session.scalar(own) == first
    assert asked == ["SELECT 1"]
    opened.close()


def test_sqlite_commits_to_the_disk_and_reads_beside_a_writer(sqlite):
    with sqlite.reading() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }
    with sqlite.writing() as writer:
        create_user(writer, "ada", "Ada")
        with sqlite.reading() as reader:
            assert reader.query(User).count() == 0
    with sqlite.reading() as reader:
        assert reader.query(User).count() == 1


def test_who_writes_holds_the_lock_before_it_reads_anything(sqlite):
    other = Database(str(sqlite.engine.url))
    with other.reading() as session:
        session.execute(text("PRAGMA busy_timeout=50"))
    with sqlite.writing() as first:
        assert first.query(User).count() == 0
        with other.writing() as second, pytest.raises(OperationalError, match="locked"):
            second.query(User).count()
    other.close()


def test_all_of_a_session_is_committed_or_nothing(sqlite):
    def add_twice():
        with sqlite.writing() as session:
            create_user(session, "ada", "Ada")
            create_user(session, "ada", "Ada")

    with pytest.raises(Conflict):
        add_twice()
    with sqlite.reading() as session:
        assert session.query(User).count() == 0


def test_what_a_reading_session_changes_is_dropped(sqlite):
    with sqlite.reading() as session:
        session.add(User(login="x", name="X"))
        session.flush()
    with sqlite.reading() as session:
        assert session.query(User).count() == 0


def test_rows_that_point_nowhere_are_refused(sqlite):
    with pytest.raises(IntegrityError), sqlite.writing() as session:
        session.execute(
            text(
                "INSERT INTO invitation (user_id, token_hash, created_at, expires_at) "
                "VALUES (99, 'x', '2026-01-01', '2026-01-01')"
            )
        )


def test_moments_come_back_as_they_were_whatever_their_zone(sqlite):
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
    with sqlite.writing() as session:
        create_user(session, "ada", "Ada").disabled_at = moment
    with sqlite.reading() as session:
        found = session.query(User).one().disabled_at
    assert found == moment
    assert found.tzinfo is UTC


def test_a_moment_without_a_zone_is_a_mistake(sqlite):
    with pytest.raises(Exception, match="time zone"), sqlite.writing() as session:
        create_user(session, "ada", "Ada").disabled_at = datetime(2026, 1, 1)
