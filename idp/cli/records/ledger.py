"""`ciconia ledger`: the check of the release ledger, proofs out of it, and a copy for auditors."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy import Engine

from idp.application.recorded_act import account, record_act
from idp.audit.export import export_lines, newest_checkpoint
from idp.audit.questions.compared import WITNESS, HeldComparison, compare_with
from idp.audit.verify import steps_of, verify_ledger
from idp.audit.witness_verify import WitnessReport, verify_witnesses
from idp.cli.console import NO, YES, answer, end, progress, trying
from idp.cli.options import AsJsonLines, Folder
from idp.cli.records.acts import acts
from idp.cli.records.auditing import NOT_RUN
from idp.cli.records.erase import erase
from idp.cli.records.grants import grant
from idp.cli.records.held_files import NOT_AS_HELD, Checkpoints, ReceiptFiles, held_by_witness, held_in_files, told_of
from idp.cli.records.person import person
from idp.cli.records.prove import prove, write_new
from idp.cli.records.receipts import receipts
from idp.cli.records.report import report
from idp.cli.records.show import show
from idp.cli.records.tiles import tiles
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import TreeHead
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import EXPORTED, is_reason
from idp.receipts.receipt_record import time_text
from idp.sequencer.witness import saw_nothing
from idp.store.engine import open_engine, reading
from idp.store.installation import FIX, fault_of_keys
from idp.store.migrate import assert_current
from idp.store.records.years import FinalCheckpoint, final_checkpoint
from idp.store.store import Store, open_store
from idp.system.cores import cores
from idp.system.logs import configure_logs
from policies.errors import NotFound, StoreUnavailable

# Other processes take a second to start: fewer rows are checked in this one
MANY = 100_000
BELIEVED = "Nothing before was computed again, and no counter of persons."

ledger = typer.Typer(no_args_is_help=True, add_completion=False)


@ledger.callback()
def group() -> None:
    """The release ledger: check it, prove a place in it, copy it."""
    # Lines of the log go to stderr: on stdout are proofs, and JSON
    configure_logs()


ledger.command()(report)
ledger.command()(show)
ledger.command()(prove)
ledger.command()(tiles)
ledger.command()(acts)
ledger.command()(person)
ledger.command()(receipts)
ledger.add_typer(grant, name="grant")
ledger.add_typer(erase, name="erase")


@ledger.command()
def verify(
    config: Folder,
    checkpoint: Checkpoints = None,
    receipt: ReceiptFiles = None,
    *,
    since: Annotated[
        int | None, typer.Option("--since", metavar="YEAR", help="Begin with the final checkpoint of the year before.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare the tree alone: no record is computed again.")] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Compute the whole ledger again from the database, and name whatever does not fit, also to what the witness saw.

    It says with what the ledger was compared: the witness, and the files that you name. With --quick only that. It also
    says where the database seems to be another installation's: with other keys none of its rows fits.

    With --since it computes the years from that one on, and believes what the final checkpoint before them covers.

    Example: ciconia ledger verify --config /etc/ciconia

    Exit codes: 0 everything fits, 1 something does not, 2 the check could not run.
    """
    if quick and since is not None:
        raise typer.BadParameter("--quick computes no year again: leave one of them out.", param_hint="--since")
    with trying(as_json=as_json, what=NOT_RUN):
        settings = load_settings(config)
        keys = _keys(settings)
        engine = open_engine(settings.database_url)
        assert_current(engine)
        # Before the look at the ledger, which grows meanwhile
        held = [*held_by_witness(settings.witness_path, keys), *held_in_files(checkpoint or (), receipt or (), keys)]
        if quick:
            _end_quick(compare_with(engine, settings.tenant, keys, held), as_json=as_json)
        heads = [each.holds for each in held if each.kind == WITNESS and isinstance(each.holds, TreeHead)]
        begin = None if since is None else _final(engine, settings, keys, since - 1, as_json=as_json)
        steps = steps_of(engine, settings.tenant, begin)
        with progress(steps, "verify", as_json=as_json) as advance:
            report = verify_ledger(
                engine,
                tenant=settings.tenant,
                keys=keys,
                role=settings.role,
                heads=heads,
                blind=partial(saw_nothing, settings.witness_path, keys),
                advance=advance,
                processes=cores() if steps > MANY else 1,
                since=begin,
            )
        compared = compare_with(engine, settings.tenant, keys, held)
        cosigned = verify_witnesses(
            engine, tenant=settings.tenant, keys=keys, policy=settings.witness_rules, first=begin.number if begin else 1
        )
        report = replace(report, findings=(*report.findings, *cosigned.findings))
        hint = _whose(engine, settings, keys, fits=report.holds and report.records > 0)
        engine.dispose()
    counts = f"{report.records} records, {report.size} leaves, {report.staged} staged, {report.checkpoints} checkpoints"
    lines = [f"{counts}; root {report.root.hex()}", *(f"DOES NOT FIT  {finding}" for finding in report.findings)]
    if begin is not None:
        lines.append(
            f"It begins with the {begin.checkpoint.size} leaves of the final checkpoint of {begin.year}. {BELIEVED}"
        )
    lines += [*told_of(compared), *_told_of_witnesses(cosigned), *([hint] if hint else [])]
    holds = report.holds and not any(each.why for each in compared)
    told: dict[str, object] = {
        "ok": holds,
        "since": None if begin is None else {"year": since, "size": begin.checkpoint.size, "number": begin.number},
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "records": report.records,
        "staged": report.staged,
        "findings": [{"table": f.table, "row": f.row, "what": f.what} for f in report.findings],
        "hint": hint,
        "compared": [each.as_json() for each in compared],
        "witnesses": {"quorum": cosigned.policy.quorum, "size": cosigned.size, "of": [w.as_json() for w in cosigned.last]},
    }
    whole = "Everything fits." if holds else f"{report.told}." if not report.holds else NOT_AS_HELD
    answer(told, *lines, whole, as_json=as_json)
    raise typer.Exit(YES if holds else NO)


