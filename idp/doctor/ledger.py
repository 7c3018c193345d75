"""The release ledger at a glance: how long leaves wait, how old the last checkpoint is, and whether all are ours.

`ciconia ledger verify` computes everything again; this takes no longer than reading the checkpoints.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from connectors.formats.grammar import written
from idp.audit.verify import faults_of_checkpoint
from idp.doctor.database import our_rows, place_of
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.doctor.key_files import RENAMED, back
from idp.keys.hourly_keys import HOUR, LONGEST
from idp.keys.ledger_files import LOG_VKEY
from idp.ledger.checkpoint import VerifierKey, open_note
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.reads import as_checkpoint
from idp.store.schema.check import UNLOGGED, faults_of_schema
from idp.store.tree_state import believed, has_tree, read_state
from policies.errors import SignatureInvalid

# The most rounds of the sequencer, and at least a minute, before a leaf has its place
ROUNDS, AT_LEAST = 6, 60
# The newest checkpoints that are looked at: a year of them would take seconds
MAX_CHECKPOINTS = 1000
SKEW = 60
# Twice the longest life of a row: a receipt's way, and the keys that close it
LONGEST_SECONDS = 2 * (LONGEST + 2) * HOUR
# Twice the longest that an approval is remembered: a year
APPROVAL_SECONDS = 2 * 366 * 24 * HOUR
_PROOF = "A receipt promises a place in the record by a certain time: an auditor would find it broken."
_VERIFY = "Run `ciconia ledger verify`: it names every row that does not fit. Then restore the database from its backup."


def ledger(case: Examination) -> Iterator[DoctorFinding]:
    """Checks the sequencer's lag, the last checkpoint's age, and the chain of checkpoints."""
    with our_rows(case) as found:
        if found is None:
            return
        engine, keys = found
        with engine.connect() as connection:
            yield from _checked(case, keys, connection)


def _checked(case: Examination, keys: LedgerKeys, connection: Connection) -> Iterator[DoctorFinding]:
    tenant, place = case.settings.tenant, place_of(case)
    for name, what in faults_of_schema(connection):
        why = "What was used once may be used again, and a record be gone before it has its place: then the ledger fits."
        fix = "Find out who can write to the database; then restore it from a backup of before."
        if what == UNLOGGED:
            why = "A release that was approved would be gone after a crash, and the server does not start."
            fix = f"Run ALTER TABLE {name} SET LOGGED."
        yield ERROR(place, "schema", f"{name}: {what}.", why, fix)
    others = sorted(set(connection.scalars(select(tables.trees.c.tenant))) - {tenant})
    if others:
        what = f"it holds the ledger of {', '.join(others)}, and this broker is {tenant}."
        why = "The issuer was changed, or this is another broker's database: what was recorded is found no more."
        yield WARNING(place, "tenant", what, why, "Write the issuer of before, or begin with a fresh folder.")
    yield from _stays(case, connection)
    oldest = oldest_staged(connection, tenant)
    patience = max(AT_LEAST, int(ROUNDS * case.settings.checkpoint_seconds))
    if oldest is not None and case.now - oldest > patience:
        what = f"a record waits for its place since {written(oldest)}, {case.now - oldest} seconds."
        yield WARNING(
            place, "staged", what, _PROOF, "Start the server. If it runs, its log says why the sequencer stopped."
        )
    chain = list(_checkpoints(connection, keys, tenant))
    yield from _signed(case, keys, chain)
    yield from _state(case, keys, connection, chain[-1][1] if chain else None, patience)


def _signed(
    case: Examination, keys: LedgerKeys, chain: Sequence[tuple[int, Checkpoint, list[str]]]
) -> Iterator[DoctorFinding]:
    """Finds checkpoints that do not fit; those of the log under another name are counted together."""
    place, renamed = place_of(case), Counter[str]()
    for number, found, faults in chain:
        name = name_before(found.note, keys) if faults else ""
        renamed.update([name] if name else [])
        for fault in faults:
            lacks = f"restore {LOG_VKEY}" in fault
            if name and lacks:
                continue
            why, fix = "Somebody else wrote to the ledger: what it says can no longer be believed.", _VERIFY
            if lacks:
                why = f"A key of another machine signed it, whose line {LOG_VKEY} lacks here; or somebody else wrote it."
                fix = f"Copy {LOG_VKEY} and the keys of the log from the machine that has it. If none has: {_VERIFY}"
            yield ERROR(place, f"checkpoint {number}", fault.rstrip(".") + ".", why, fix)
    for name, count in renamed.items():
        of = "1 checkpoint is" if count == 1 else f"{count} checkpoints are"
        what = f"{of} of the log {name}, and this is {keys.origin}."
        yield ERROR(place, "checkpoint", what, RENAMED, back(case, name))


def _stays(case: Examination, connection: Connection) -> Iterator[DoctorFinding]:
    """Finds rows whose time of purging no right clock wrote."""
    for table in tables.EXPIRING:
        latest = case.now + (APPROVAL_SECONDS if table is tables.approvals else LONGEST_SECONDS)
        far = (table.c.tenant == case.settings.tenant, table.c.ends > latest)
        count = connection.scalar(select(func.count()).select_from(table).where(*far))
        if count:
            rows = "1 row ends" if count == 1 else f"{count} rows end"
            what = f"{rows} later than {written(latest)}, and nothing in it lives for so long."
            why = "A clock was ahead when they were written, or this one is behind. Nothing purges them before their end."
            sql = f"DELETE FROM {table.name} WHERE tenant = '{case.settings.tenant}' AND ends > {latest}"  # noqa: S608  told, not run
            yield WARNING(place_of(case), table.name, what, why, f"Set all clocks, by NTP. When they are right: {sql}")


def _state(
    case: Examination, keys: LedgerKeys, connection: Connection, newest: Checkpoint | None, patience: int
) -> Iterator[DoctorFinding]:
    place, tenant = place_of(case), case.settings.tenant
    row = read_state(connection, tenant)
    if row is None:
        if has_tree(connection, tenant) or _placed(connection, tenant):
            what = "there are records that had a place, and the state of their tree is gone."
            why = "Somebody took it away: a server that runs halts, and one that starts would begin another record."
            yield ERROR(place, "tree", what, why, _VERIFY)
        return
    state = believed(row, keys, tenant)
    if state is None:
        why = "The server stops recording, and so releasing, when it sees that."
        yield ERROR(place, "tree", "the state of its tree has no seal of ours.", why, _VERIFY)
        return
    if newest is not None and newest.time > case.now + SKEW:
        what = f"its last checkpoint was signed at {written(newest.time)}, which has not come yet."
        why = "The clock of this machine is behind, or one was ahead then: the times of checkpoints follow each other."
        fix = "Set the clock, by NTP. Where it is right, checkpoints go on, each a second later than the one before."
        yield ERROR(place, "checkpoint", what, why, fix)
    behind = state.size - (newest.size if newest is not None else 0)
    age = case.now - (newest.time if newest is not None else 0)
    if behind < 0 or (newest is not None and behind == 0 and newest.root != state.root):
        why = "The database is older than what was signed: an old backup, or somebody forked the log."
        yield ERROR(place, "tree", "its tree is not the one of its last checkpoint.", why, _VERIFY)
    elif behind and age > patience:
        last = f"the last checkpoint is of {written(newest.time)}" if newest is not None else "there is no checkpoint"
        of = "1 record has" if behind == 1 else f"{behind} records have"
        what = f"{of} a place that no checkpoint covers: {last}."
        yield WARNING(place, "checkpoint", what, _PROOF, "Start the server. If it runs, its log says why it does not sign.")


def _placed(connection: Connection, tenant: str) -> bool:
    """Whether some record's leaf does not wait for a place."""
    records, staged = tables.records.c, tables.staged.c
    waits = select(staged.record).where(staged.tenant == tenant, staged.record == records.record).exists()
    return connection.scalar(select(records.record).where(records.tenant == tenant, ~waits).limit(1)) is not None


