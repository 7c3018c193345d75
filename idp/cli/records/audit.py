"""`ciconia audit`: what a receipt proves, and whether an export is the log that others were shown. Offline."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from idp.audit.export_verify import Exported, NotCompared, read_size, verify_export
from idp.cli.console import COULD_NOT_RUN, NO, YES, progress, say
from idp.cli.options import LogKey
from idp.cli.records.audit_proof import proof
from idp.cli.records.events import events
from idp.cli.records.proof_files import (
    Named,
    Quorum,
    Witnesses,
    cosigned_sentences,
    keys_for,
    named_witnesses,
    policy_of,
    told_cosigned,
    told_failure,
    told_file,
    tried,
    whose,
)
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note
from idp.ledger.cosignature import WitnessPolicy
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.sequencer.witness import note_in
from idp.system.files import read_regular, read_upto, regular
from policies.errors import SignatureInvalid

_INPUT = Path("-")
_RECEIPTS = "Receipt files, of citizens or services; `-` for standard input, with --log."
# What somebody else has: a checkpoint that was kept, or a receipt
_Other = TreeHead | ProvedReceipt

audit = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Receipts and the whole log: check them, without asking anybody."
)


audit.command()(proof)
audit.command()(events)


@audit.command()
def verify(
    receipts: Annotated[list[Path], typer.Argument(metavar="RECEIPT...", help=_RECEIPTS)],
    log: LogKey = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="What /log/proof answered, for a receipt that holds a promise."),
    ] = None,
    witness: Witnesses = None,
    quorum: Quorum = 0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each receipt, in order.")] = False,
) -> None:
    """Check receipts with the log's keys alone, without the network; say what that proves and what it does not.

    To trust the answer, take the log's keys from somewhere else than from the one who gave you the receipt.

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
    named = named_witnesses(witness or (), quorum)
    raise typer.Exit(max(_receipt(path, log, proof, named, as_json=as_json) for path in receipts))


@audit.command()
def ledger(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="What `ciconia ledger export` wrote.")],
    log: LogKey = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A checkpoint that somebody kept, or an earlier export; again for each."),
    ] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A receipt that somebody has; again for each.")
    ] = None,
    witness: Witnesses = None,
    quorum: Quorum = 0,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: progress, the export, each file.")
    ] = False,
) -> None:
    """Compute the log's tree from an export, and see whether it is the one that others were shown.

    A checkpoint that a witness keeps says what the log signed then; a receipt says what stands in it. Offline, with the
    log's keys alone: to trust the answer, take them from somewhere else than the export.

    Example: ciconia audit ledger log.jsonl --log log.vkey --checkpoint witness/city.example.checkpoint

    Exit codes: 0 everything fits, 1 something does not, 2 something could not be read or compared.
    """
    named = named_witnesses(witness or (), quorum)
    found = tried(export, lambda: keys_for(export, log), COULD_NOT_RUN, as_json=as_json)
    if isinstance(found, int):
        raise typer.Exit(found)
    key, keys = found
    codes: list[int] = []
    others: list[tuple[Path, _Other]] = []
    readers: tuple[tuple[list[Path] | None, Callable[[Path, Sequence[VerifierKey]], _Other]], ...]
    readers = ((checkpoint, _read_checkpoint), (receipt, _read_receipt))
    for path, read in ((path, read) for paths, read in readers for path in paths or ()):
        other: _Other | int = tried(path, partial(read, path, keys), NO, as_json=as_json)
        if isinstance(other, int):
            codes.append(other)
        else:
            others.append((path, other))
    codes.append(_compared(export, key, keys, others, policy_of(named, keys), as_json=as_json))
    raise typer.Exit(max(codes))


