"""The first tables: one-time marks, parked payloads, decisions, and the release ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _create(name: str, *parts: sa.schema.SchemaItem, rowid: bool = False) -> None:
    op.create_table(name, sa.Column("tenant", sa.Text, nullable=False), *parts, sqlite_strict=True, sqlite_with_rowid=rowid)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, NUMBER, nullable=nullable, autoincrement=False)


def upgrade() -> None:
    """Apply."""
    _expiring()
    _entries()
    _tree()


def _expiring() -> None:
    _create(
        "marks",
        _text("kind"),
        _bytes("digest"),
        _bytes("unit"),
        _number("ends"),
        sa.PrimaryKeyConstraint("tenant", "kind", "digest"),
    )
    _create(
        "parked",
        _bytes("digest"),
        _text("kind"),
        _bytes("payload"),
        _number("ends"),
        sa.PrimaryKeyConstraint("tenant", "digest"),
        rowid=True,
    )
    _create("decisions", _bytes("login"), _bytes("choice"), _number("ends"), sa.PrimaryKeyConstraint("tenant", "login"))
    for name in ("marks", "parked", "decisions"):
        op.create_index(f"{name}_by_end", name, ["tenant", "ends"])


def _entries() -> None:
    _create("subjects", _bytes("subject"), _bytes("salt"), _number("counter"), sa.PrimaryKeyConstraint("tenant", "subject"))
    _create(
        "records",
        _bytes("record"),
        _number("time"),
        _bytes("leaf_hash"),
        _bytes("subject", nullable=True),
        _number("position", nullable=True),
        _bytes("sent_opening"),
        _bytes("decision_opening"),
        _bytes("login_opening", nullable=True),
        _bytes("subject_opening", nullable=True),
        sa.PrimaryKeyConstraint("tenant", "record"),
        sa.UniqueConstraint("tenant", "leaf_hash", name="records_by_leaf"),
        sa.UniqueConstraint("tenant", "subject", "position", name="records_by_subject"),
        rowid=True,
    )
    record = sa.ForeignKeyConstraint(["tenant", "record"], ["records.tenant", "records.record"], name="staged_record")
    _create("staged", _bytes("record"), _bytes("leaf"), sa.PrimaryKeyConstraint("tenant", "record"), record)


def _tree() -> None:
    _create(
        "leaves",
        _number("leaf_index"),
        _bytes("leaf"),
        _bytes("leaf_hash"),
        sa.PrimaryKeyConstraint("tenant", "leaf_index"),
        sa.UniqueConstraint("tenant", "leaf_hash", name="leaves_by_hash"),
    )
    _create(
        "nodes",
        _number("level"),
        _number("node_index"),
        _bytes("hash"),
        sa.PrimaryKeyConstraint("tenant", "level", "node_index"),
    )
    _create(
        "trees",
        _number("size"),
        _bytes("root"),
        _number("checkpoints"),
        _number("epoch"),
        _bytes("holder"),
        _number("lease_ends"),
        _bytes("seal"),
        sa.PrimaryKeyConstraint("tenant"),
    )
    _create(
        "checkpoints",
        _number("number"),
        _number("size"),
        _bytes("root"),
        _number("time"),
        _bytes("note"),
        _bytes("seal"),
        sa.PrimaryKeyConstraint("tenant", "number"),
    )
