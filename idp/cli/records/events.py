"""`ciconia audit events`: what operators, administrators and the product did."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from idp.audit.events.event_types import TYPES, Event
from idp.audit.events.read_events import read_events
from idp.audit.questions.auditor import Auditor
from idp.cli.console import answer, plain, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.ledger.ledger_keys import DAY
from idp.receipts.receipt_record import time_text
from idp.store.engine import reading, snapshot


def events(
    config: Folder,
    begin: Annotated[
        datetime | None, typer.Option("--from", metavar="DAY", formats=["%Y-%m-%d"], help="From this day.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", metavar="DAY", formats=["%Y-%m-%d"], help="To this day.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="TYPE", help="As switch.off, or switch for all of it.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List what operators, administrators and the product did: who, when, what and why. Days are those of UTC.

    Each is a leaf of the ledger, and nothing of a citizen is in it.

    Example: ciconia audit events --kind key --config /etc/ciconia

    Exit codes: 0 they are listed, 2 it could not be tried.
    """
    if kind is not None and not any(_is(name, kind) for name in TYPES):
        raise typer.BadParameter(f"there is no such type: {', '.join(TYPES)}.", param_hint="--kind")
    first, last = _seconds(begin, 0), _seconds(end, -1)
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config) as auditor, _read(auditor) as every:
        found = [one for one in every if _wanted(one, kind) and first <= one.time and (last < 0 or one.time < last + DAY)]
    answer({"events": [one.as_json() for one in found]}, *_lines(found), as_json=as_json)


@contextmanager
def _read(auditor: Auditor) -> Iterator[Iterator[Event]]:
    with reading(), snapshot(auditor.engine) as connection:
        yield read_events(connection, auditor.tenant, auditor.keys.openings)


def _is(name: str, kind: str) -> bool:
    return name == kind or name.startswith(f"{kind}.")


def _wanted(event: Event, kind: str | None) -> bool:
    return kind is None or _is(event.type, kind)


def _seconds(day: datetime | None, otherwise: int) -> int:
    return otherwise if day is None else int(day.replace(tzinfo=UTC).timestamp())


def _lines(found: list[Event]) -> Iterator[str]:
    for one in found:
        facts = json.dumps(one.facts, ensure_ascii=False)
        yield plain(
            f"{time_text(one.time)}  {one.type}  who: {one.who or '-'}  why: {one.why or '-'}  {facts}  leaf {one.index}"
        )
    yield f"{len(found)} events."
