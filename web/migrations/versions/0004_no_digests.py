"""Reports are compared themselves where two meet, not by digests that each of them has"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("result", "result_conflict")


def upgrade() -> None:
    """To this revision."""
    for table in _TABLES:
        op.drop_column(table, "digest")


def downgrade() -> None:
    """Back from it. What has no digest contradicts whatever comes again; the first still stands."""
    for table in _TABLES:
        digest = sa.Column("digest", sa.String(length=64), server_default="", nullable=False)
        op.add_column(table, digest)
