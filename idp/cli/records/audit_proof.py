"""`ciconia audit proof`: what `ciconia ledger prove` wrote, checked offline."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.record_proof_verify import (
    MAX_RECORD,
    ProvedRecord,
    ProvedRecords,
    proves_many,
    verify_record,
    verify_records,
)
from idp.cli.console import COULD_NOT_RUN, NO
from idp.cli.options import LogKey
from idp.cli.records.proof_files import (
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
from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.cosignature import WitnessPolicy
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.system.files import read_regular, regular
from policies.errors import SignatureInvalid

_PROOF = typer.Argument(metavar="PROOF", help="What `ciconia ledger prove --out` wrote: of one record, or of many.")
_RECEIPT = typer.Option(metavar="FILE", help="A receipt that should be among many records; again for each.")
_LIMITS = (
    "whom it was about: the file opens nothing of the person",
    "that nobody was shown another tree: compare the checkpoint with one that somebody else kept",
)


def proof(
    file: Annotated[Path, _PROOF],
    log: LogKey = None,
    receipt: Annotated[list[Path] | None, _RECEIPT] = None,
    witness: Witnesses = None,
    quorum: Quorum = 0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line: the proof, each receipt.")] = False,
) -> None:
    """Check a proof with the log's keys alone, without the network; say what it proves and what it does not.

    Of many records it also sees whether one is missing that a receipt has. To trust the answer, take the log's keys from
    somewhere else than the proof.

    Example: ciconia audit proof release.json --log log.vkey

    Exit codes: 0 it holds, 1 it does not, 2 something could not be read.
    """
    named = named_witnesses(witness or (), quorum)
    given = tried(file, lambda: keys_for(file, log), COULD_NOT_RUN, as_json=as_json)
    if isinstance(given, int):
        raise typer.Exit(given)
    key, keys = given
    receipts, codes = list[tuple[Path, ProvedReceipt]](), list[int]()
    for path in receipt or ():
        read = tried(path, partial(_receipt, path, keys), NO, as_json=as_json)
        if isinstance(read, int):
            codes.append(read)
        else:
            receipts.append((path, read))
    leaves = {each.leaf_hash for _, each in receipts}
    found = tried(file, lambda: _read(file, keys, leaves, policy_of(named, keys)), NO, as_json=as_json)
    if isinstance(found, int):
        raise typer.Exit(max(found, *codes, NO))
    told, sentences = _told(found)
    told |= told_cosigned(found.cosigned)
    sentences += cosigned_sentences(found.cosigned)
    limits = (*_LIMITS, whose(key, [found.key]))
    lines = [f"{file}: it holds.", "Proved:", *(f"  {each}" for each in sentences)]
    lines += ["Not proved:", *(f"  {limit}" for limit in limits)]
    ids = {"log": found.head.origin, "size": found.head.size, "key_id": found.key.key_id.hex(), "key_file": str(key)}
    codes.append(told_file(file, {**told, **ids, "not_proved": list(limits)}, lines, as_json=as_json))
    codes += [_among(path, found, each, as_json=as_json) for path, each in receipts]
    raise typer.Exit(max(codes))


def _receipt(path: Path, keys: Sequence[VerifierKey]) -> ProvedReceipt:
    return verify_receipt(read_regular(path, MAX_RECEIPT), keys)


def _read(
    file: Path, keys: Sequence[VerifierKey], leaves: Collection[bytes], witnesses: WitnessPolicy
) -> ProvedRecord | ProvedRecords:
    with regular(file).open("rb") as opened:
        many = proves_many(opened.readline(MAX_RECORD))
        opened.seek(0)
        if many:
            return verify_records(opened, keys, leaves, witnesses)
        return verify_record(opened.read(MAX_RECORD + 1), keys, witnesses)


def _told(found: ProvedRecord | ProvedRecords) -> tuple[dict[str, object], list[str]]:
    """The proved facts, as JSON and in sentences."""
    signed = f"in the tree of {found.head.size} whose checkpoint the log {found.head.origin} signed"
    if isinstance(found, ProvedRecord):
        told: dict[str, object] = {"index": found.index, "leaf_hash": found.leaf_hash.hex()}
        told |= {"sent": found.sent, "decision": found.decision}
        opened = [f"{name}: {jcs(each).decode()}" for name, each in (("sent", found.sent), ("decision", found.decision))]
        place = f"The leaf {found.leaf_hash.hex()} stands at index {found.index}, counted from 0, {signed}."
        return told, [place, "That leaf commits to this, at the time that it says:", *opened]
    asked, span = found.asked.as_json, f"from index {found.first} to before {found.end}"
    told = {"rows": found.rows, "first": found.first, "end": found.end, "filter": asked}
    whole = f"The log signed that of the leaves {span} these are all for which {jcs(asked).decode()} holds."
    if not asked:
        whole = f"These are all leaves {span}: none is missing."
    return told, [f"{found.rows} records stand in their places, {signed}, and say what the file opens.", whole]


def _among(path: Path, found: ProvedRecord | ProvedRecords, receipt: ProvedReceipt, *, as_json: bool) -> int:
    """Says whether a receipt's leaf is among the records; returns the exit code."""
    try:
        if isinstance(found, ProvedRecords):
            index = found.place_of(receipt)
        else:
            index = found.index if found.leaf_hash == receipt.leaf_hash else None
    except SignatureInvalid as error:
        return told_failure(path, error.check, error.detail, NO, as_json=as_json)
    if index is None:
        detail = "the proof does not speak of its leaf"
        return told_failure(path, "records_other", detail, COULD_NOT_RUN, as_json=as_json)
    return told_file(path, {"index": index}, [f"{path}: it is among them, at index {index}."], as_json=as_json)
