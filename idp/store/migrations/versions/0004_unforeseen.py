"""How often something happened that nobody foresaw: a day, a place and a type of exception a row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "unforeseen",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("day", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("times", NUMBER, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
