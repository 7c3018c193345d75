"""`ciconia ledger receipts`: whether the receipts of services agree with our record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.questions.ledger_summary import summarise, unread
from idp.audit.questions.services_receipts import ReceiptAgreement, compare_receipts
from idp.cli.console import NO, YES, answer, end, plain, progress, trying
from idp.cli.options import AsJsonLines, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_record import time_text
from idp.system.files import read_regular

_FOLDER = typer.Argument(metavar="FOLDER", help="A folder of receipts, as a service kept them.")


def receipts(folder: Annotated[Path, _FOLDER], config: Folder, *, as_json: AsJsonLines = False) -> None:
    """Compare a folder of services' receipts with the ledger: what is missing on either side, and what differs.

    It also finds a record that was filed under another person's key, as far as receipts show it: one `sub` at a service is
    one person here. If one hand runs both the service and the broker, nothing shows it.

    Example: ciconia ledger receipts parking-receipts --config city

    Exit codes: 0 every receipt agrees, 1 one does not, 2 it could not be tried. A release without a receipt is named, and
    is no fault: services need not ask for receipts.
    """
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config, judged=False) as auditor:
        with progress(unread(auditor), "receipts", as_json=as_json) as advance:
            ledger = summarise(auditor, advance=advance)
        try:
            files = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
            found = compare_receipts(auditor, ledger, _read(files), auditor.keys.log.known)
        except OSError as error:
            detail = f"{error.filename or folder} could not be read: {error.strerror or type(error).__name__}"
            end("unreadable", detail, as_json=as_json, text=f"{detail}.")
    answer(found.as_json(), *_lines(found), as_json=as_json)
    raise typer.Exit(YES if found.holds else NO)


def _read(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    return ((file.name, read_regular(file, MAX_RECEIPT)) for file in files)


def _lines(found: ReceiptAgreement) -> Iterator[str]:
    yield f"{found.agreeing} receipts agree with the ledger."
    for each in found.disagreements:
        yield plain(f"DOES NOT FIT  {each.file} ({each.check}): {each.what}.")
    for name, (had, ours) in found.services.items():
        yield plain(f"{name}: {had} receipts; the ledger has {ours} releases to it between the first and the last of them.")
    for one in found.unreceipted:
        yield plain(f"  no receipt: leaf {one.index}, record {one.record}, {time_text(one.time)}, {one.service}")
    if found.missing > len(found.unreceipted):
        yield f"  and {found.missing - len(found.unreceipted)} more without a receipt"
