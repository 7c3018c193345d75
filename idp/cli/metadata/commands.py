"""`ciconia metadata`: other countries' nodes and what of their metadata is approved; and what our own metadata says.

A PEER is the id of a provider (a city asks it) or of a node (it asks a sending node) in the configuration. The commands
share the database with a running server, which sees an approval at its next look at the node.
"""

import json
import shlex
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.metadata.peers import PeerCopies, Peers
from connectors.signatures.certificates import certificate_of
from connectors.signatures.key_ring import KeyState, Ring, Scheduled
from idp.application.revocations import check_revocations
from idp.cli.console import NO, YES, answer, end, progress, say
from idp.cli.metadata.desk import NodeDesk, held_copy, node_desk, reading_engine, recorded_copies
from idp.cli.metadata.discover import discover
from idp.cli.metadata.federations import approve_federation, diff_federation, fetch_federation, show_federation
from idp.cli.metadata.propagation import propagation
from idp.cli.metadata.report import NOBODY, Fetched, fetch_command, held_told, pending_told, say_pending, say_used
from idp.cli.metadata.service_lists import service_list
from idp.cli.options import AsJson, Folder
from idp.config.setting_types import NO_COUNTRY
from idp.config.settings import SETTINGS_FILE, Settings
from idp.doctor.examination import lines_of_settings
from idp.keys.file import FileSigner
from idp.keys.folder import NODE_FILES
from idp.keys.kinds import SAML_LIFE
from idp.protocols.eidas.own_metadata import own_facts
from idp.protocols.saml.bodies import PublishedBodies
from idp.sequencer.witness import would_count
from idp.system.addresses import node_entity_id
from idp.system.clock import system_clock
from idp.system.files import read_regular
from policies.errors import Misconfigured, PeerUnavailable, Problem, RequestRefused
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
PeerNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PEER]...", help="Ids of providers, nodes or federations of the configuration; default: all."),
]
PeerName = Annotated[str, typer.Argument(metavar="PEER", help="The id of a provider, node or federation.")]


@metadata.command()
def pending(config: Folder, *, as_json: AsJson = False) -> None:
    """Show what is new in the metadata of other nodes, and waits for an approval.

    Example: ciconia metadata pending --config city
    """
    with node_desk(config, as_json=as_json) as desk, reading_engine(desk) as engine:
        copies = desk.copies(engine)
        waiting = desk.peers(copies).pending(system_clock())
        never = [name for name, peer in desk.named.items() if held_copy(copies, peer) is None]
    names = {peer.entity_id: name for name, peer in desk.named.items()}
    if as_json:
        found = [pending_told(names[one.entity_id], one) for one in waiting]
        print(json.dumps({"ok": True, "pending": found, "never_fetched": never}))
        return
    for one in waiting:
        say_pending(names[one.entity_id], one, config)
        say_used(one.deviations)
    for name in never:
        say(f"{name}: nothing of it was ever fetched. Next: {fetch_command(name, config)}")
    if not waiting and not never:
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
        codes = [fetch_federation(desk, name) for name in names or known if name in known]
        wanted = {name: desk.peer(name) for name in names or desk.named if name not in known}
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


