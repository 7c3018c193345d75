"""`ciconia metadata countries`: what each connected country offers, and how its metadata and keys stand."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Engine

from connectors.formats.grammar import written
from connectors.metadata.approval import additions
from connectors.metadata.listed import why_not
from connectors.metadata.peers import Held, PeerInUse, Peers
from connectors.signatures.key_ring import KeyState
from idp.cli.console import answer
from idp.cli.metadata.desk import NodeDesk, held_copy, node_desk, reading_engine
from idp.cli.options import AsJson, Folder
from idp.login.role import Reach
from idp.protocols.eidas.countries import Offer, Offers, scheme_told
from idp.store.records.successes import StoredSuccesses
from idp.system.clock import system_clock
from policies.errors import PeerUnavailable
from policies.parties import Peer
from policies.persons import said_kinds


def countries(config: Folder, *, as_json: AsJson = False) -> None:
    """Show what each country offers, the age of its metadata, what waits, and which keys change. Nothing is fetched.

    It is the public page `/countries` without its word about now, which only a running server knows.

    Example: ciconia metadata countries --config city
    """
    now = system_clock()
    with node_desk(config, as_json=as_json) as desk, reading_engine(desk) as engine:
        peers = desk.peers(desk.copies(engine))
        days = StoredSuccesses(engine=engine, tenant=desk.settings.tenant).days()
        offers = Offers(desk.configuration, peers, lambda _one, _now: Reach.OPEN, lambda: days)(now)
        found = [_told(desk, engine, peers, one, now) for one in offers]
        ours = list(_own_changes(desk, now))
    lines = [line for one, told in zip(offers, found, strict=True) for line in _lines(one, told)]
    lines += [f"ours: the next key of {one['kind']} signs from {one['from']} on." for one in ours]
    answer({"countries": found, "own_changes": ours}, *(lines or ["No country is connected."]), as_json=as_json)


def _told(desk: NodeDesk, engine: Engine, peers: Peers, one: Offer, now: int) -> dict[str, object]:
    told: dict[str, object] = {"country": one.country, **scheme_told(one)}
    del told["reachable"]
    peer = desk.named.get(one.name)
    if not isinstance(peer, Peer):
        return {**told, "metadata": None}
    held = held_copy(desk.copies(engine), peer)
    return {**told, "metadata": _metadata(desk, peers, peer, held, now)}


def _metadata(desk: NodeDesk, peers: Peers, peer: Peer, held: Held | None, now: int) -> dict[str, object]:
    use: PeerInUse | None = None
    why = ""
    try:
        use = peers.current(peer.entity_id, now)
    except PeerUnavailable as error:
        why = error.detail
    told: dict[str, object] = {
        "entity_id": peer.entity_id,
        "usable": not why,
        "why_not": why or None,
        "version": use.version if use is not None else None,
        "versions": sorted(held.facts.versions) if held is not None else [],
        "fetched": written(held.fetched) if held is not None else None,
        "age": now - held.fetched if held is not None else None,
        "valid_until": written(held.facts.valid_until) if held is not None else None,
        "pending": list(additions(held.facts, held.approved, peer.metadata_url)) if held is not None else [],
        "changes": list(_changes(peer, held, use)),
    }
    node_list = desk.node_list
    if peer.listed and node_list is not None:
        told["service_list"] = why_not(node_list.look(), peer, node_list.role, now) or None
    return told


def _changes(peer: Peer, held: Held | None, use: PeerInUse | None) -> Iterator[str]:
    """The changes of keys that are under way, in words."""
    if use is not None and len(use.facts.signing) > 1:
        yield f"{len(use.facts.signing)} keys that sign are approved: it changes to the next one without us."
    if held is not None and held.approved is not None and held.facts.signing - held.approved.signing:
        yield "a next key that signs waits for an approval."
    if len(peer.certificates) > 1:
        yield f"{len(peer.certificates)} certificates are pinned for its metadata: remove the old one after the change."


def _own_changes(desk: NodeDesk, now: int) -> Iterator[dict[str, str]]:
    node = desk.keys.node
    rings = {"node": node.messages, "node-metadata": node.metadata} if node is not None else {}
    for kind, ring in rings.items():
        for each in ring.scheduled:
            if ring.state(each, now) is KeyState.NEXT:
                yield {"kind": kind, "from": written(each.begins)}


def _lines(one: Offer, told: Mapping[str, object]) -> Iterator[str]:
    yield f"{one.country} {one.name}: {said_kinds(frozenset(one.persons)) or 'nobody'}"
    if one.levels:
        words = (f"{each.level.label} ({'notified' if each.notified else 'not notified'})" for each in one.levels)
        yield f"  levels      {', '.join(words)}"
    if one.attributes:
        yield f"  attributes  {', '.join(one.attributes)}"
    yield f"  last used   {told['last_success'] or 'not told: no day that is over had enough sign-ins of one worker'}"
    metadata = told["metadata"]
    if not isinstance(metadata, dict):
        return
    yield f"  metadata    {_age(metadata['age'])}, until {metadata['valid_until'] or '-'}"
    versions = ", ".join(metadata["versions"]) or "none"
    yield f"  versions    {versions}; we use {metadata['version'] or 'none of them'}"
    yield from (f"  waits       {each}" for each in metadata["pending"])
    yield from (f"  changes     {each}" for each in metadata["changes"])
    if metadata["why_not"]:
        yield f"  out of use  {metadata['why_not']}"


def _age(seconds: object) -> str:
    return "never fetched" if not isinstance(seconds, int) else f"{seconds // 60} minutes old"
