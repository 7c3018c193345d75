"""Evidence that others hold of the log: the witness's files, and files that somebody kept."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.questions.compared import CHECKPOINT, RECEIPT, WITNESS, HeldComparison, HeldEvidence
from idp.cli.console import plain
from idp.ledger.checkpoint import SIGNATURE_MARK, TreeHead, open_note, read_signature
from idp.ledger.ledger_keys import LedgerKeys
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_verify import verify_receipt
from idp.sequencer.witness import note_in, witnessed
from idp.system.files import read_regular, regular
from policies.errors import SignatureInvalid, StoreUnavailable

Checkpoints = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that somebody kept, or an export; again for each."),
]
ReceiptFiles = Annotated[
    list[Path] | None, typer.Option("--receipt", metavar="FILE", help="A receipt that somebody has; again for each.")
]
NOT_AS_HELD = "The ledger is not the one that others hold. Keep their files: the log's own signature proves it."


def held_by_witness(path: Path | None, keys: LedgerKeys) -> Iterator[HeldEvidence]:
    """The evidence of the settings' witness. Raises `StoreUnavailable` if it cannot be read."""
    return (HeldEvidence(WITNESS, str(path), head) for head in witnessed(path, keys))


def held_in_files(checkpoints: Sequence[Path], receipts: Sequence[Path], keys: LedgerKeys) -> Iterator[HeldEvidence]:
    """The evidence in files. Raises `StoreUnavailable` if one cannot be read, or no key of ours signed it."""
    for path in (*checkpoints, *receipts):
        try:
            if path in checkpoints:
                yield _checkpoint(path, keys)
            else:
                receipt = verify_receipt(read_regular(path, MAX_RECEIPT), keys.log.known)
                yield HeldEvidence(RECEIPT, str(path), receipt)
        except OSError as error:
            raise StoreUnavailable(f"{path} could not be read: {error.strerror or type(error).__name__}") from error
        except SignatureInvalid as error:
            raise StoreUnavailable(f"{path} holds nothing of this log ({error.check}): {error.detail}") from error


def _checkpoint(path: Path, keys: LedgerKeys) -> HeldEvidence:
    note = note_in(regular(path))
    head = TreeHead.read(open_note(note, *keys.log.known))
    lines = [line for line in note.decode().rpartition("\n\n")[2].splitlines() if line.startswith(SIGNATURE_MARK)]
    signers = [name for name, _, _ in map(read_signature, lines) if name != keys.origin]
    return HeldEvidence(CHECKPOINT, str(path), head, tuple(signers))


def told_of(compared: Sequence[HeldComparison]) -> list[str]:
    """With what the ledger was compared, in lines."""
    lines = [plain(f"{'DOES NOT FIT  ' if each.why else 'Compared with '}{each}") for each in compared]
    return lines or ["Compared with nothing that anybody else holds: name files with --checkpoint and --receipt."]
