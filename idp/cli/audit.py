"""`ciconia audit`: what a receipt proves, offline.

Exit codes: 0 every receipt holds, 1 one does not and what does not fit is named, 2 a file or the key could not be read.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import plain, say
from idp.files import read_regular, read_upto
from idp.keys.ledger import LOG_VKEY
from idp.transparency.checkpoint import read_keys
from idp.transparency.receipt import MAX_RECEIPT
from idp.transparency.receipt_verify import Proved, verify_receipt
from policies.errors import SignatureInvalid

HOLDS, DIFFERS, COULD_NOT_RUN = 0, 1, 2
MAX_KEYS = 64 * 1024
DOES_NOT, COULD_NOT = "does not hold", "could not be checked"

_RECEIPTS = "Receipt files, of citizens or services; `-` for standard input, with --log."
_INPUT = Path("-")

audit = typer.Typer(no_args_is_help=True, help="Receipts: check what was released, without asking anybody.")


@audit.callback()
def group() -> None:
    """Receipts: check what was released, without asking anybody."""


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
    key = log if log is not None else path.parent / LOG_VKEY
    try:
        octets = read_upto("-", MAX_RECEIPT) if path == _INPUT else read_regular(path, MAX_RECEIPT)
        text = _keys(key, named=log is not None)
        given = None if proof is None else read_regular(proof, MAX_RECEIPT)
    except OSError as error:
        _unreadable(path, error, as_json=as_json)
        return COULD_NOT_RUN
    try:
        keys = read_keys(text.decode("utf-8", "replace"))
    except SignatureInvalid as error:
        _refused(path, error.check, f"{key} is no log's key: {error.detail}", COULD_NOT, as_json=as_json)
        return COULD_NOT_RUN
    try:
        proved = verify_receipt(octets, keys, given)
    except SignatureInvalid as error:
        _refused(path, error.check, error.detail, DOES_NOT, as_json=as_json)
        return DIFFERS
    # The key came with the command, perhaps from whoever made the receipt too: nothing here says whose it is
    ids = [each.key_id.hex() for each in proved.keys]
    is_that = f"the key {ids[0]} from {key} is that" if len(ids) == 1 else f"the keys {', '.join(ids)} from {key} are those"
    whose = f"that {is_that} of {proved.log}: compare with what this log publishes, at its own address under /log/vkey"
    limits = (*proved.limits, whose)
    if as_json:
        told = {"key_id": ids[0], "key_ids": ids, "key_file": str(key), "not_proved": list(limits)}
        print(json.dumps({**_json(path, proved), **told}))
    else:
        _tell(_lines(path, proved, limits))
    return HOLDS


def _keys(key: Path, *, named: bool) -> bytes:
    try:
        return read_regular(key, MAX_KEYS)
    except FileNotFoundError as error:
        if named:
            raise
        raise FileNotFoundError(error.errno, f"{error.strerror}; --log names the log's keys", str(key)) from error


def _unreadable(path: Path, error: OSError, *, as_json: bool) -> None:
    detail = f"{error.filename or path} could not be read: {error.strerror or type(error).__name__}"
    _refused(path, "unreadable", detail, COULD_NOT, as_json=as_json)


def _refused(path: Path, check: str, detail: str, verdict: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": str(path), "ok": False, "check": check, "detail": detail}))
    else:
        _tell([f"{path}: it {verdict} ({check}): {detail}."], error=True)


def _tell(lines: Sequence[str], *, error: bool = False) -> None:
    """Lines for a person. A line feed in the name of a file begins none of its own."""
    say("\n".join(map(plain, lines)), error=error)


def _json(path: Path, proved: Proved) -> dict[str, object]:
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


def _lines(path: Path, proved: Proved, limits: Sequence[str]) -> list[str]:
    lines = [f"{path}: it holds.", "Proved:", *(f"  {sentence}" for sentence in proved.sentences)]
    if proved.by is not None and proved.by < time.time():
        lines.append("  That time has passed: a log that still has no proof of this leaf broke its promise.")
    return [*lines, "Not proved:", *(f"  {limit}" for limit in limits)]
