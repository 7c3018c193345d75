"""The release ledger at a glance: how long leaves wait, how old the last checkpoint is, and whether all of them are ours.

`ciconia ledger verify` computes everything again; this takes no longer than reading the checkpoints.
"""

from collections.abc import Generator, Iterator

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from connectors.formats.grammar import written
from idp.audit.verify import faults_of_checkpoint
from idp.doctor.case import Case
from idp.doctor.database import ours, place_of, read_only
from idp.doctor.finding import Finding, Severity
from idp.doctor.keys import RENAMED, back
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

# So many rounds of the sequencer, and never less than a minute, may pass before a leaf has its place
ROUNDS, AT_LEAST = 6, 60
# The newest checkpoints that are looked at: a year of them would take seconds
MAX_CHECKPOINTS = 1000
SKEW = 60
# Twice what lives longest: a receipt's way, and the keys that close it
LONGEST_SECONDS = 2 * (LONGEST + 2) * HOUR
_PROOF = "A receipt promises a place in the record by a certain time: an auditor would find it broken."
_VERIFY = "Run `ciconia ledger verify`: it names every row that does not fit. Then restore the database from its backup."


def ledger(case: Case) -> Iterator[Finding]:
    """The sequencer's lag, the last checkpoint's age, and a quick check of the chain of checkpoints."""
    if case.ledger is None or not case.knows("issuer", "database"):
        return
    with read_only(case) as engine:
        if engine is None or not ours(case, engine):
            return
        try:
            with engine.connect() as connection:
                for key, severity, what, why, fix in _looked_at(case, case.ledger, connection):
                    file = place_of(case)
                    yield Finding(severity, file, 0, key, what, why, fix)
        except DBAPIError:
            return  # the check of the database names it


def _looked_at(case: Case, keys: LedgerKeys, connection: Connection) -> Iterator[tuple[str, Severity, str, str, str]]:
    tenant = case.settings.tenant
    for name, what in faults_of_schema(connection):
        why = "What was used once may be used again, and a record be gone before it has its place: then the ledger fits."
        fix = "Find out who can write to the database; then restore it from a backup of before."
        if what == UNLOGGED:
            why = "A release that was approved would be gone after a crash, and the server does not start."
            fix = f"Run ALTER TABLE {name} SET LOGGED."
        yield "schema", Severity.ERROR, f"{name}: {what}.", why, fix
    others = sorted(set(connection.scalars(select(tables.trees.c.tenant))) - {tenant})
    if others:
        what = f"it holds the ledger of {', '.join(others)}, and this broker is {tenant}."
        why = "The issuer was changed, or this is another broker's database: what was recorded is found no more."
        yield "tenant", Severity.WARNING, what, why, "Write the issuer of before, or begin with a fresh folder."
    yield from _stays(case, connection)
    oldest = oldest_staged(connection, tenant)
    patience = max(AT_LEAST, int(ROUNDS * case.settings.checkpoint_seconds))
    if oldest is not None and case.now - oldest > patience:
        what = f"a record waits for its place since {written(oldest)}, {case.now - oldest} seconds."
        fix = "Start the server. If it runs, its log says why the sequencer stopped."
        yield "staged", Severity.WARNING, what, _PROOF, fix
    newest = yield from _signed(case, keys, connection)
    yield from _state(case, keys, connection, newest, patience)


def _signed(
    case: Case, keys: LedgerKeys, connection: Connection
) -> Generator[tuple[str, Severity, str, str, str], None, Checkpoint | None]:
    """What does not fit of the checkpoints; returns the newest one."""
    newest: Checkpoint | None = None
    renamed: dict[str, int] = {}
    for number, found, faults in _checkpoints(connection, keys, case.settings.tenant):
        name = name_before(found.note, keys) if faults else ""
        if name:
            renamed[name] = renamed.get(name, 0) + 1
        for fault in faults:
            if name and f"restore {LOG_VKEY}" in fault:
                continue
            why = "Somebody else wrote to the ledger: what it says can no longer be believed."
            fix = _VERIFY
            if f"restore {LOG_VKEY}" in fault:
                why = f"A key of another machine signed it, whose line {LOG_VKEY} lacks here; or somebody else wrote it."
                fix = f"Copy {LOG_VKEY} and the keys of the log from the machine that has it. If none has: {_VERIFY}"
            yield f"checkpoint {number}", Severity.ERROR, fault.rstrip(".") + ".", why, fix
        newest = found
    for name, count in renamed.items():
        of = "1 checkpoint is" if count == 1 else f"{count} checkpoints are"
        yield "checkpoint", Severity.ERROR, f"{of} of the log {name}, and this is {keys.origin}.", RENAMED, back(case, name)
    return newest


