"""Figures that only grow"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "tally",
        sa.Column("figure", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("figure", "label", name=op.f("pk_tally")),
    )


def downgrade() -> None:
    """Back from it."""
    op.drop_table("tally")
