"""Clients that registered themselves, and the tokens that let them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "registered_clients",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("proposed", sa.Text, nullable=False),
        sa.Column("access", sa.LargeBinary, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "registration_tokens",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("uses", NUMBER, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
