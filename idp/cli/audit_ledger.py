"""`ciconia audit ledger`: an export of the whole log, compared with checkpoints and receipts that others have."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from idp.audit.export_verify import Exported, NotCompared, read_size, verify_export
from idp.cli.audit_told import COULD_NOT, DOES_NOT, HOLDS, keys_for, say_failed, tell, unreadable, whose
from idp.cli.console import progress
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.sequencer.witness import note_in
from idp.system.files import read_regular, regular
from policies.errors import SignatureInvalid

# What somebody else has: a checkpoint that was kept, or a receipt
_Other = TreeHead | ProvedReceipt


def ledger(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="What `ciconia ledger export` wrote.")],
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="KEY", help="The log's public keys, a vkey file; else log.vkey beside the export."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A checkpoint that somebody kept, or an earlier export; again for each."),
    ] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A receipt that somebody has; again for each.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: progress, the export, each file.")
    ] = False,
) -> None:
    """Compute the log's tree from an export, and see whether it is the one that others were shown.

    A checkpoint that a witness keeps says what the log signed then; a receipt says what stands in it. Offline, with the
    log's keys alone: whoever wants to trust the answer takes them from somewhere else than the export.

    Example: ciconia audit ledger log.jsonl --log log.vkey --checkpoint witness/city.example.checkpoint

    Exit codes: 0 everything fits, 1 something does not, 2 something could not be read or compared.
    """
    try:
        key, keys = keys_for(export, log)
    except OSError as error:
        raise typer.Exit(unreadable(export, error, as_json=as_json)) from None
    except SignatureInvalid as error:
        raise typer.Exit(say_failed(export, error.check, error.detail, COULD_NOT, as_json=as_json)) from None
    codes: list[int] = []
    others: list[tuple[Path, _Other]] = []
    for paths, read in ((checkpoint, _kept), (receipt, _receipt)):
        for path in paths or ():
            found = _read(path, keys, read, as_json=as_json)
            if isinstance(found, int):
                codes.append(found)
            else:
                others.append((path, found))
    codes.append(_compared(export, key, keys, others, as_json=as_json))
    raise typer.Exit(max(codes))


def _kept(path: Path, keys: Sequence[VerifierKey]) -> TreeHead:
    head = TreeHead.read(open_note(note_in(regular(path)), *keys))
    if head.origin != keys[0].name:
        raise SignatureInvalid("checkpoint", "the checkpoint is another log's")
    return head


def _receipt(path: Path, keys: Sequence[VerifierKey]) -> ProvedReceipt:
    return verify_receipt(read_regular(path, MAX_RECEIPT), keys)


def _read(
    path: Path, keys: Sequence[VerifierKey], read: Callable[[Path, Sequence[VerifierKey]], _Other], *, as_json: bool
) -> _Other | int:
    """What a file says that the log signed, or the exit code of what was said of it."""
    try:
        return read(path, keys)
    except OSError as error:
        return unreadable(path, error, as_json=as_json)
    except SignatureInvalid as error:
        return say_failed(path, error.check, error.detail, DOES_NOT, as_json=as_json)


def _compared(
    export: Path, key: Path, keys: Sequence[VerifierKey], others: Sequence[tuple[Path, _Other]], *, as_json: bool
) -> int:
    """Check the export, then each other file against it; say what was found, and return the exit code."""
    try:
        with regular(export).open("rb") as file:
            whole = _whole(file, keys, [other for _, other in others], as_json=as_json)
    except OSError as error:
        return unreadable(export, error, as_json=as_json)
    except SignatureInvalid as error:
        return say_failed(export, error.check, error.detail, DOES_NOT, as_json=as_json)
    limits = (
        "that anybody was shown this tree, beyond the files that were compared with it",
        whose(key, [whole.key]),
    )
    head = whole.head
    if as_json:
        told = {"log": head.origin, "size": head.size, "root": head.root.hex(), "key_id": whole.key.key_id.hex()}
        print(json.dumps({"file": str(export), "ok": True, **told, "key_file": str(key), "not_proved": list(limits)}))
    else:
        lines = [f"{export}: it holds.", "Proved:"]
        lines.append(
            f"  The log {head.origin} signed a checkpoint over these {head.size} leaves: the root is {head.root.hex()}."
        )
        tell([*lines, "Not proved:", *(f"  {limit}" for limit in limits)])
    return max((_fits(path, other, whole, as_json=as_json) for path, other in others), default=HOLDS)


def _whole(file: BinaryIO, keys: Sequence[VerifierKey], others: Sequence[_Other], *, as_json: bool) -> Exported:
    size = read_size(file, keys)
    heads = [other if isinstance(other, TreeHead) else other.head for other in others]
    with progress(size, "audit", as_json=as_json) as advance:
        return verify_export(
            file,
            size,
            keys,
            sizes={head.size for head in heads if head is not None},
            leaves={other.leaf_hash for other in others if isinstance(other, ProvedReceipt)},
            advance=advance,
        )


def _fits(path: Path, other: _Other, whole: Exported, *, as_json: bool) -> int:
    """Say whether what somebody has is of this tree; the exit code."""
    try:
        if isinstance(other, TreeHead):
            whole.assert_begins_with(other)
            told: dict[str, object] = {"size": other.size}
            what = f"the tree over {other.size} leaves that the log signed there is the beginning of this one"
        else:
            index = whole.place_of(other)
            told = {"index": index}
            what = f"its leaf stands at index {index}, counted from 0"
    except NotCompared as error:
        return say_failed(path, "export_short", f"{error}: ask for a newer export", COULD_NOT, as_json=as_json)
    except SignatureInvalid as error:
        return say_failed(path, error.check, error.detail, DOES_NOT, as_json=as_json)
    if as_json:
        print(json.dumps({"file": str(path), "ok": True, **told}))
    else:
        tell([f"{path}: it fits: {what}."])
    return HOLDS
