"""Other countries' nodes: the last good copy of their metadata, and what was approved of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "peers",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("octets", sa.LargeBinary, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("approved", sa.Text, nullable=True),
        sa.Column("fetched", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "entity_id"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
