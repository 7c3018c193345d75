"""What auditors read: summaries of the ledger's blocks."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "summaries",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("block", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
