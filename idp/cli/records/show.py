"""`ciconia ledger show`: one record opened for an auditor."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from idp.audit.questions.one_record import OneRecord, one_record
from idp.cli.console import NO, YES, answer, end, plain, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.receipts.receipt_record import time_text
from policies.errors import NotFound

Named = Annotated[
    str, typer.Argument(metavar="N", help="A leaf's index from 0, a record's id (32 hex digits) or a leaf's hash (64).")
]


def show(named: Named, config: Folder, *, as_json: AsJson = False) -> None:
    """Open one record: what was sent, how it was decided, and whether its row, its leaf and its place hold.

    Nothing of the person is shown: neither who it was nor any value.

    Example: ciconia ledger show 41 --config /etc/ciconia

    Exit codes: 0 it holds, 1 it does not or there is none, 2 it could not be tried.
    """
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config, judged=False) as auditor:
        try:
            found = one_record(auditor, named)
        except NotFound as error:
            end(error.code, f"{error.detail}.", as_json=as_json, code=NO)
    answer(found.as_json(), *_lines(found), as_json=as_json)
    raise typer.Exit(YES if found.holds else NO)


def _lines(found: OneRecord) -> Iterator[str]:
    place = "which is not in its place yet" if found.index is None else f"which stands at index {found.index}, from 0"
    yield f"Record {found.record.hex()} of {time_text(found.time)}, {place}."
    for title, name in (("Sent:", "sent"), ("Decided:", "decision")):
        yield title
        for member, value in found.content(name).items():
            yield plain(f"  {member}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    yield from (plain(f"DOES NOT FIT  {finding}") for finding in found.findings)
    yield "It holds." if found.holds else "It does not hold: run ciconia ledger verify."
