"""Bringing a database to the state that the models describe."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from web.database import Database
from web.models import Base

_LOCK = 0x31427931  # any number, as long as nothing else of the database takes the same


def migrate(database: Database) -> None:
    """Upgrade to the newest revision; does nothing where it is there already.

    Several may ask at once: one upgrades, the others wait for it.
    """
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        command.upgrade(configuration(connection), "head")


def is_current(database: Database) -> bool:
    """Whether the database is at the newest revision."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        head = ScriptDirectory.from_config(configuration(connection)).get_current_head()
        return context.get_current_revision() == head


def differences(database: Database) -> list[object]:
    """Between the database and the models; nothing where the migrations are complete."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def configuration(connection: Connection) -> Config:
    """Alembic's, for this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
