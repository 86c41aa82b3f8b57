"""Trace ids of submissions"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    """To this revision."""
    # Not in a batch: for that SQLite would copy the table that others point to.
    op.add_column(
        "submission",
        sa.Column("trace", sa.String(length=32), server_default="", nullable=False),
    )
    submission = sa.table("submission", sa.column("id", sa.Integer), sa.column("trace", sa.String))
    connection = op.get_bind()
    ids = connection.scalars(sa.select(submission.c.id)).all()
    fill = submission.update().where(submission.c.id == sa.bindparam("of"))
    fill = fill.values(trace=sa.bindparam("drawn"))
    for start in range(0, len(ids), _AT_ONCE):
        connection.execute(
            fill, [{"of": n, "drawn": secrets.token_hex(16)} for n in ids[start : start + _AT_ONCE]]
        )


def downgrade() -> None:
    """Back from it."""
    op.drop_column("submission", "trace")
