"""The auditors' side: summaries of blocks, erasures, what two officers sign, cosignatures. And the flight recorder."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"

# PostgreSQL keeps samples of a column for its plans, beside the tables: none of what an erasure deletes
UNSAMPLED = {
    "subjects": ("subject", "salt"),
    "erasures": ("subject", "seal"),
    "records": ("subject", "position", "login_opening", "subject_opening"),
    "approvals": ("digest", "content"),
    "sessions": ("session", "cookie", "person", "upstream", "content"),
    "participants": ("session", "sid"),
}

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
    # How many of a person's records retention has ended
    op.add_column("subjects", sa.Column("expired", NUMBER, nullable=False, server_default="0"))
    op.create_table(
        "erasures",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("erasure", sa.LargeBinary, primary_key=True),
        sa.Column("subject", sa.LargeBinary),
        sa.Column("asked", NUMBER, nullable=False),
        sa.Column("due", NUMBER, nullable=False),
        sa.Column("officers", sa.Text, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("tenant", "subject", name="erasures_by_subject"),
        sqlite_strict=True,
    )
    op.create_table(
        "event_positions",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("position", NUMBER, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "mandates",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("mandate", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("signatures", sa.Text, nullable=False),
        sa.Column("ended", NUMBER, nullable=False),
        sa.Column("used", NUMBER, nullable=False),
        sa.Column("used_last", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "cosignatures",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("witness", sa.Text, primary_key=True),
        sa.Column("time", NUMBER, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("cosignatures_by_time", "cosignatures", ["tenant", "time"])
    op.create_table(
        "auditors",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("credential", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("uses", NUMBER, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        sa.Column("link_ends", NUMBER, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "successes",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("day", NUMBER, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "recorded_steps",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("time", NUMBER, nullable=False),
        sa.Column("leg", sa.Text, nullable=False),
        sa.Column("party", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("opened", NUMBER, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("recorded_steps_by_end", "recorded_steps", ["tenant", "ends"])
    op.create_table(
        "incidents",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ends", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("incidents_by_end", "incidents", ["tenant", "ends"])
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in UNSAMPLED.items():
            for column in columns:
                # The same type again rewrites nothing, and forgets the samples of before
                kind = {"position": "bigint", "sid": "text"}.get(column, "bytea")
                op.execute(f"ALTER TABLE {table} ALTER {column} SET STATISTICS 0, ALTER {column} TYPE {kind}")
