"""`ciconia audit`: what a receipt proves, and what an export of the log does, offline.

Exit codes: 0 every receipt holds, 1 one does not and what does not fit is named, 2 a file or the key could not be read.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.audit_ledger import ledger
from idp.cli.audit_told import COULD_NOT, COULD_NOT_RUN, DOES_NOT, HOLDS, keys_for, say_failed, tell, unreadable, whose
from idp.cli.console import say
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.system.files import read_regular, read_upto
from policies.errors import SignatureInvalid

_RECEIPTS = "Receipt files, of citizens or services; `-` for standard input, with --log."
_INPUT = Path("-")

audit = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Receipts and the whole log: check them, without asking anybody."
)
audit.command()(ledger)


@audit.callback()
def group() -> None:
    """Receipts and the whole log: check them, without asking anybody."""


@audit.command()
def verify(
    receipts: Annotated[list[Path], typer.Argument(metavar="RECEIPT...", help=_RECEIPTS)],
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="KEY", help="The log's public keys, a vkey file; else log.vkey beside each receipt."),
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="What /log/proof answered, for a receipt that holds a promise."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each receipt, in order.")] = False,
) -> None:
    """Check receipts with the log's keys alone, without the network; say what that proves and what it does not.

    Whoever wants to trust the answer takes the log's keys from somewhere else than from whom the receipt came.

    Example: ciconia audit verify receipt.json --log log.vkey

    Exit codes: 0 every receipt holds, 1 one does not, 2 something could not be read.
    """
    if _INPUT in receipts and log is None:
        raise typer.BadParameter("no log.vkey lies beside standard input: name the log's keys.", param_hint="--log")
    if proof is not None and len(receipts) > 1:
        detail = "--proof is for one receipt: name one."
        if as_json:
            print(json.dumps({"file": str(proof), "ok": False, "check": "options", "detail": detail}))
        else:
            say(detail, error=True)
        raise typer.Exit(COULD_NOT_RUN)
    raise typer.Exit(max(_one(path, log, proof, as_json=as_json) for path in receipts))


def _one(path: Path, log: Path | None, proof: Path | None, *, as_json: bool) -> int:
    """Check one receipt, print the answer, return its exit code."""
    try:
        octets = read_upto("-", MAX_RECEIPT) if path == _INPUT else read_regular(path, MAX_RECEIPT)
        key, keys = keys_for(path, log)
        given = None if proof is None else read_regular(proof, MAX_RECEIPT)
    except OSError as error:
        return unreadable(path, error, as_json=as_json)
    except SignatureInvalid as error:
        return say_failed(path, error.check, error.detail, COULD_NOT, as_json=as_json)
    try:
        proved = verify_receipt(octets, keys, given)
    except SignatureInvalid as error:
        return say_failed(path, error.check, error.detail, DOES_NOT, as_json=as_json)
    limits = (*proved.limits, whose(key, proved.keys))
    if as_json:
        ids = [each.key_id.hex() for each in proved.keys]
        told = {"key_id": ids[0], "key_ids": ids, "key_file": str(key), "not_proved": list(limits)}
        print(json.dumps({**_json(path, proved), **told}))
    else:
        tell(_lines(path, proved, limits))
    return HOLDS


def _json(path: Path, proved: ProvedReceipt) -> dict[str, object]:
    return {
        "file": str(path),
        "ok": True,
        "for": proved.holder.value,
        "log": proved.log,
        "record": proved.record,
        "client": proved.client,
        "purpose": proved.purpose,
        "basis": proved.basis,
        "time": proved.time,
        "names": [list(pair) for pair in proved.names],
        "leaf_hash": proved.leaf_hash.hex(),
        "index": proved.index,
        "size": proved.size,
        "promised_by": proved.by,
        "proved": list(proved.sentences),
    }


def _lines(path: Path, proved: ProvedReceipt, limits: Sequence[str]) -> list[str]:
    lines = [f"{path}: it holds.", "Proved:", *(f"  {sentence}" for sentence in proved.sentences)]
    if proved.by is not None and proved.by < time.time():
        lines.append("  That time has passed: a log that still has no proof of this leaf broke its promise.")
    return [*lines, "Not proved:", *(f"  {limit}" for limit in limits)]