def _receipt(path: Path, log: Path | None, proof: Path | None, named: Named, *, as_json: bool) -> int:
    """Checks one receipt, prints the answer, returns its exit code."""

    def read() -> tuple[bytes, Path, tuple[VerifierKey, ...], bytes | None]:
        octets = read_upto("-", MAX_RECEIPT) if path == _INPUT else read_regular(path, MAX_RECEIPT)
        key, keys = keys_for(path, log)
        return octets, key, keys, None if proof is None else read_regular(proof, MAX_RECEIPT)

    given = tried(path, read, COULD_NOT_RUN, as_json=as_json)
    if isinstance(given, int):
        return given
    octets, key, keys, proof_text = given
    policy = policy_of(named, keys)
    proved = tried(path, lambda: verify_receipt(octets, keys, proof_text, policy), NO, as_json=as_json)
    if isinstance(proved, int):
        return proved
    limits = (*proved.limits, whose(key, proved.keys))
    lines = [f"{path}: it holds.", "Proved:", *(f"  {sentence}" for sentence in proved.sentences)]
    if proved.by is not None and proved.by < time.time():
        lines.append("  That time has passed: a log that still has no proof of this leaf broke its promise.")
    lines += ["Not proved:", *(f"  {limit}" for limit in limits)]
    ids = [each.key_id.hex() for each in proved.keys]
    told: dict[str, object] = {
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
        **told_cosigned(proved.cosigned),
        "proved": list(proved.sentences),
        "key_id": ids[0],
        "key_ids": ids,
        "key_file": str(key),
        "not_proved": list(limits),
    }
    return told_file(path, told, lines, as_json=as_json)


def _read_checkpoint(path: Path, keys: Sequence[VerifierKey]) -> TreeHead:
    head = TreeHead.read(open_note(note_in(regular(path)), *keys))
    if head.origin != keys[0].name:
        raise SignatureInvalid("checkpoint", "the checkpoint is another log's")
    return head


def _read_receipt(path: Path, keys: Sequence[VerifierKey]) -> ProvedReceipt:
    return verify_receipt(read_regular(path, MAX_RECEIPT), keys)


def _compared(
    export: Path,
    key: Path,
    keys: Sequence[VerifierKey],
    others: Sequence[tuple[Path, _Other]],
    witnesses: WitnessPolicy,
    *,
    as_json: bool,
) -> int:
    """Checks the export, then each other file against it; says what was found, and returns the exit code."""

    def read() -> Exported:
        with regular(export).open("rb") as file:
            return _exported(file, keys, [other for _, other in others], witnesses, as_json=as_json)

    whole = tried(export, read, NO, as_json=as_json)
    if isinstance(whole, int):
        return whole
    limits = ("that anybody was shown this tree, beyond the files that were compared with it", whose(key, [whole.key]))
    head = whole.head
    signed = f"  The log {head.origin} signed a checkpoint over these {head.size} leaves: the root is {head.root.hex()}."
    sentences = [f"  {each}" for each in cosigned_sentences(whole.cosigned)]
    lines = [f"{export}: it holds.", "Proved:", signed, *sentences, "Not proved:", *(f"  {limit}" for limit in limits)]
    told = {"log": head.origin, "size": head.size, "root": head.root.hex(), "key_id": whole.key.key_id.hex()}
    told_file(
        export,
        {**told, **told_cosigned(whole.cosigned), "key_file": str(key), "not_proved": list(limits)},
        lines,
        as_json=as_json,
    )
    return max((_fits(path, other, whole, as_json=as_json) for path, other in others), default=YES)


def _exported(
    file: BinaryIO, keys: Sequence[VerifierKey], others: Sequence[_Other], witnesses: WitnessPolicy, *, as_json: bool
) -> Exported:
    size = read_size(file, keys)
    heads = [other if isinstance(other, TreeHead) else other.head for other in others]
    sizes = {head.size for head in heads if head is not None}
    leaves = {other.leaf_hash for other in others if isinstance(other, ProvedReceipt)}
    with progress(size, "audit", as_json=as_json) as advance:
        return verify_export(file, size, keys, sizes=sizes, leaves=leaves, advance=advance, witnesses=witnesses)


def _fits(path: Path, other: _Other, whole: Exported, *, as_json: bool) -> int:
    """Says whether what somebody has is of this tree; returns the exit code."""
    try:
        if isinstance(other, TreeHead):
            whole.assert_begins_with(other)
            told: dict[str, object] = {"size": other.size}
            what = f"the tree over {other.size} leaves that the log signed there is the beginning of this one"
        else:
            told = {"index": whole.place_of(other)}
            what = f"its leaf stands at index {told['index']}, counted from 0"
    except NotCompared as error:
        return told_failure(path, "export_short", f"{error}: ask for a newer export", COULD_NOT_RUN, as_json=as_json)
    except SignatureInvalid as error:
        return told_failure(path, error.check, error.detail, NO, as_json=as_json)
    return told_file(path, told, [f"{path}: it fits: {what}."], as_json=as_json)
