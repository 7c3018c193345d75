"""`ciconia ledger prove`: proofs out of the ledger, for somebody who need not believe us."""

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.many_records import records_in
from idp.audit.questions.one_record import NAMES, OneRecord, best_checkpoint, is_name, one_record
from idp.audit.record_proof import RecordFilter, proof_of_record, proof_of_records
from idp.cli.console import NO, answer, end, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.cli.records.report import Since, Until, seconds_of
from idp.keys.file import sync_folder
from idp.receipts.inclusion_proof import Placed
from idp.store.backup import fresh_file
from idp.store.engine import reading
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from policies.errors import NotFound, SignatureInvalid

_OUT = typer.Option("--out", metavar="FILE", help="A new file: the proof with what each record opens, for a third party.")
_N = typer.Argument(
    metavar="N|N-M|all", help="A leaf's index from 0, a record's id (32 hex digits), a leaf's hash (64), or leaves N to M."
)
_MANY = re.compile(r"(?P<first>0|[1-9][0-9]{0,17})-(?P<last>0|[1-9][0-9]{0,17})|all")


def prove(
    named: Annotated[str, _N],
    config: Folder,
    out: Annotated[Path | None, _OUT] = None,
    service: Annotated[str | None, typer.Option(metavar="ID", help="Of many: those for this service alone.")] = None,
    purpose: Annotated[str | None, typer.Option(metavar="ID", help="Of many: those for this purpose alone.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of many: those of this kind alone.")] = None,
    since: Since = None,
    until: Until = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Prove records to somebody who need not believe us: what was sent, how it was decided, and its place in the log.

    With --json or in the file of --out: all of that, under the newest checkpoint. `ciconia audit proof` checks it offline.
    Else the place alone, a C2SP tlog-proof on stdout, as /log/proof has it. For N-M or all name a file: each record has its
    proof, and the log signs that none is missing.

    Example: ciconia ledger prove 41 --config /etc/ciconia --out release.json

    Exit codes: 0 it is proved, 1 no checkpoint covers such a leaf (yet) or a record does not hold, 2 it could not be tried.
    """
    begins, ends = seconds_of(since, until)
    asked = RecordFilter(service, purpose, kind, begins, ends)
    many = _MANY.fullmatch(named)
    if (many and not out) or (not many and asked.as_json):
        raise typer.BadParameter("N-M goes into a file (--out), and a filter is for N-M.", param_hint="N-M")
    with trying(as_json=as_json, what=NOT_RUN):
        if not (many or is_name(named)):
            raise NotFound(f"{named} is none: {NAMES}")
        with auditor_of(config, judged=False) as auditor:
            switches = Switches(engine=auditor.engine, tenant=auditor.tenant, keys=auditor.keys)
            auditor.keys.log.ring.obey(lambda key_id: switches.off_since(KEY, key_id))
            if many and out:
                span = (int(many["first"]), int(many["last"]) + 1) if many["first"] else None
                rows = _many(auditor, span, asked, out, as_json=as_json)
                return answer({"file": str(out), "rows": rows}, f"{rows} records are in {out}.", as_json=as_json)
            found, placed = _one(auditor, named, as_json=as_json)
            proof = proof_of_record(auditor.keys.origin, found.leaf, found.openings, placed)
    if out:
        write_new(out, [proof], as_json=as_json)
        answer({"file": str(out), "index": placed.index}, f"The proof of leaf {placed.index} is in {out}.", as_json=as_json)
    elif as_json:
        print(proof.decode(), end="")
    else:
        print(placed.text, end="")
    return None


def _one(auditor: Auditor, named: str, *, as_json: bool) -> tuple[OneRecord, Placed]:
    """One record that holds, and its place. Ends the command if there is none."""
    try:
        found = one_record(auditor, named)
    except NotFound:
        found = None
    placed = found.placed if found else None
    if found and not found.holds:
        detail = f"It does not hold: {found.findings[0]}: run ciconia ledger verify."
        end("signature_invalid", detail, as_json=as_json, code=NO)
    if found is None or placed is None:
        detail = "No checkpoint covers such a leaf. Where its record is new, try again in a few seconds."
        end("not_found", detail, as_json=as_json, code=NO)
    return found, placed


def _many(auditor: Auditor, span: tuple[int, int] | None, asked: RecordFilter, out: Path, *, as_json: bool) -> int:
    """Write the file of many records, of all without a span; returns how many."""
    with reading(), auditor.engine.connect() as connection:
        best = best_checkpoint(connection, auditor, span[1] if span else 0)
    # A filter passes over whole blocks of leaves, by their summaries. They are read after the checkpoint, so they reach
    # as far: a leaf that they do not cover would be missing in what the log signs
    ledger = summarise(auditor) if asked.as_json else None
    span = span or (0, best.size if best else 0)
    if best is None or span[0] >= span[1]:
        end("not_found", "No checkpoint covers these leaves, or there are none between.", as_json=as_json, code=NO)
    rows = records_in(auditor, best, span, asked, ledger)
    counted = 0

    def lines() -> Iterator[bytes]:
        nonlocal counted
        for line in proof_of_records(auditor.keys, best.cosigned_note, span, asked, rows, int(time.time())):
            counted += 1
            yield line

    try:
        write_new(out, lines(), as_json=as_json)
    except SignatureInvalid as error:
        end(error.code, f"{error.detail}: run ciconia ledger verify.", as_json=as_json, code=NO)
    return counted - 2


def write_new(file: Path, lines: Iterable[bytes], *, as_json: bool) -> None:
    """Write a file whole or not at all; what stood there before is never written over. Ends the command if it cannot."""
    try:
        if file.exists():
            raise FileExistsError(errno.EEXIST, "it exists already", str(file))
        with fresh_file(file) as fresh:
            with fresh.open("xb") as out:
                for line in lines:
                    out.write(line)
                out.flush()
                os.fsync(out.fileno())
            file.hardlink_to(fresh)
        sync_folder(file.parent)
    except OSError as error:
        detail = f"{file} could not be written: {error.strerror or type(error).__name__}"
        end("unwritable", detail, as_json=as_json, text=f"{detail}.")