def _stays(case: Case, connection: Connection) -> Iterator[tuple[str, Severity, str, str, str]]:
    """What is to be purged at a time that no right clock wrote."""
    latest = case.now + LONGEST_SECONDS
    for table in tables.EXPIRING:
        far = (table.c.tenant == case.settings.tenant, table.c.ends > latest)
        count = connection.scalar(select(func.count()).select_from(table).where(*far))
        if count:
            rows = "1 row ends" if count == 1 else f"{count} rows end"
            what = f"{rows} later than {written(latest)}, and nothing in it lives for so long."
            why = "A clock was ahead when they were written, or this one is behind. Nothing purges them before their end."
            sql = f"DELETE FROM {table.name} WHERE tenant = '{case.settings.tenant}' AND ends > {latest}"  # noqa: S608  told, not run
            yield table.name, Severity.WARNING, what, why, f"Set all clocks, by NTP. When they are right: {sql}"


def _state(
    case: Case, keys: LedgerKeys, connection: Connection, newest: Checkpoint | None, patience: int
) -> Iterator[tuple[str, Severity, str, str, str]]:
    row = read_state(connection, case.settings.tenant)
    if row is None:
        if has_tree(connection, case.settings.tenant) or _placed(connection, case.settings.tenant):
            why = "Somebody took it away: a server that runs halts, and one that starts would begin another record."
            yield (
                "tree",
                Severity.ERROR,
                "there are records that had a place, and the state of their tree is gone.",
                why,
                _VERIFY,
            )
        return
    state = believed(row, keys, case.settings.tenant)
    if state is None:
        why = "The server stops recording, and so releasing, when it sees that."
        yield "tree", Severity.ERROR, "the state of its tree has no seal of ours.", why, _VERIFY
        return
    if newest is not None and newest.time > case.now + SKEW:
        what = f"its last checkpoint was signed at {written(newest.time)}, which has not come yet."
        why = "The clock of this machine is behind, or one was ahead then: the times of checkpoints follow each other."
        fix = "Set the clock, by NTP. Where it is right, checkpoints go on, each a second later than the one before."
        yield "checkpoint", Severity.ERROR, what, why, fix
    behind = state.size - (newest.size if newest is not None else 0)
    age = case.now - (newest.time if newest is not None else 0)
    if behind < 0 or (newest is not None and behind == 0 and newest.root != state.root):
        why = "The database is older than what was signed: an old backup, or somebody forked the log."
        yield "tree", Severity.ERROR, "its tree is not the one of its last checkpoint.", why, _VERIFY
    elif behind and age > patience:
        last = f"the last checkpoint is of {written(newest.time)}" if newest is not None else "there is no checkpoint"
        of = "1 record has" if behind == 1 else f"{behind} records have"
        what = f"{of} a place that no checkpoint covers: {last}."
        yield (
            "checkpoint",
            Severity.WARNING,
            what,
            _PROOF,
            "Start the server. If it runs, its log says why it does not sign.",
        )


def _placed(connection: Connection, tenant: str) -> bool:
    """Whether there is a record whose leaf does not wait for a place."""
    records, staged = tables.records.c, tables.staged.c
    waits = select(staged.record).where(staged.tenant == tenant, staged.record == records.record).exists()
    return connection.scalar(select(records.record).where(records.tenant == tenant, ~waits).limit(1)) is not None


def oldest_staged(connection: Connection, tenant: str) -> int | None:
    """When the record that waits longest for its place was made (seconds since the epoch); None where none waits."""
    staged, records = tables.staged.c, tables.records.c
    same = (staged.tenant == records.tenant) & (staged.record == records.record)
    # From what waits to its record: the other way round, as SQLite would join them, it reads all records ever made
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
    """The newest ones in their order, each with what does not fit."""
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
