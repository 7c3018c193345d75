"""Sessions that a group of services shares, and what those services have still to hear of their end."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sessions",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("session", sa.LargeBinary, primary_key=True),
        sa.Column("cookie", sa.LargeBinary, nullable=False),
        sa.Column("person", sa.LargeBinary, nullable=False),
        sa.Column("upstream", sa.LargeBinary, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("latest", NUMBER, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sa.UniqueConstraint("tenant", "cookie", name="sessions_by_cookie"),
        sqlite_strict=True,
    )
    op.create_index("sessions_by_end", "sessions", ["tenant", "ends"])
    op.create_index("sessions_by_person", "sessions", ["tenant", "person"])
    op.create_table(
        "participants",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("session", sa.LargeBinary, primary_key=True),
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("sid", sa.Text, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sa.UniqueConstraint("tenant", "sid", name="participants_by_sid"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("participants_by_end", "participants", ["tenant", "ends"])
    op.create_table(
        "logouts",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("logout", sa.LargeBinary, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=False),
        sa.Column("made", NUMBER, nullable=False),
        sa.Column("tries", NUMBER, nullable=False),
        sa.Column("due", NUMBER),
        sa.Column("failed", sa.Text, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("logouts_by_due", "logouts", ["tenant", "due"])
    op.create_index("logouts_by_end", "logouts", ["tenant", "ends"])
