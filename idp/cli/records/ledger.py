"""`ciconia ledger`: the check of the release ledger, proofs out of it, and a copy for auditors."""

import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from idp.audit.export import export_lines, newest_checkpoint
from idp.audit.verify import steps_of, verify_ledger
from idp.cli.console import NO, YES, answer, end, progress, trying
from idp.cli.options import AsJsonLines, Folder
from idp.cli.records.report import report
from idp.config.settings import Settings, load_settings
from idp.keys.file import sync_folder
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import HASH_BYTES
from idp.receipts.inclusion_proof import encoded
from idp.receipts.issue import placed_in
from idp.sequencer.witness import saw_nothing, witnessed
from idp.store.backup import fresh_file
from idp.store.engine import open_engine
from idp.store.installation import FIX, fault_of_keys
from idp.store.migrate import assert_current
from idp.store.store import Store, open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from idp.system.logs import configure_logs
from policies.errors import NotFound, StoreUnavailable

_NOT_RUN = "The check could not run"
RECORD_OR_LEAF = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")

ledger = typer.Typer(no_args_is_help=True, add_completion=False)


@ledger.callback()
def group() -> None:
    """The release ledger: check it, prove a place in it, copy it."""
    # Lines of the log go to stderr: on stdout are proofs, and JSON
    configure_logs()


ledger.command()(report)


@ledger.command()
def verify(config: Folder, *, as_json: AsJsonLines = False) -> None:
    """Compute the whole ledger again from the database, and name whatever does not fit, also to what the witness saw.

    It also says where the database seems to be another installation's: with other keys none of its rows fits.

    Example: ciconia ledger verify --config /etc/ciconia

    Exit codes: 0 everything fits, 1 something does not, 2 the check could not run.
    """
    with trying(as_json=as_json, what=_NOT_RUN):
        settings = load_settings(config)
        keys = _keys(settings)
        engine = open_engine(settings.database_url)
        assert_current(engine)
        # Before the look at the ledger, which grows meanwhile
        heads = witnessed(settings.witness_path, keys)
        with progress(steps_of(engine, settings.tenant), "verify", as_json=as_json) as advance:
            report = verify_ledger(
                engine,
                tenant=settings.tenant,
                keys=keys,
                role=settings.role,
                heads=heads,
                blind=partial(saw_nothing, settings.witness_path, keys),
                advance=advance,
            )
        hint = _whose(engine, settings, keys, fits=report.holds and report.records > 0)
        engine.dispose()
    counts = f"{report.records} records, {report.size} leaves, {report.staged} staged, {report.checkpoints} checkpoints"
    lines = [f"{counts}; root {report.root.hex()}", *(f"DOES NOT FIT  {finding}" for finding in report.findings)]
    lines += [hint] if hint else []
    told = {
        "ok": report.holds,
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "records": report.records,
        "staged": report.staged,
        "findings": [{"table": f.table, "row": f.row, "what": f.what} for f in report.findings],
        "hint": hint,
    }
    answer(told, *lines, "Everything fits." if report.holds else f"{report.told}.", as_json=as_json)
    raise typer.Exit(YES if report.holds else NO)


@ledger.command()
def prove(
    named: Annotated[
        str, typer.Argument(metavar="RECORD|LEAF", help="A record's id (32 hex digits) or a leaf's hash (64).")
    ],
    config: Folder,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the tlog-proof.")] = False,
) -> None:
    """Prove the place of one leaf under the newest checkpoint, as /log/proof does, in a C2SP tlog-proof on stdout.

    Example: ciconia ledger prove 5b8efff798038103d269b633813fc60c --config /etc/ciconia > leaf.tlog-proof

    Exit codes: 0 it is printed, 1 no checkpoint covers such a leaf (yet), 2 it could not be tried.
    """
    with trying(as_json=as_json, what=_NOT_RUN):
        if not RECORD_OR_LEAF.fullmatch(named):
            raise NotFound("a record's id has 32 hex digits, a leaf's hash 64, in lower case")
        settings = load_settings(config)
        keys = _keys(settings)
        with _opened(settings) as store:
            switches = Switches(engine=store.engine, tenant=settings.tenant, keys=keys)
            keys.log.ring.obey(lambda key_id: switches.off_since(KEY, key_id))
            hashed = bytes.fromhex(named)
            if len(hashed) != HASH_BYTES:
                hashed = store.leaf_of(settings.tenant, hashed) or b""
            placed = placed_in(store, settings.tenant, hashed, keys.log.published(int(time.time())))
    if placed is None:
        detail = "No checkpoint covers such a leaf. Where its record is new, try again in a few seconds."
        end("not_found", detail, as_json=as_json, code=NO)
    if as_json:
        path = [encoded(each) for each in placed.path]
        leaf = {"leaf_hash": hashed.hex(), "index": placed.index, "path": path, "checkpoint": placed.checkpoint}
        print(json.dumps({"ok": True, **leaf}, ensure_ascii=False))
    else:
        print(placed.text, end="")


