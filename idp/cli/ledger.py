"""`ciconia ledger`: the check of the release ledger, proofs out of it, and a copy for auditors.

Exit codes: 0 everything fits, 1 something does not and is named, 2 the check could not run.
"""

import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from idp.audit.export import export_lines, newest_checkpoint
from idp.audit.verify import steps_of, verify_ledger
from idp.cli.console import problems, progress, say
from idp.config.settings import Settings, load_settings
from idp.keys.file import sync_folder
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.findings import LedgerReport
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import HASH_BYTES
from idp.receipts.inclusion_proof import encoded
from idp.receipts.issue import placed_in
from idp.sequencer.witness import saw_nothing, witnessed
from idp.store.backup import fresh_file
from idp.store.engine import open_engine
from idp.store.faults import advice, explained
from idp.store.installation import FIX, fault_of_keys
from idp.store.migrate import assert_current
from idp.store.store import Store, open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from idp.system.logs import configure_logs
from policies.errors import BrokerError, Misconfigured, NotFound, StoreUnavailable

HOLDS, DIFFERS, COULD_NOT_RUN = 0, 1, 2
RECORD_OR_LEAF = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")

ledger = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The release ledger: check it, prove a place in it, copy it."
)


@ledger.callback()
def group() -> None:
    """The release ledger: check it, prove a place in it, copy it for auditors."""
    # Lines of the log go to stderr: on stdout are proofs, and JSON
    configure_logs()


@ledger.command()
def verify(
    config: Annotated[
        Path, typer.Option("--config", readable=False, metavar="DIR", help="The folder with `ciconia.toml`.")
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON in place of text: progress lines, then the result.")
    ] = False,
) -> None:
    """Compute the whole ledger again from the database, and name whatever does not fit, also to what the witness saw.

    Where the database seems to be another installation's, that is said too: with other keys none of its rows fits.

    Example: ciconia ledger verify --config /etc/ciconia

    Exit codes: 0 everything fits, 1 something does not, 2 the check could not run.
    """
    try:
        settings = load_settings(config)
    except BrokerError as error:
        raise typer.Exit(_could_not_run(error, as_json=as_json)) from None
    raise typer.Exit(verify_command(settings, as_json=as_json))


@ledger.command()
def prove(
    named: Annotated[
        str, typer.Argument(metavar="RECORD|LEAF", help="A record's id (32 hex digits) or a leaf's hash (64).")
    ],
    config: Annotated[
        Path, typer.Option("--config", readable=False, metavar="DIR", help="The folder with `ciconia.toml`.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the tlog-proof.")] = False,
) -> None:
    """Prove the place of one leaf under the newest checkpoint, as /log/proof does, in a C2SP tlog-proof on stdout.

    Example: ciconia ledger prove 5b8efff798038103d269b633813fc60c --config /etc/ciconia > leaf.tlog-proof

    Exit codes: 0 it is printed, 1 no checkpoint covers such a leaf (yet), 2 it could not be tried.
    """
    try:
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
    except BrokerError as error:
        raise typer.Exit(_could_not_run(error, as_json=as_json)) from None
    if placed is None:
        detail = "No checkpoint covers such a leaf. Where its record is new, try again in a few seconds."
        if as_json:
            print(json.dumps({"ok": False, "error": {"code": "not_found", "detail": detail}}))
        else:
            say(detail, error=True)
        raise typer.Exit(DIFFERS)
    if as_json:
        path = [encoded(each) for each in placed.path]
        leaf = {"leaf_hash": hashed.hex(), "index": placed.index, "path": path, "checkpoint": placed.checkpoint}
        print(json.dumps({"ok": True, **leaf}, ensure_ascii=False))
    else:
        print(placed.text, end="")


