"""`ciconia backup` and `restore`: the record of releases, and what must not be forgotten, as one file."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing as store_of
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy import Engine

from connectors.formats.grammar import written
from idp.application.recorded_act import account, record_act
from idp.audit.verify import steps_of, verify_ledger
from idp.citizen.erasing import EraseDue
from idp.citizen.restored import Restored
from idp.cli.console import NO, YES, answer, end, progress, say, trying, unwritable
from idp.cli.options import AsJsonLines, Folder
from idp.config.settings import Settings, load_settings
from idp.keys.backup_files import FOLDER, destroy_old, key_of_day, read_key
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import TreeHead
from idp.ledger.findings import LedgerReport
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.ledger.operator_records import RESTORED
from idp.sequencer.witness import saw_nothing, witnessed, would_count
from idp.store.backup import CLOSED_SECONDS, back_up, closing, newest_moment, opened_backup, rows_of
from idp.store.backup import restore as restore_rows
from idp.store.commits import Unconfirmed
from idp.store.engine import database_name, disposed, open_engine, reading
from idp.store.faults import explained
from idp.store.installation import assert_ours, is_sealed_by_others
from idp.store.migrate import assert_current, migrate
from idp.store.records.backup_wrapping import BackupWrapping, KeyOfDay
from idp.store.store import open_store
from idp.system.logs import configure_logs
from policies.errors import Misconfigured, Problem, StoreUnavailable

# What SQLite says where there is no room for the file, or for what it keeps beside it
NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")


def backup(
    config: Folder,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="A new file: SQLite, readable to you alone.")],
    *,
    as_json: AsJsonLines = False,
) -> None:
    """Copy the database into one file while the broker serves, and check the ledger in the copy. Keys are not in it.

    It refuses the database of another installation, and writes nothing.

    Example: ciconia backup --config city --to /backup/city-2026-11-25.db

    Exit codes: 0 it is written and its ledger fits, 1 it is written and something does not fit, 2 it could not be tried.
    """
    with _trying(to, as_json=as_json, writes=True):
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        if would_count(to, settings.witness_path):
            what = f"{to} would count as a checkpoint of the witness {settings.witness_path}, and nothing would be signed"
            _end(f"{what} beside it: name a file in another folder", as_json=as_json)
        blind = partial(saw_nothing, settings.witness_path, keys)
        now, backup_keys = int(time.time()), settings.key_folder / FOLDER
        destroy_old(backup_keys, now)
        wrapping = BackupWrapping(key_of_day(backup_keys, now // DAY), now // DAY, settings.tenant)
        with _database(settings) as engine:
            # With other keys nothing in it would fit, nor what the witness saw
            with reading(), engine.connect() as connection:
                assert_ours(connection, settings.tenant, keys)
            # Before the copy, which must have all of it
            heads = witnessed(settings.witness_path, keys)
            with progress(rows_of(engine, settings.tenant), "backup", as_json=as_json) as advance:
                count = back_up(engine, tenant=settings.tenant, file=to, advance=advance, wrapping=wrapping)
        key_read = partial(read_key, backup_keys)
        with opened_backup(to, tenant=settings.tenant, beside=to.parent, key_of_day=key_read) as copy:
            report = _verified(copy, settings, keys, heads=heads, blind=blind, as_json=as_json)
    _say(report, f"{_rows(count)} in {to}", {"file": str(to), "rows": count}, as_json=as_json)


def restore(
    config: Folder,
    file: Annotated[Path, typer.Option("--from", metavar="FILE", help="What `ciconia backup` wrote.")],
    *,
    as_json: AsJsonLines = False,
) -> None:
    """Fill the empty database of a folder from a backup, and check the ledger before and after.

    The folder needs the keys that the backup was made with. For 18 minutes after it the broker refuses sign-ins: what was
    used once since the backup could be used again. Whatever was switched off or revoked since then is on again: repeat it.

    Example: ciconia restore --config city-again --from /backup/city-2026-11-25.db

    Exit codes: 0 it is restored and its ledger fits, 1 something does not fit, 2 it could not be tried.
    """
    with _trying(file, as_json=as_json):
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        beside = Restored(tenant=settings.tenant, keys=keys)
        backup_opened = opened_backup(
            file,
            tenant=settings.tenant,
            beside=settings.folder,
            key_of_day=_read_keys(settings.key_folder / FOLDER, int(time.time())),
            judge=lambda source: _assert_our_keys(source, settings, keys, file),
        )
        with _room_at(str(settings.folder)), backup_opened as source:
            report = _verified(source, settings, keys, as_json=as_json)
            if not report.holds:
                _say(report, f"{file} is not restored", {"restored": False}, as_json=as_json)
            # Before anything is written: one that cannot be read is said first
            heads = witnessed(settings.witness_path, keys)
            seen = max((head.size for head in heads), default=0)
            database = database_name(settings.database_url)
            try:
                with _room_at(database):
                    migrate(settings.database_url, partial(assert_ours, tenant=settings.tenant, keys=keys))
            except Unconfirmed as error:
                raise StoreUnavailable(f"{error.detail}. Nothing is restored yet: restore again") from error
            now = int(time.time())
            newest, stops = _newest(source, settings, now), beside.stops(source, now)
            with _room_at(database), _database(settings) as engine:
                count, alone = rows_of(source, settings.tenant), ""
                with progress(count, "restore", as_json=as_json) as advance:
                    try:
                        count = restore_rows(source, engine, tenant=settings.tenant, now=now, advance=advance, stops=stops)
                    except Unconfirmed as error:
                        alone = f"The rows are there, but {error.detail}. Do not restore again."
                if alone:
                    # Each further commit would wait for the standby, too. A server erases at its start, before it serves
                    alone += " That it was restored is not recorded: write it down."
                    erasures = 0
                else:
                    # The first record of the restored ledger
                    alone = _recorded(settings, keys, newest)
                    # Before anybody is served: whoever was to be erased meanwhile
                    due = EraseDue(engine=engine, tenant=settings.tenant, keys=keys, beside=beside)
                    erasures = due.run(now).erasures
                # Not asked again: nobody signs meanwhile, and the rows are there whatever becomes of it
                unseen = "" if settings.witness_path is None else str(settings.witness_path)
                report = _verified(engine, settings, keys, heads=heads, blind=lambda: unseen, as_json=as_json)
    until, witness = closing(newest, now), settings.witness_path is not None
    again = _again(newest, now, witness=witness) + ([alone] if alone else [])
    facts: dict[str, object] = {"restored": True, "rows": count, "closed_seconds": until - now, "witnessed": seen}
    facts |= {"erased": erasures, "newest": written(newest) if newest else None, "witness": witness, "again": again}
    text = f"{_rows(count)} restored; sign-ins are refused {_how_long(until, now)}"
    if seen > report.size:
        text += (
            f". The witness saw {seen} leaves, and this ledger has {report.size}: a broker will sign and release nothing "
            "with it. Restore a newer backup (docs/back-up-and-restore.md)"
        )
    _say(report, text, facts, as_json=as_json, amiss=bool(alone) or seen > report.size, more=again)


def _read_keys(folder: Path, now: int) -> KeyOfDay:
    """Reads the keys of backups that may be restored. A copy of the folder may have brought others back."""
    destroy_old(folder, now)
    return partial(read_key, folder, now=now)


def _recorded(settings: Settings, keys: LedgerKeys, newest: int) -> str:
    """Record the restore; returns what to do where it could not be recorded, else ""."""
    configure_logs()  # to stderr: the store says that it is closed for some minutes
    about = f"a backup whose newest record is of {written(newest)}" if newest else "a backup without records"
    try:
        with store_of(open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)) as store:
            record_act(store, settings.tenant, act=RESTORED, about=about, who=account(), reason="")
    except StoreUnavailable as error:
        return f"That it was restored is not recorded ({error.detail}): write it down."
    return ""


def _assert_our_keys(source: Engine, settings: Settings, keys: LedgerKeys, file: Path) -> None:
    with reading(), source.connect() as connection:
        if is_sealed_by_others(connection, settings.tenant, keys):
            what = f"it was made with other keys than those in {settings.key_folder}. Nothing is restored."
            fix = "Restore the keys that it was made with first, from their own backup."
            raise Misconfigured((Problem(str(file), 0, "keys", what, fix),))


def _newest(source: Engine, settings: Settings, now: int) -> int:
    with reading(), source.connect() as connection:
        return newest_moment(connection, settings.tenant, now)


def _how_long(until: int, now: int) -> str:
    """How long sign-ins are refused, in words."""
    if until <= now + CLOSED_SECONDS:
        return f"for {CLOSED_SECONDS // 60} minutes from now"
    return f"until {written(until)}"


def _again(newest: int, now: int, *, witness: bool) -> list[str]:
    """Tells an operator how old the record is, and what to do again: switches and revocations come with the backup."""
    of = f"The newest record in this backup is of {written(newest)}." if newest else "There is no record in this backup."
    on = "Every relying party, country and provider that was switched off since then is on again, and every key that was"
    found = [f"{of} {on} revoked since then counts again. Repeat it: ciconia party disable, ciconia keys revoke."]
    if newest > now:
        found.append("The clock of this machine is behind that record: set it, by NTP.")
    if not witness:
        unseen = "No witness is set, so nobody can say whether this record is older than what was signed before"
        found.append(f"{unseen} (docs/back-up-and-restore.md).")
    return found


def _verified(
    engine: Engine,
    settings: Settings,
    keys: LedgerKeys,
    *,
    as_json: bool,
    heads: Sequence[TreeHead] = (),
    blind: Callable[[], str] = str,
) -> LedgerReport:
    with progress(steps_of(engine, settings.tenant), "verify", as_json=as_json) as advance:
        return verify_ledger(
            engine, tenant=settings.tenant, keys=keys, role=settings.role, heads=heads, blind=blind, advance=advance
        )


@contextmanager
def _room_at(place: str) -> Iterator[None]:
    """Names what a full disk holds. Any other fault may be that of the database that is read."""
    try:
        yield
    except StoreUnavailable as error:
        if error.detail not in NO_ROOM:
            raise
        raise StoreUnavailable(f"{place} cannot be written: {explained(error.detail)}") from error


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    with disposed(open_engine(settings.database_url)) as engine:
        assert_current(engine)
        yield engine


def _say(
    report: LedgerReport,
    text: str,
    facts: dict[str, object],
    *,
    as_json: bool,
    amiss: bool = False,
    more: Sequence[str] = (),
) -> None:
    """Says the result, with more to know about it, and ends the command."""
    holds = report.holds and not amiss
    if as_json:
        findings = [{"table": f.table, "row": f.row, "what": f.what} for f in report.findings]
        ledger = {"size": report.size, "root": report.root.hex(), "records": report.records, "findings": findings}
        answer({"ok": holds, **facts, **ledger}, as_json=True)
    else:
        fits = "its ledger fits" if report.holds else f"in its ledger {report.told}"
        lines = [f"DOES NOT FIT  {finding}" for finding in report.findings]
        lines += [f"{text}. {report.size} leaves, {report.records} records: {fits}.", *more]
        say("\n".join(lines), error=not holds)
    raise typer.Exit(YES if holds else NO)


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


@contextmanager
def _trying(file: Path, *, as_json: bool, writes: bool = False) -> Iterator[None]:
    """Ends with 2 and says why where it cannot be done. `writes`: whether the file is one that is made."""
    with trying(as_json=as_json, what="It could not be done"):
        try:
            yield
        except OSError as error:
            if writes and isinstance(error, PermissionError):
                _end(unwritable(file, error).removesuffix("."), as_json=as_json)
            room = ". Make room on its disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            _end(f"{error.filename or file}: {error.strerror or type(error).__name__}{room}", as_json=as_json)


def _end(detail: str, *, as_json: bool) -> NoReturn:
    end("file", detail, as_json=as_json, text=f"It could not be done: {detail}.")