@metadata.command()
def own(
    config: Folder,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificate here, as PEM.")] = None,
    *,
    ahead: Annotated[bool, typer.Option("--next", help="The certificate of the next key that signs our metadata.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what another operator needs to trust our node: address, certificate, and the digest of what our metadata says.

    With --next others can pin the next certificate beside the one of now, before its key takes over.
    It shows no revoked key, nothing where an existing database cannot say which keys are revoked, and nothing for the
    country XX, which does not exist.

    Example: ciconia metadata own --config city --certificate nl.pem
    """
    with node_desk(config, as_json=as_json) as desk:
        # A new node may show itself before its first start; of any other somebody would pin a key that may be stolen
        now, revocations = system_clock(), check_revocations(desk.settings, desk.keys)
        if desk.settings.country == NO_COUNTRY:
            # Others would approve it, and again when it says which country it is
            raise _of_settings(desk.settings, "country", f"{NO_COUNTRY} is no country.", 'write yours, such as "EE".')
        facts = own_facts(desk.settings, desk.configuration, desk.keys, now)
        if facts is None or desk.keys.node is None:
            raise _no_node_yet(desk)
        signs = _next_key(desk, desk.keys.node.metadata, now) if ahead else None
        der = (signs.key if signs else desk.keys.node.metadata.at(now)).certificate
        # With one key of each kind nobody can have revoked another
        rings = desk.keys.node.metadata, desk.keys.node.messages
        new = revocations.none_yet and all(len(ring.scheduled) == 1 for ring in rings)
    known = revocations.unknown is None or new
    if revocations.unknown is not None and not known:
        say(f"What follows is right where no key was revoked. {revocations.unknown}", error=True)
    address, fingerprint = node_entity_id(desk.settings.issuer), sha256(der).hexdigest()
    if certificate is not None:
        if would_count(certificate, desk.settings.witness_path):
            detail = f"{certificate} would count as a checkpoint of the witness: name a file in another folder."
            end("taken", detail, as_json=as_json)
        _write_certificate(certificate, der, as_json=as_json)
    lines = [
        f"Address of our metadata      {address}",
        f"SHA-256 of the certificate   {bytes.fromhex(fingerprint).hex(':').upper()}",
        f"Digest of our metadata       {facts.digest}",
    ]
    if signs is not None:
        lines.append(
            f"Its key signs from {written(signs.begins)} on. "
            "Before that, the other operator pins this certificate beside the present one."
        )
    if certificate is not None:
        lines.append(f"Wrote {certificate}: send it to the other operator, and read them its SHA-256 on another way.")
    told = {"metadata_url": address, "certificate_sha256": fingerprint, "digest": facts.digest}
    if signs is not None:
        told["signs_from"] = written(signs.begins)
    written_to = str(certificate.resolve()) if certificate is not None else None
    answer({**told, "certificate": written_to, "revocations_known": known}, *lines, as_json=as_json)


def _next_key(desk: NodeDesk, ring: Ring[FileSigner], now: int) -> Scheduled[FileSigner]:
    """The key that takes over next; ends the command with 1 where there is none. Raises `StoreUnavailable`."""
    coming = [each for each in ring.scheduled if ring.state(each, now) is KeyState.NEXT]
    if not coming:
        fix = f"Make one: ciconia keys new node-metadata --config {shlex.quote(str(desk.settings.folder))}"
        end("not_found", f"There is no next key. {fix}", as_json=desk.as_json, code=NO)
    return coming[-1]


def _of_settings(settings: Settings, key: str, what: str, fix: str) -> Misconfigured:
    """The problem of one setting, with its line."""
    lines = lines_of_settings(settings.folder)
    file = str(settings.folder / SETTINGS_FILE)
    return Misconfigured((Problem(file, lines.line((key,)) if lines else 0, key, what, fix),))


def _no_node_yet(desk: NodeDesk) -> Misconfigured:
    """Names what is missing where we have no metadata as a node."""
    settings, fix = desk.settings, "write it, and start the server again."
    what = "it is missing, and other countries' nodes ask for it."
    missing = [name for name in ("country", "organization") if not getattr(settings, name)]
    found = [problem for name in missing for problem in _of_settings(settings, name, what, fix).problems]
    if desk.keys.node is None:
        lost = f"{', '.join(NODE_FILES)} are missing."
        found.append(Problem(str(settings.key_folder), 0, "keys", lost, "take them from a new `ciconia init`."))
    return Misconfigured(tuple(found))


def _write_certificate(path: Path, der: bytes, *, as_json: bool) -> None:
    """Writes the PEM; a file with something else in it stays as it is."""
    pem = certificate_of(der).public_bytes(Encoding.PEM)
    try:
        if path.exists() and read_regular(path) != pem:
            end("taken", f"{path} is there already and holds something else: name a new file.", as_json=as_json)
        path.write_bytes(pem)
    except OSError as error:
        end("unwritable", f"{path} cannot be written: {error.strerror}.", as_json=as_json)
