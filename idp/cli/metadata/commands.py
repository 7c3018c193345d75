"""`ciconia metadata`: other countries' nodes and what of their metadata is approved; and what our own metadata says.

A PEER is the id of a provider (a city asks it) or of a node (it asks a sending node) in the configuration. The commands
share the database with a running server, which sees an approval at its next look at the node.
"""

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from connectors.addresses import FetchError
from connectors.metadata.peers import PeerCopies, Peers
from idp.application.revocations import check_revocations
from idp.cli.console import YES, answer, end, progress, say
from idp.cli.metadata.countries import countries
from idp.cli.metadata.desk import held_copy, node_desk, reading_engine, recorded_copies
from idp.cli.metadata.discover import discover
from idp.cli.metadata.federations import approve_federation, diff_federation, fetch_federation, show_federation
from idp.cli.metadata.node_list import approve_list, fetch_list, is_list, say_waiting_list, show_list, waiting_list
from idp.cli.metadata.own import own
from idp.cli.metadata.propagation import propagation
from idp.cli.metadata.report import NOBODY, Fetched, fetch_command, held_told, pending_told, say_pending, say_used
from idp.cli.metadata.service_lists import service_list
from idp.cli.options import AsJson, Folder
from idp.keys.kinds import SAML_LIFE
from idp.protocols.saml.bodies import PublishedBodies
from idp.sequencer.witness import would_count
from idp.system.clock import system_clock
from policies.errors import PeerUnavailable, RequestRefused
from policies.node_list import NAME
from policies.parties import Peer

_BODY = "The id of a body in bodies/; default: one document of all."