def _final(engine: Engine, settings: Settings, keys: LedgerKeys, year: int, *, as_json: bool) -> FinalCheckpoint:
    with reading(), engine.connect() as connection:
        try:
            return final_checkpoint(connection, settings.tenant, year, keys)
        except NotFound:
            detail = f"{year} has no final checkpoint: leave --since out, or name another year."
            end("not_found", detail, as_json=as_json)


def _told_of_witnesses(found: WitnessReport) -> list[str]:
    """Sentences about other operators' witnesses, for people."""
    lines = [
        f"The witness {each.witness} cosigned "
        + (f"{each.size} leaves at {time_text(each.time)}." if each.size else "nothing.")
        for each in found.last
    ]
    if found.policy.quorum:
        lines.append(f"{found.policy.quorum} other operators cosigned {found.size} leaves.")
    elif not found.policy.operators:
        lines.append("No witness of another operator is set: nobody else saw this tree (docs/witnesses.md).")
    return lines


def _end_quick(compared: Sequence[HeldComparison], *, as_json: bool) -> NoReturn:
    holds = not any(each.why for each in compared)
    lines = [*told_of(compared), "The tree fits. No record was computed again." if holds else NOT_AS_HELD]
    answer({"ok": holds, "compared": [each.as_json() for each in compared]}, *lines, as_json=as_json)
    raise typer.Exit(YES if holds else NO)


@ledger.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: JSON lines of all leaves and the checkpoint.")],
    config: Folder,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the release ledger. Name no person.")
    ] = "",
    *,
    as_json: AsJsonLines = False,
) -> None:
    """Write the log up to its newest checkpoint, for auditors: leaves commit to what was released, and open nothing.

    Example: ciconia ledger export log.jsonl --config /etc/ciconia

    Exit codes: 0 it is written, 1 there is no checkpoint yet or a leaf is missing, 2 it could not be tried.
    """
    if str(file) == "-":
        raise typer.BadParameter("- is no file: it is not written to stdout. Name a new file.", param_hint="FILE")
    if reason and not is_reason(reason):
        raise typer.BadParameter("it is no reason of one line.", param_hint="--reason")
    with trying(as_json=as_json, what=NOT_RUN):
        settings = load_settings(config)
        try:
            with _opened(settings) as store:
                size = _export(store, settings, file, reason, as_json=as_json)
        except NotFound as error:
            end(error.code, error.detail, as_json=as_json, code=NO)
    text = f"{size} leaves and the checkpoint over them are in {file}."
    answer({"size": size, "file": str(file)}, text, as_json=as_json)


def _export(store: Store, settings: Settings, file: Path, reason: str, *, as_json: bool) -> int:
    """Write the file whole or not at all; what stood there before is never written over."""
    checkpoint = newest_checkpoint(store.engine, settings.tenant, _keys(settings), settings.witness_rules)
    lines = export_lines(store.engine, tenant=settings.tenant, origin=settings.origin, checkpoint=checkpoint)
    who, about = account(), f"{checkpoint.size} leaves, root {checkpoint.root.hex()}"
    record_act(store, settings.tenant, act=EXPORTED, about=about, who=who, reason=reason)
    write_new(file, _shown(lines, checkpoint.size, as_json=as_json), as_json=as_json)
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
