"""Which digest of a registration approved a node's metadata, and how often an operator had it forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.add_column("peers", sa.Column("named", sa.Text, nullable=False, server_default=""))
    op.add_column("peers", sa.Column("generation", NUMBER, nullable=False, server_default="0"))