@ledger.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: JSON lines of all leaves and the checkpoint.")],
    config: Annotated[
        Path, typer.Option("--config", readable=False, metavar="DIR", help="The folder with `ciconia.toml`.")
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON in place of text: progress lines, then the result.")
    ] = False,
) -> None:
    """Write the log up to its newest checkpoint, for auditors: leaves commit to what was released, and open nothing.

    Example: ciconia ledger export log.jsonl --config /etc/ciconia

    Exit codes: 0 it is written, 1 there is no checkpoint yet or a leaf is missing, 2 it could not be tried.
    """
    if str(file) == "-":
        raise typer.BadParameter("- is no file: it is not written to stdout. Name a new file.", param_hint="FILE")
    try:
        settings = load_settings(config)
        with _opened(settings) as store:
            size = _export(store, settings, file, as_json=as_json)
    except NotFound as error:
        _could_not_run(error, as_json=as_json)
        raise typer.Exit(DIFFERS) from None
    except BrokerError as error:
        raise typer.Exit(_could_not_run(error, as_json=as_json)) from None
    except OSError as error:
        detail = f"{file} could not be written: {error.strerror or type(error).__name__}"
        if as_json:
            print(json.dumps({"ok": False, "error": {"code": "unwritable", "detail": detail}}))
        else:
            say(f"{detail}.", error=True)
        raise typer.Exit(COULD_NOT_RUN) from None
    if as_json:
        print(json.dumps({"ok": True, "size": size, "file": str(file)}))
    else:
        say(f"{size} leaves and the checkpoint over them are in {file}.")


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
    """The lines as they are, their progress shown: a bar on a terminal, JSON lines where asked, nothing in a pipe."""
    with progress(size, "export", as_json=as_json) as advance:
        for place, line in enumerate(lines):
            yield line
            # the first line is the head
            advance(1 if 0 < place <= size else 0)


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    """The store of these settings, read beside a running broker."""
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=_keys(settings))
    try:
        yield store
    finally:
        store.close()


def _keys(settings: Settings) -> LedgerKeys:
    return load_ledger_keys(settings.key_folder, settings.origin)


def verify_command(settings: Settings, *, as_json: bool) -> int:
    """Check the ledger of these settings, print what was found, return the exit code."""
    try:
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
    except BrokerError as error:
        return _could_not_run(error, as_json=as_json)
    if as_json:
        print(json.dumps(_json(report, hint)))
    else:
        say(_text(report, hint))
    return HOLDS if report.holds else DIFFERS


def _whose(engine: Engine, settings: Settings, keys: LedgerKeys, *, fits: bool) -> str:
    """That the database says it is another installation's, "" where it does not. No verdict: who attacks may write that."""
    with suppress(StoreUnavailable):
        if fault := fault_of_keys(engine, settings.tenant, keys):
            if fits:
                changed = "But its rows fit these keys: somebody changed what it says of itself"
                return f"The database says: {fault} {changed}. Fix: take the row of `installations` from a backup."
            return f"The database says: {fault} If so, no row can fit here. Fix: {FIX}."
    return ""


def _could_not_run(error: BrokerError, *, as_json: bool) -> int:
    told = f".{more}" if (more := advice(error.detail)) else ""
    if isinstance(error, Misconfigured):
        problems(error, as_json=as_json)
    elif as_json:
        print(json.dumps({"ok": False, "error": {"code": error.code, "detail": explained(error.detail)}}))
    else:
        say(f"The check could not run: {error.code} ({error.detail}){told}", error=True)
    return COULD_NOT_RUN


def _json(report: LedgerReport, hint: str) -> dict[str, object]:
    return {
        "ok": report.holds,
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "records": report.records,
        "staged": report.staged,
        "findings": [{"table": f.table, "row": f.row, "what": f.what} for f in report.findings],
        "hint": hint,
    }


def _text(report: LedgerReport, hint: str) -> str:
    counts = f"{report.records} records, {report.size} leaves, {report.staged} staged, {report.checkpoints} checkpoints"
    lines = [f"{counts}; root {report.root.hex()}", *(f"DOES NOT FIT  {finding}" for finding in report.findings)]
    lines += [hint] if hint else []
    lines.append("Everything fits." if report.holds else f"{report.told}.")
    return "\n".join(lines)
