"""`ciconia ledger person`: all that was released about one person, opened by their receipt."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.questions.person import PersonsRecords, records_of_person
from idp.cli.console import COULD_NOT_RUN, NO, YES, answer, end, plain, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_record import time_text
from idp.system.files import read_regular
from policies.errors import NotFound, SignatureInvalid

_RECEIPT = typer.Option(metavar="FILE", help="A receipt of theirs, as they have it.")


def person(config: Folder, receipt: Annotated[Path | None, _RECEIPT] = None, *, as_json: AsJson = False) -> None:
    """Show every record of one person, by number and without a gap. Their receipt opens it; it is not kept.

    Example: ciconia ledger person --receipt receipt.json --config city

    Exit codes: 0 it is said, 1 a record is missing or the receipt does not fit the ledger, 2 it could not be tried.
    """
    if receipt is None:
        what = "nobody opens a person's records without their receipt, or a grant of two officers."
        raise typer.BadParameter(what, param_hint="--receipt")
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config, judged=False) as auditor:
        try:
            octets = read_regular(receipt, MAX_RECEIPT)
            found = records_of_person(auditor, octets, auditor.keys.log.published(int(time.time())))
        except OSError as error:
            detail = f"{receipt} could not be read: {error.strerror or type(error).__name__}"
            end("unreadable", detail, as_json=as_json, code=COULD_NOT_RUN, text=f"{detail}.")
        except (SignatureInvalid, NotFound) as error:
            end(error.code, f"{error.detail}.", as_json=as_json, code=NO)
    answer({"ok": not found.missing, **found.as_json()}, *_lines(found), as_json=as_json)
    raise typer.Exit(NO if found.missing else YES)


def _lines(found: PersonsRecords) -> Iterator[str]:
    yield f"{found.counter} records are of the person of this receipt."
    for each in found.entries:
        sent = each.sent
        names = ", ".join(f"{name} ({form})" for name, form in sent.get("names", ())) or json.dumps(dict(sent))
        about = f"{sent.get('client', '')} for {sent.get('purpose', '')} ({sent.get('basis', '')}): "
        yield plain(f"{each.position}  {time_text(sent['time'])}  {each.kind}  {about}{names}")
    for number in found.missing:
        yield f"DOES NOT FIT  number {number}: it is missing, or is not what was written: run ciconia ledger verify."
