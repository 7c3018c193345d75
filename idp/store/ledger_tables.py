"""The tables of the release ledger. Only the writer and the sequencer change their rows."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint

from idp.store.table_parts import Number, table, tenant

# A person in the ledger: keyed index, the salt of their own key, how many records they got, and how many of those are no
# longer theirs because their purpose's retention is over. An erasure deletes the row.
subjects = table(
    "subjects",
    tenant(),
    Column("subject", LargeBinary, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("counter", Number, nullable=False),
    Column("expired", Number, nullable=False, server_default="0"),
)

# Persons who are to be erased, and when (decision 0060). `officers` is "" if the person asked, else a JSON list of two
# names. `seal` is a MAC of the row. Once their records are cleared the row names nobody, and stays until no file has their
# traces.
erasures = table(
    "erasures",
    tenant(),
    Column("erasure", LargeBinary, primary_key=True),
    Column("subject", LargeBinary),
    Column("asked", Number, nullable=False),
    Column("due", Number, nullable=False),
    Column("officers", Text, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "subject", name="erasures_by_subject"),
    rowid=True,
)

# What two officers sign together, grants and erasures: a document (canonical JSON, `idp.changes.mandates`), a JSON object
# of their signatures by name, when it was ended (0: it was not), how often a grant was used, and when last. `seal` is a MAC
# of the row.
mandates = table(
    "mandates",
    tenant(),
    Column("mandate", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("signatures", Text, nullable=False),
    Column("ended", Number, nullable=False),
    Column("used", Number, nullable=False),
    Column("used_last", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    rowid=True,
)

# The place up to which the receiver of events has them (`idp.audit.events`).
event_positions = table(
    "event_positions",
    tenant(),
    Column("position", Number, nullable=False),
    rowid=True,
)

# A release, refusal, cancellation or approval of metadata: its leaf's hash and its encrypted openings. `position` is the
# subject's counter. An erased release has neither subject, position nor login, and a MAC in place of the subject's opening
# (`idp.ledger.leaf.erasure_mark`).
records = table(
    "records",
    tenant(),
    Column("record", LargeBinary, primary_key=True),
    Column("time", Number, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("subject", LargeBinary),
    Column("position", Number),
    Column("sent_opening", LargeBinary, nullable=False),
    Column("decision_opening", LargeBinary, nullable=False),
    Column("login_opening", LargeBinary),
    Column("subject_opening", LargeBinary),
    UniqueConstraint("tenant", "leaf_hash", name="records_by_leaf"),
    UniqueConstraint("tenant", "subject", "position", name="records_by_subject"),
    rowid=True,
)

# Leaves that wait for the sequencer.
staged = table(
    "staged",
    tenant(),
    Column("record", LargeBinary, primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
    ForeignKeyConstraint(["tenant", "record"], ["records.tenant", "records.record"], name="staged_record"),
)

# Leaves in their place.
leaves = table(
    "leaves",
    tenant(),
    Column("leaf_index", Number, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "leaf_hash", name="leaves_by_hash"),
)

# Complete subtrees from level 1 up; level 0 are the leaves' hashes.
nodes = table(
    "nodes",
    tenant(),
    Column("level", Number, primary_key=True, autoincrement=False),
    Column("node_index", Number, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

# The tree as it stands, and the sequencer's lease: `epoch` is the fence that each append compares. `seal` is a MAC of the
# row.
trees = table(
    "trees",
    tenant(),
    Column("size", Number, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoints", Number, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("holder", LargeBinary, nullable=False),
    Column("lease_ends", Number, nullable=False),  # milliseconds since the epoch
    Column("seal", LargeBinary, nullable=False),
)

# Signed tree heads, numbered from 1. `note` is the C2SP signed note, `seal` a MAC of the row (the note has no time).
checkpoints = table(
    "checkpoints",
    tenant(),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("size", Number, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("time", Number, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# What a block of 4096 leaves says (`idp.audit.questions.summary`): made from the ledger, sealed under its keys. A row that
# is gone or changed is made again.
summaries = table(
    "summaries",
    tenant(),
    Column("block", Number, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    rowid=True,
)

# Cosignatures of other operators' witnesses: `line` is a signature line below the checkpoint of this number, `witness` the
# name and id of its key, `time` what it says, `seal` a MAC of the row.
cosignatures = table(
    "cosignatures",
    tenant(),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),
    Column("time", Number, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Index("cosignatures_by_time", "tenant", "time"),
    rowid=True,
)
