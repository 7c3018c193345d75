"""All tables, as SQLAlchemy Core has them. The tenant comes first in every key.

Marks, parked rows, decisions, approvals, sealing keys, sessions, logouts, recorded steps and incidents live until their
stored end (`EXPIRING`). Other countries' nodes, switches, configurations, fingerprints, summaries and cosignatures stay
(`KEPT`): they name no citizen.
The *ledger tables* (`LEDGER`) hold the release ledger. Only the writer and the sequencer change their rows: `ledger
verify` names every byte that differs. On SQLite the tables are STRICT, and those with short rows have no rowid, which would
tell the order of insertion.
"""

from sqlalchemy import Column, Index, LargeBinary, Text, UniqueConstraint

from idp.store.ledger_tables import (
    checkpoints,
    cosignatures,
    erasures,
    event_positions,
    leaves,
    mandates,
    nodes,
    records,
    staged,
    subjects,
    summaries,
    trees,
)
from idp.store.table_parts import Number, metadata, table, tenant

__all__ = [
    "checkpoints",
    "cosignatures",
    "erasures",
    "event_positions",
    "leaves",
    "mandates",
    "metadata",
    "nodes",
    "records",
    "staged",
    "subjects",
    "summaries",
    "trees",
]

# One-time things that were taken. `unit` is random, tells two units of one batch apart, and leads to nothing else.
marks = table(
    "marks",
    tenant(),
    Column("kind", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("unit", LargeBinary, nullable=False),
    Column("ends", Number, nullable=False),
    Index("marks_by_end", "tenant", "ends"),
)

# Payloads sealed under a secret of their holder.
parked = table(
    "parked",
    tenant(),
    Column("digest", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("ends", Number, nullable=False),
    Index("parked_by_end", "tenant", "ends"),
    rowid=True,
)

# How a login ended, for a minute.
decisions = table(
    "decisions",
    tenant(),
    Column("login", LargeBinary, primary_key=True),
    Column("choice", LargeBinary, nullable=False),
    Column("ends", Number, nullable=False),
    Index("decisions_by_end", "tenant", "ends"),
)

# Approvals that citizens let us remember, and what they took back. `digest` is a keyed one of person, service and purpose,
# `content` is sealed under a key of the ledger's (`idp.login.approvals`).
approvals = table(
    "approvals",
    tenant(),
    Column("digest", LargeBinary, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("ends", Number, nullable=False),
    Index("approvals_by_end", "tenant", "ends"),
    rowid=True,
)

# A browser's session: the sign-in that a group of services shares. `cookie` is the digest of the handle in the browser,
# under which `content` (whom it is about) lies sealed. `person` and `upstream` are keyed digests, of the person and of the
# provider's own session; b"" without one. `content` has the end by the idle time, which a sign-in moves on; the row stays
# until `latest`, and is found by a logout for as long.
sessions = table(
    "sessions",
    tenant(),
    Column("session", LargeBinary, primary_key=True),
    Column("cookie", LargeBinary, nullable=False),
    Column("person", LargeBinary, nullable=False),
    Column("upstream", LargeBinary, nullable=False),
    Column("provider", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("latest", Number, nullable=False),
    Column("ends", Number, nullable=False),
    Index("sessions_by_end", "tenant", "ends"),
    Index("sessions_by_person", "tenant", "person"),
    UniqueConstraint("tenant", "cookie", name="sessions_by_cookie"),
    rowid=True,
)

# A service that got a sign-in of a session, and the name that the session has for it alone.
participants = table(
    "participants",
    tenant(),
    Column("session", LargeBinary, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("sid", Text, nullable=False),
    Column("ends", Number, nullable=False),
    Index("participants_by_end", "tenant", "ends"),
    UniqueConstraint("tenant", "sid", name="participants_by_sid"),
)

# A logout token that a service has not taken yet: tried `tries` times, tried again at `due`, or given up (NULL). `failed`
# names why the last try failed.
logouts = table(
    "logouts",
    tenant(),
    Column("logout", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False),
    Column("sid", Text, nullable=False),
    Column("made", Number, nullable=False),
    Column("tries", Number, nullable=False),
    Column("due", Number),
    Column("failed", Text, nullable=False),
    Column("ends", Number, nullable=False),
    Index("logouts_by_due", "tenant", "due"),
    Index("logouts_by_end", "tenant", "ends"),
)

# Another country's node: its public metadata, what that says (`facts`) and what an operator approved of it (`approved`),
# both as canonical JSON; the digest in the registration that approved it (`named`), and how often it was forgotten
# (`generation`). `seal` is a MAC of the row: an attacker who can write to the database adds no key of a peer.
peers = table(
    "peers",
    tenant(),
    Column("entity_id", Text, primary_key=True),
    Column("octets", LargeBinary, nullable=False),
    Column("facts", Text, nullable=False),
    Column("approved", Text),
    Column("fetched", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("named", Text, nullable=False, server_default=""),
    Column("generation", Number, nullable=False, server_default="0"),
    rowid=True,
)

# Unused. A version of revision 0006 that serves beside this one still writes it, so a later migration drops it.
unforeseen = table(
    "unforeseen",
    tenant(),
    Column("day", Number, primary_key=True, autoincrement=False),
    Column("place", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("times", Number, nullable=False),
)

# One sealing key a kind and hour (hours since the epoch), wrapped under a key that the database never sees. The first row
# that is inserted counts.
sealing_keys = table(
    "sealing_keys",
    tenant(),
    Column("kind", Text, primary_key=True),
    Column("hour", Number, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("ends", Number, nullable=False),
    Index("sealing_keys_by_end", "tenant", "ends"),
)

# What an operator switched off: a relying party, a country, an identity provider or a key of ours. `off` is 0 if it is on
# again, `reason` is for operators' eyes, `seal` is a MAC of the row.
switches = table(
    "switches",
    tenant(),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("off", Number, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# The history of the configuration, by SHA-256: each file, and the list of a configuration's files (`idp.changes.bundle`),
# deflated. Nothing of it is ever deleted, so the text of a policy is found by the hash in a record. A row vouches for
# itself.
configurations = table(
    "configurations",
    tenant(),
    Column("digest", LargeBinary, primary_key=True),
    Column("octets", LargeBinary, nullable=False),
    Column("kept", Number, nullable=False),
    rowid=True,
)

# The configurations that were put in force, numbered from 1; the last one is. `seal` is a MAC of the row, and the ledger
# has a record of each (`idp.changes.history`).
applied = table(
    "applied",
    tenant(),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("time", Number, nullable=False),
    Column("who", Text, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# Signatures of operators over a plan (its SHA-256), for the whole of it ("") or one part, until `base` is in force no more.
# `planner` is 1 of who wants it, 0 of who agrees; `seal` is a MAC of the row.
assents = table(
    "assents",
    tenant(),
    Column("plan", LargeBinary, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("who", Text, primary_key=True),
    Column("base", Number, nullable=False),
    Column("planner", Number, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# Clients that registered themselves: their metadata, what they propose in its place, and the SHA-256 of the token that
# opens them; and initial access tokens by their SHA-256. `seal` is a MAC of the row (`idp.store.registered_clients`).
registered_clients = table(
    "registered_clients",
    tenant(),
    Column("client_id", Text, primary_key=True),
    Column("metadata", Text, nullable=False),
    Column("proposed", Text, nullable=False),
    Column("access", LargeBinary, nullable=False),
    Column("since", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    rowid=True,
)
registration_tokens = table(
    "registration_tokens",
    tenant(),
    Column("digest", LargeBinary, primary_key=True),
    Column("uses", Number, nullable=False),
    Column("ends", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# The fingerprint of the keys that protect a tenant's rows: an installation with others is refused at its start.
installations = table(
    "installations",
    tenant(),
    Column("fingerprint", LargeBinary, nullable=False),
)

# An auditor's passkey at the desk: its id, its public key, and how often it says that it was used. Until it is enrolled:
# the SHA-256 of the one-time link and its end. `seal` is a MAC of the row (`idp.store.records.passkeys`).
auditors = table(
    "auditors",
    tenant(),
    Column("name", Text, primary_key=True),
    Column("credential", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("uses", Number, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("link_ends", Number, nullable=False),
    Column("since", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    rowid=True,
)

# The flight recorder (`idp.monitoring.recorder`): one step of a sign-in on the leg of one party, and what it is open for.
# Every text is a name of ours. `opened` is 0 where nobody showed that there was such a sign-in. `seal` is a MAC of the row.
recorded_steps = table(
    "recorded_steps",
    tenant(),
    Column("reference", Text, primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("time", Number, nullable=False),
    Column("leg", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("check_name", Text, nullable=False),
    Column("size", Number, nullable=False),
    Column("opened", Number, nullable=False),
    Column("ends", Number, nullable=False),
    Index("recorded_steps_by_end", "tenant", "ends"),
)
incidents = table(
    "incidents",
    tenant(),
    Column("name", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ends", Number, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Index("incidents_by_end", "tenant", "ends"),
)

# The last day (since the epoch) on which several people signed in by a registration (`idp.monitoring.successes`)
successes = table(
    "successes",
    tenant(),
    Column("name", Text, primary_key=True),
    Column("day", Number, nullable=False),
    rowid=True,
)

LEDGER = (subjects, records, staged, leaves, nodes, trees, checkpoints)
EXPIRING = (marks, parked, decisions, approvals, sealing_keys, sessions, participants, logouts, recorded_steps, incidents)
REGISTERED = (registered_clients, registration_tokens)
AUDITED = (summaries, erasures, event_positions, mandates, cosignatures, auditors)
KEPT = (peers, successes, unforeseen, switches, configurations, applied, assents, *REGISTERED, installations, *AUDITED)
