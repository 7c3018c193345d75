"""`ciconia metadata` about the list of all nodes that registrations rest on: fetch, show, and approve what it adds."""

import json
import shlex
from dataclasses import asdict

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.metadata.listed import WaitingList, why_not
from connectors.metadata.service_list import end_of
from idp.application.operator_acts import opened_store, within
from idp.cli.console import NO, YES, answer, end, say
from idp.cli.metadata.desk import NodeDesk
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.protocols.eidas.node_list import HeldNodeList
from idp.protocols.saml.federation_sources import tried
from idp.system.clock import system_clock
from policies.errors import RequestRefused
from policies.node_list import NAME
from policies.parties import EntityId


def is_list(desk: NodeDesk, name: str) -> bool:
    """Whether a PEER is the list."""
    return name == NAME and desk.configuration.node_list is not None


def fetch_list(desk: NodeDesk) -> int:
    """Fetch the list now, judge it as the server does, and say what came. The exit code."""
    held, now = _list_of(desk), system_clock()
    try:
        held.refresh(now, due=True)
    except FetchError as error:
        if desk.as_json:
            told = {"check": error.check, "detail": error.detail, "mend": error.mend}
            print(json.dumps({"ok": False, "peer": NAME, "error": told}))
        else:
            say(f"{NAME}: Refused ({error.check}): {error.detail} {error.mend}", error=True)
        return NO
    show_list(desk)
    return YES


def show_list(desk: NodeDesk) -> None:
    """Show what is held of the list, and for each node that rests on it whether it counts."""
    held, now = _list_of(desk), system_clock()
    found, last = held.look(), tried(held.folder)
    resting = {name: peer for name, peer in desk.named.items() if peer.listed}
    faults = {name: why_not(found, peer, held.role, now) for name, peer in resting.items()}
    head = (
        {}
        if found is None
        else {
            "issued": written(found.found.issued),
            "ends": written(end_of(found.found)),
            "fetched": written(found.fetched),
            "countries": list(found.found.countries),
        }
    )
    refusal = asdict(last) if last is not None and last.failures else None
    told = {"peer": NAME, **head, "nodes": {name: why or None for name, why in faults.items()}, "last_refusal": refusal}
    rows = [f"{label:<12} {', '.join(value) if isinstance(value, list) else value}" for label, value in head.items()]
    rows += [f"{name}: {why or 'it counts.'}" for name, why in faults.items()]
    if last is not None and last.failures:
        rows.append(f"The last fetch was refused ({last.check}): {last.detail} {last.mend}")
    answer(told, *(rows or [f"Nothing is held. Next: ciconia metadata fetch {NAME}"]), as_json=desk.as_json)


def waiting_list(desk: NodeDesk) -> WaitingList | None:
    """The nodes that the list adds, and that wait."""
    held = desk.node_list
    return held.pending(system_clock()) if held is not None else None


def say_waiting_list(desk: NodeDesk, one: WaitingList) -> None:
    """Prints what the list adds, and what to do about it."""
    say(f"{NAME}: this is new:")
    for addition in one.additions:
        say(f"  {addition}")
    say(f"  digest {one.digest}")
    say("Compare each SHA-256 with that node's operator, on another way than the list. If all are right:")
    folder = str(desk.settings.folder)
    say(f"  {shlex.join(['ciconia', 'metadata', 'approve', NAME, '--digest', one.digest, '--config', folder])}")


def approve_list(desk: NodeDesk, digest: str) -> None:
    """Record an approval, and then let what waits count."""
    held, now, settings = _list_of(desk), system_clock(), desk.settings
    waiting = held.pending(now)
    if waiting is None or waiting.digest != digest:
        desk.refuse(NAME, "approval_refused", f"Nothing of {NAME} that waits has this digest: look at it again.")
    record = draft_approval(record=new_record(), time=now, peer=EntityId(held.registered.url), digest=digest)
    with opened_store(settings, desk.keys.ledger) as store:
        within(lambda: store.commit(Unit(tenant=settings.tenant, record=record)))
    try:
        held.approve(digest, now)
    except RequestRefused as error:
        desk.refuse(NAME, error.code, error.detail)
    text = f"Approved and recorded: {NAME} as {digest}. A running server sees it at its next look."
    answer({"peer": NAME, "digest": digest, "time": now}, text, as_json=desk.as_json)


def _list_of(desk: NodeDesk) -> HeldNodeList:
    held = desk.node_list
    if held is None:
        end("not_found", "There is no service_list.toml.", as_json=desk.as_json)
    return held
