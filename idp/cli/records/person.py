"""`ciconia ledger person`: all that was released about one person, opened by their receipt, or by a grant."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from idp.audit.questions.person import PersonsRecords, records_by_grant, records_of_person
from idp.cli.console import COULD_NOT_RUN, NO, YES, answer, end, plain, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.cli.records.mandate_options import desk_of
from idp.receipts.receipt import MAX_RECEIPT
from idp.receipts.receipt_record import time_text
from idp.system.files import read_regular
from policies.errors import NotFound, SignatureInvalid

_RECEIPT = typer.Option(metavar="FILE", help="A receipt of theirs, as they have it.")
_GRANT = typer.Option("--grant", metavar="ID", help="A grant of two officers, as `ciconia ledger grant list` shows it.")
_AUDITOR = typer.Option("--as", metavar="NAME", help="With --grant: the auditor whom it names.")
_RECORD = typer.Option(metavar="RECORD", help="With the grant of a period: a record of the person in that period.")


def person(
    config: Folder,
    receipt: Annotated[Path | None, _RECEIPT] = None,
    grant: Annotated[str, _GRANT] = "",
    name: Annotated[str, _AUDITOR] = "",
    record: Annotated[str, _RECORD] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show every record of one person, by number and without a gap. Their receipt opens it; it is not kept.

    A grant opens it, too, and each use of one is in the ledger before anything is shown.

    Example: ciconia ledger person --receipt receipt.json --config city

    Exit codes: 0 it is said, 1 a record is missing or the receipt does not fit the ledger, 2 it could not be tried.
    """
    if grant and receipt is None:
        _by_grant(config, grant, name, record, as_json=as_json)
        return
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
    _tell(found, as_json=as_json)


def _by_grant(config: Path, grant: str, auditor: str, record: str, *, as_json: bool) -> None:
    try:
        grant_id, record_id = bytes.fromhex(grant), bytes.fromhex(record)
    except ValueError:
        raise typer.BadParameter("ids have digits of 0-9 and a-f", param_hint="--grant, --record") from None
    with desk_of(config, as_json=as_json) as desk, auditor_of(config, judged=False) as reader:
        try:
            found, subject = desk.grants.use(grant_id, auditor, int(time.time()), record_id)
            shown = records_by_grant(reader, found, subject)
        except NotFound as error:
            end(error.code, f"{error.detail}.", as_json=as_json, code=NO)
    _tell(shown, as_json=as_json)


def _tell(found: PersonsRecords, *, as_json: bool) -> None:
    answer({"ok": not found.missing, **found.as_json()}, *_lines(found), as_json=as_json)
    raise typer.Exit(NO if found.missing else YES)


def _lines(found: PersonsRecords) -> Iterator[str]:
    if found.counter is None:
        yield f"{len(found.entries)} records are of this person, in the period of the grant."
    else:
        yield f"{found.counter} records are of this person."
    for each in found.entries:
        sent = each.sent
        names = ", ".join(f"{name} ({form})" for name, form in sent.get("names", ())) or json.dumps(dict(sent))
        about = f"{sent.get('client', '')} for {sent.get('purpose', '')} ({sent.get('basis', '')}): "
        yield plain(f"{each.position}  {time_text(sent['time'])}  {each.kind}  {about}{names}")
    for number in found.missing or ():
        yield f"DOES NOT FIT  number {number}: it is missing, or is not what was written: run ciconia ledger verify."
