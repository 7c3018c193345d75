"""Which programs may serve a database that a newer one migrated; on PostgreSQL, partitions by period of what ends."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step
compatible_from = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table("alembic_compatible", sa.Column("from_revision", sa.Text, nullable=False), sqlite_strict=True)
    if op.get_context().dialect.name == "postgresql":
        _partitioned("parked", "digest")
        _partitioned("decisions", "login")
        # Most of a table of marks is dead after a quarter of an hour: its space is taken again soon, a little at a time
        op.execute("ALTER TABLE marks SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1)")


def _partitioned(name: str, key: str) -> None:
    """The table with the same columns and rows, by ranges of `ends`; the key of a partitioned table has to hold that."""
    op.execute(f"ALTER TABLE {name} RENAME TO {name}_rest")
    op.execute(f"ALTER TABLE {name}_rest DROP CONSTRAINT {name}_pkey")
    op.execute(f"DROP INDEX {name}_by_end")
    op.execute(f"CREATE TABLE {name} (LIKE {name}_rest INCLUDING DEFAULTS) PARTITION BY RANGE (ends)")
    op.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_pkey PRIMARY KEY (tenant, {key}, ends)")
    op.execute(f"ALTER TABLE {name} ATTACH PARTITION {name}_rest DEFAULT")
    op.create_index(f"{name}_by_end", name, ["tenant", "ends"])