def oldest_staged(connection: Connection, tenant: str) -> int | None:
    """The time of the record that waits longest for its place (seconds since the epoch); None where none waits."""
    staged, records = tables.staged.c, tables.records.c
    same = (staged.tenant == records.tenant) & (staged.record == records.record)
    # From what waits to its record: SQLite would join the other way round, and read all records ever made
    query = select(func.min(records.time)).select_from(tables.staged.outerjoin(tables.records, same))
    query = query.where(staged.tenant == tenant)
    found: int | None = connection.scalar(query)
    return found


def name_before(note: str, keys: LedgerKeys) -> str:
    """The other name under which a key of this log signed a note; "" where none did."""
    unverified = note.partition("\n")[0]
    others = [VerifierKey(unverified, key.public) for key in keys.log.known]
    try:
        return unverified if unverified != keys.origin and open_note(note.encode(), *others) else ""
    except SignatureInvalid:
        return ""


def _checkpoints(connection: Connection, keys: LedgerKeys, tenant: str) -> Iterator[tuple[int, Checkpoint, list[str]]]:
    """The newest checkpoints in their order, each with its faults."""
    table = tables.checkpoints.c
    query = select(tables.checkpoints).where(table.tenant == tenant).order_by(table.number.desc()).limit(MAX_CHECKPOINTS)
    before: Checkpoint | None = None
    expected = 0
    for row in reversed(connection.execute(query).all()):
        faults = list(faults_of_checkpoint(row, before, keys, tenant))
        if expected and row.number != expected:
            faults.append(f"checkpoint {expected} should come here")
        before, expected = as_checkpoint(row), row.number + 1
        yield row.number, before, faults