def export(
    config: Folder,
    body: Annotated[str | None, typer.Argument(metavar="[BODY]", help=_BODY)] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here; default: to standard output.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the signed metadata of a public body for which we stand, or of all of them in one document.

    It is what a server publishes at `/saml/bodies`, signed anew, and valid for 14 days. It signs with no revoked key.

    Example: ciconia metadata export c_h501 --config city --out rome.xml
    """
    if as_json and out is None:
        end("usage", "The document goes to standard output: write --out FILE beside --json.", as_json=as_json)
    with node_desk(config, as_json=as_json) as desk:
        known, now = desk.configuration.bodies, system_clock()
        if not known or (body and body not in known):
            what = f"There is no body {body}." if body else "There are no bodies: write bodies/NAME.toml."
            end("not_found", what, as_json=as_json)
        check_revocations(desk.settings, desk.keys)
        published = PublishedBodies(desk.settings.issuer, desk.configuration, desk.keys.saml, desk.keys.saml_encryption)
        octets = published.one(body, now, SAML_LIFE) if body else b"".join(published.all(now, SAML_LIFE))
        witness = desk.settings.witness_path
    if out is None:
        print(octets.decode())
        return
    if would_count(out, witness):
        end("taken", f"{out} would count as a checkpoint of the witness: name a file in another folder.", as_json=as_json)
    try:
        out.write_bytes(octets)
    except OSError as error:
        end("unwritable", f"{out} cannot be written: {error.strerror}.", as_json=as_json)
    count, digest = 1 if body else len(known), sha256(octets).hexdigest()
    told = {"file": str(out.resolve()), "entities": count, "octets": len(octets), "sha256": digest}
    text = f"Wrote {out}: {count} signed, {len(octets)} octets, SHA-256 {digest}."
    answer({**told, "until": now + SAML_LIFE}, text, as_json=as_json)


metadata = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Other countries' nodes: what they say, and what of it is approved."
)
metadata.command("service-list")(service_list)
metadata.command()(discover)
metadata.command()(export)
metadata.command()(propagation)
metadata.command()(own)
metadata.command()(countries)
PeerNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PEER]...", help="Ids of providers, nodes or federations, or service-list; default: all."),
]
PeerName = Annotated[str, typer.Argument(metavar="PEER", help="The id of a provider, node or federation, or service-list.")]


@metadata.command()
def pending(config: Folder, *, as_json: AsJson = False) -> None:
    """Show what is new in the metadata of other nodes, and waits for an approval.

    Example: ciconia metadata pending --config city
    """
    with node_desk(config, as_json=as_json) as desk, reading_engine(desk) as engine:
        copies = desk.copies(engine)
        waiting = desk.peers(copies).pending(system_clock())
        never = [name for name, peer in desk.named.items() if held_copy(copies, peer) is None]
        listed = waiting_list(desk)
    names = {peer.entity_id: name for name, peer in desk.named.items()}
    if as_json:
        found = [pending_told(names[one.entity_id], one) for one in waiting]
        added = asdict(listed) if listed is not None else None
        print(json.dumps({"ok": True, "pending": found, "service_list": added, "never_fetched": never}))
        return
    if listed is not None:
        say_waiting_list(desk, listed)
    for one in waiting:
        say_pending(names[one.entity_id], one, config)
        say_used(one.deviations)
    for name in never:
        say(f"{name}: nothing of it was ever fetched. Next: {fetch_command(name, config)}")
    if not (waiting or never or listed):
        say("Nothing waits.")


@metadata.command()
def approve(
    config: Folder,
    name: PeerName,
    digest: Annotated[str, typer.Option(metavar="SHA256", help="What `pending` shows, compared with the other operator.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Approve what is pending of a node or federation. The release ledger records it, whether a server runs or not.

    Example: ciconia metadata approve ee --digest 9f86d081884c7d65... --config city
    """
    with node_desk(config, as_json=as_json) as desk:
        if name in desk.configuration.federations:
            approve_federation(desk, name, digest.lower())
            return
        if is_list(desk, name):
            approve_list(desk, digest.lower())
            return
        peer, now = desk.peer(name), system_clock()
        try:
            with recorded_copies(desk) as copies:
                desk.peers(copies).approve(peer.entity_id, digest.lower(), now)
        except RequestRefused as error:
            desk.refuse(name, error.code, error.detail, f"Refused: {error.detail}")
    text = f"Approved and recorded: {name} as {digest.lower()}. A running server sees it at its next look."
    told = {"peer": name, "entity_id": peer.entity_id, "digest": digest.lower(), "time": now}
    answer(told, text, as_json=as_json)


@metadata.command()
def forget(config: Folder, name: PeerName, *, as_json: AsJson = False) -> None:
    """Drop the held copy of a node's metadata, and every approval of it. The release ledger records it first.

    For a copy that should never have come: the next one may then end earlier. The node is out of use until its metadata is
    fetched, and approved by a command: a digest in its registration approves only once.

    Example: ciconia metadata forget ee --config city
    """
    with node_desk(config, as_json=as_json) as desk:
        peer, now = desk.peer(name), system_clock()
        with recorded_copies(desk) as copies:
            dropped = copies.forget(peer.entity_id, now)
    if not dropped:
        desk.refuse(name, "never_fetched", "Nothing is held.", f"Nothing of {name} is held.")
    text = f"Forgotten and recorded: {name}. A running server sees it at its next look. Next: {fetch_command(name, config)}"
    answer({"peer": name, "entity_id": peer.entity_id, "time": now}, text, as_json=as_json)


@metadata.command()
def fetch(
    config: Folder,
    names: PeerNames = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each PEER.")] = False,
) -> None:
    """Fetch nodes' and federations' metadata now, judge it as the server does, and say what came. Without a PEER, of all.

    With --json one line for each, in order, as it comes; where there is none, one that says so.

    Example: ciconia metadata fetch ee --config city
    """
    found: list[Fetched] = []
    with node_desk(config, as_json=as_json) as desk, recorded_copies(desk) as copies:
        known = desk.configuration.federations
        codes = [fetch_list(desk) for name in names or [NAME] if is_list(desk, name)]
        codes += [fetch_federation(desk, name) for name in names or known if name in known]
        others = [name for name in names or desk.named if name not in known and not is_list(desk, name)]
        wanted = {name: desk.peer(name) for name in others}
        peers = desk.peers(copies)
        with progress(len(wanted), "Metadata", as_json=as_json) as advance:
            for name, peer in wanted.items():
                found.append(_fetched(name, peer, peers, copies))
                if as_json:
                    print(json.dumps(found[-1].told), flush=True)
                advance(1)
    if not found and not codes:
        answer({"peer": None, "detail": NOBODY}, NOBODY, as_json=as_json)
    elif not as_json:
        for one in found:
            one.say(config)
    raise typer.Exit(max([*codes, *(one.code for one in found)], default=YES))


def _fetched(name: str, peer: Peer, peers: Peers, copies: PeerCopies) -> Fetched:
    now = system_clock()
    try:
        peers.refresh(peer.entity_id, now)
    except FetchError as error:
        return Fetched(name, error)
    return Fetched(name, None, held_copy(copies, peer), peers.pending(now, peer.entity_id))


@metadata.command()
def show(
    config: Folder,
    name: PeerName,
    entity: Annotated[
        str | None, typer.Option(metavar="ENTITY_ID", help="One entity of a federation: its verified metadata.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the held copy of a node's or federation's metadata, and what of it is approved. Nothing is fetched.

    Example: ciconia metadata show ee --config city
    """
    with node_desk(config, as_json=as_json) as desk:
        if name in desk.configuration.federations:
            show_federation(desk, name, entity)
            return
        if is_list(desk, name):
            show_list(desk)
            return
    with node_desk(config, as_json=as_json) as desk, reading_engine(desk) as engine:
        peer, copies = desk.peer(name), desk.copies(engine)
        held, unusable = held_copy(copies, peer), ""
        try:
            desk.peers(copies).current(peer.entity_id, system_clock())
        except PeerUnavailable as error:
            unusable = error.detail
    if held is None:
        fix = f"Fetch it: {fetch_command(name, config)}"
        desk.refuse(name, "never_fetched", fix, f"Nothing of {name} is held. {fix}")
    rows = [
        f"{label:<20} {text if text is not None else 'nothing'}"
        for label, value in held_told(held).items()
        for text in (value if isinstance(value, list) else [value])
    ]
    rows.append(unusable or "What is approved of it can be used.")
    rows.append(f"Whether it answers now, only a running server knows; try: {fetch_command(name, config)}")
    told = {"peer": name, **held_told(held), "usable": not unusable, "why_not": unusable or None}
    answer(told, *rows, as_json=as_json)


@metadata.command()
def diff(
    config: Folder,
    name: Annotated[str, typer.Argument(metavar="FEDERATION", help="The id of a federation of the configuration.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compare what is held of a federation with what waits for an approval, or else with what it publishes now.

    Nothing is taken. Of changed entities it names the certificates and addresses that came or went.

    Example: ciconia metadata diff research --config city
    """
    with node_desk(config, as_json=as_json) as desk:
        if name not in desk.configuration.federations:
            known = ", ".join(desk.configuration.federations) or "none"
            end("not_found", f"There is no federation {name}. Federations: {known}.", as_json=as_json)
        diff_federation(desk, name)