@ledger.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: JSON lines of all leaves and the checkpoint.")],
    config: Folder,
    *,
    as_json: AsJsonLines = False,
) -> None:
    """Write the log up to its newest checkpoint, for auditors: leaves commit to what was released, and open nothing.

    Example: ciconia ledger export log.jsonl --config /etc/ciconia

    Exit codes: 0 it is written, 1 there is no checkpoint yet or a leaf is missing, 2 it could not be tried.
    """
    if str(file) == "-":
        raise typer.BadParameter("- is no file: it is not written to stdout. Name a new file.", param_hint="FILE")
    with trying(as_json=as_json, what=_NOT_RUN):
        settings = load_settings(config)
        try:
            with _opened(settings) as store:
                size = _export(store, settings, file, as_json=as_json)
        except NotFound as error:
            end(error.code, error.detail, as_json=as_json, code=NO)
        except OSError as error:
            detail = f"{file} could not be written: {error.strerror or type(error).__name__}"
            end("unwritable", detail, as_json=as_json, text=f"{detail}.")
    text = f"{size} leaves and the checkpoint over them are in {file}."
    answer({"size": size, "file": str(file)}, text, as_json=as_json)


def _export(store: Store, settings: Settings, file: Path, *, as_json: bool) -> int:
    """Write the file whole or not at all; what stood there before is never written over."""
    checkpoint = newest_checkpoint(store.engine, settings.tenant)
    lines = export_lines(store.engine, tenant=settings.tenant, origin=settings.origin, checkpoint=checkpoint)
    if file.exists():
        raise FileExistsError(errno.EEXIST, "it exists already", str(file))
    with fresh_file(file) as fresh:
        with fresh.open("xb") as out:
            for line in _shown(lines, checkpoint.size, as_json=as_json):
                out.write(line)
            out.flush()
            os.fsync(out.fileno())
        file.hardlink_to(fresh)
    sync_folder(file.parent)
    return checkpoint.size


def _shown(lines: Iterator[bytes], size: int, *, as_json: bool) -> Iterator[bytes]:
    """The lines, with their progress shown."""
    with progress(size, "export", as_json=as_json) as advance:
        for place, line in enumerate(lines):
            yield line
            # the first line is the head
            advance(1 if 0 < place <= size else 0)


def _opened(settings: Settings) -> closing[Store]:
    """The store of these settings, read beside a running broker."""
    return closing(open_store(settings.database_url, tenant=settings.tenant, ledger_keys=_keys(settings)))


def _keys(settings: Settings) -> LedgerKeys:
    return load_ledger_keys(settings.key_folder, settings.origin)


def _whose(engine: Engine, settings: Settings, keys: LedgerKeys, *, fits: bool) -> str:
    """A hint where the database says it is another installation's, else "". No verdict: an attacker may write that."""
    with suppress(StoreUnavailable):
        if fault := fault_of_keys(engine, settings.tenant, keys):
            if fits:
                changed = "But its rows fit these keys: somebody changed what it says of itself"
                return f"The database says: {fault} {changed}. Fix: take the row of `installations` from a backup."
            return f"The database says: {fault} If so, no row can fit here. Fix: {FIX}."
    return ""
