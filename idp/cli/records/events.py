"""`ciconia audit events`: what operators, administrators and the product did."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from idp.audit.events.event_types import TYPES, Event
from idp.audit.events.read_events import read_events
from idp.audit.questions.auditor import Auditor
from idp.cli.console import answer, plain, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.cli.records.report import Since, Until, seconds_of
from idp.receipts.receipt_record import time_text
from idp.store.engine import reading, snapshot


def events(
    config: Folder,
    since: Since = None,
    until: Until = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="TYPE", help="As switch.off, or switch for all of it.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the acts of operators, administrators and the product by type, as a SIEM gets them: who, when, what and why.

    Each is a leaf of the ledger, and nothing of a citizen is in it. A record that somebody changed is left out here:
    `ciconia ledger acts` names it, and lists what citizens did on their page, too.

    Example: ciconia audit events --kind key --config /etc/ciconia

    Exit codes: 0 they are listed, 2 it could not be tried.
    """
    if kind is not None and not any(_is(name, kind) for name in TYPES):
        raise typer.BadParameter(f"there is no such type: {', '.join(TYPES)}.", param_hint="--kind")
    begins, ends = seconds_of(since, until)
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config) as auditor, _read(auditor) as every:
        found = [
            one for one in every if _wanted(one, kind) and (begins or 0) <= one.time and (ends is None or one.time < ends)
        ]
    answer({"events": [one.as_json() for one in found]}, *_lines(found), as_json=as_json)


@contextmanager
def _read(auditor: Auditor) -> Iterator[Iterator[Event]]:
    with reading(), snapshot(auditor.engine) as connection:
        yield read_events(connection, auditor.tenant, auditor.keys.openings)


def _is(name: str, kind: str) -> bool:
    return name == kind or name.startswith(f"{kind}.")


def _wanted(event: Event, kind: str | None) -> bool:
    return kind is None or _is(event.type, kind)


def _lines(found: list[Event]) -> Iterator[str]:
    for one in found:
        facts = json.dumps(one.facts, ensure_ascii=False)
        yield plain(
            f"{time_text(one.time)}  {one.type}  who: {one.who or '-'}  why: {one.why or '-'}  {facts}  leaf {one.index}"
        )
    yield f"{len(found)} events."
