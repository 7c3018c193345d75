"""The history of the configuration by hash, which of it is in force, and who agreed to a plan."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "configurations",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("octets", sa.LargeBinary, nullable=False),
        sa.Column("kept", NUMBER, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "applied",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("time", NUMBER, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "assents",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("plan", sa.LargeBinary, primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("who", sa.Text, primary_key=True),
        sa.Column("base", NUMBER, nullable=False),
        sa.Column("planner", NUMBER, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
