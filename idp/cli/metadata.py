"""`ciconia metadata`: what other countries' nodes say of themselves, what waits for an approval, and what we say of us.

A PEER is the id of a provider (a city asks it) or of a node (it asks a sending node), as its file in the configuration has
it. The commands share the database with a running server: it sees an approval at its next look at the node.

Exit codes: 0 it is so, 1 it is refused and who can mend it is named, 2 it could not be tried.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine

from connectors.fetch import Fetcher, FetchError
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.judgement import DAY
from connectors.metadata.peers import Held, PeerCopies, Peers
from connectors.profiles import EIDAS
from connectors.signatures.certificates import certificate_of
from idp.application.load import load_all
from idp.cli.committing import PromptCopies, Unsure, mend, within
from idp.cli.console import failed, problems, progress, say
from idp.cli.metadata_list import service_list
from idp.cli.metadata_told import (
    COULD_NOT_RUN,
    NO,
    NOBODY,
    YES,
    Fetched,
    fetch_command,
    held_told,
    pending_told,
    say_pending,
    say_used,
)
from idp.cli.options import AsJson, Folder
from idp.cli.revocations import ask
from idp.config.setting_hints import NO_COUNTRY
from idp.config.settings import SETTINGS_FILE, Settings
from idp.doctor.case import lines_of_settings
from idp.keys.folder import NODE_FILES, BrokerKeys
from idp.keys.shared_factors import own_moduli
from idp.protocols.eidas.own_metadata import own_facts
from idp.protocols.eidas.receiving_node import known_peers
from idp.sequencer.witness import would_count
from idp.store.engine import open_engine
from idp.store.faults import advice, explained
from idp.store.migrate import assert_current
from idp.store.peer_copies import RecordedCopies, StoredCopies
from idp.store.store import open_store
from idp.system.addresses import node_entity_id
from idp.system.clock import system_clock
from idp.system.files import read_regular
from idp.system.logs import configure_logs
from policies.errors import BrokerError, Misconfigured, PeerUnavailable, Problem, RequestRefused
from policies.load import Configuration
from policies.parties import Peer

metadata = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Other countries' nodes: what they say, and what of it is approved."
)
metadata.command("service-list")(service_list)
PeerNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PEER]...", help="Ids of providers or nodes of the configuration; default: all."),
]
PeerName = Annotated[str, typer.Argument(metavar="PEER", help="The id of a provider or node of the configuration.")]


@dataclass(frozen=True, slots=True)
class _Desk:
    """A configuration, and its nodes by the names that an operator gave them."""

    settings: Settings
    configuration: Configuration
    keys: BrokerKeys
    named: Mapping[str, Peer]
    as_json: bool

    def peers(self, copies: PeerCopies) -> Peers:
        """All of them, as the server has them."""
        return Peers(
            known_peers(self.configuration),
            role="proxy" if self.settings.role == "city" else "connector",
            copies=copies,
            fetcher=Fetcher(demo=self.settings.demo),
            profile=EIDAS,
            ours=PROTOCOL_VERSIONS,
            max_validity=self.settings.metadata_max_days * DAY,
            own=partial(own_moduli, self.keys),
        )

    def copies(self, engine: Engine) -> StoredCopies:
        return StoredCopies(engine=engine, tenant=self.settings.tenant, keys=self.keys.ledger)

    def peer(self, name: str) -> Peer:
        if name not in self.named:
            detail = f"There is no node {name}. Nodes: {', '.join(self.named) or 'none'}."
            failed("not_found", detail, as_json=self.as_json)
            raise typer.Exit(COULD_NOT_RUN)
        return self.named[name]


@metadata.command()
def pending(config: Folder, *, as_json: AsJson = False) -> None:
    """Show what is new in the metadata of other nodes, and waits for an approval.

    Example: ciconia metadata pending --config city
    """
    with _desk(config, as_json=as_json) as desk, _engine(desk) as engine:
        copies = desk.copies(engine)
        waiting = desk.peers(copies).pending(system_clock())
        never = [name for name, peer in desk.named.items() if _copy(copies, peer) is None]
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
    """Approve what is pending of a node. The release ledger records it, whether a server runs or not.

    Example: ciconia metadata approve ee --digest 9f86d081884c7d65... --config city
    """
    with _desk(config, as_json=as_json) as desk:
        peer, now = desk.peer(name), system_clock()
        try:
            with _recorded(desk) as copies:
                desk.peers(copies).approve(peer.entity_id, digest.lower(), now)
        except RequestRefused as error:
            _no(name, {"code": error.code, "detail": error.detail}, f"Refused: {error.detail}", as_json=as_json)
    if as_json:
        print(json.dumps({"ok": True, "peer": name, "entity_id": peer.entity_id, "digest": digest.lower(), "time": now}))
    else:
        say(f"Approved and recorded: {name} as {digest.lower()}. A running server sees it at its next look.")


@metadata.command()
def forget(config: Folder, name: PeerName, *, as_json: AsJson = False) -> None:
    """Drop the copy that is held of a node's metadata, and every approval of it. The release ledger records it first.

    For a copy that should never have come: another then need not end later. The node is out of use until it is fetched and
    approved again, by a command: a digest in its registration that approved once does not do so a second time.

    Example: ciconia metadata forget ee --config city
    """
    with _desk(config, as_json=as_json) as desk:
        peer, now = desk.peer(name), system_clock()
        with _recorded(desk) as copies:
            dropped = copies.forget(peer.entity_id, now)
    fix = fetch_command(name, config)
    if not dropped:
        _no(name, {"code": "never_fetched", "detail": "Nothing is held."}, f"Nothing of {name} is held.", as_json=as_json)
    if as_json:
        print(json.dumps({"ok": True, "peer": name, "entity_id": peer.entity_id, "time": now}))
    else:
        say(f"Forgotten and recorded: {name}. A running server sees it at its next look. Next: {fix}")


@metadata.command()
def fetch(
    config: Folder,
    names: PeerNames = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each PEER.")] = False,
) -> None:
    """Fetch nodes' metadata now, judge it as the server does, and say what came. Without a PEER, that of all of them.

    With --json one line for each, in order, as it comes; where there is none, one that says so.

    Example: ciconia metadata fetch ee --config city
    """
    found: list[Fetched] = []
    with _desk(config, as_json=as_json) as desk, _recorded(desk) as copies:
        wanted = {name: desk.peer(name) for name in names or desk.named}
        peers = desk.peers(copies)
        with progress(len(wanted), "Metadata", as_json=as_json) as advance:
            for name, peer in wanted.items():
                found.append(_fetched(name, peer, peers, copies))
                if as_json:
                    print(json.dumps(found[-1].told), flush=True)
                advance(1)
    if not found and as_json:
        print(json.dumps({"ok": True, "peer": None, "detail": NOBODY}))
    elif not found:
        say(NOBODY)
    elif not as_json:
        for one in found:
            one.say(config)
    raise typer.Exit(max((one.code for one in found), default=YES))


def _fetched(name: str, peer: Peer, peers: Peers, copies: PeerCopies) -> Fetched:
    now = system_clock()
    try:
        peers.refresh(peer.entity_id, now)
    except FetchError as error:
        return Fetched(name, error)
    return Fetched(name, None, _copy(copies, peer), peers.pending(now, peer.entity_id))


@metadata.command()
def show(config: Folder, name: PeerName, *, as_json: AsJson = False) -> None:
    """Show the copy that is held of a node's metadata, and what of it is approved. Nothing is fetched.

    Example: ciconia metadata show ee --config city
    """
    with _desk(config, as_json=as_json) as desk, _engine(desk) as engine:
        peer, copies = desk.peer(name), desk.copies(engine)
        held, unusable = _copy(copies, peer), ""
        try:
            desk.peers(copies).current(peer.entity_id, system_clock())
        except PeerUnavailable as error:
            unusable = error.detail
    if held is None:
        fix = f"Fetch it: {fetch_command(name, config)}"
        _no(name, {"code": "never_fetched", "detail": fix}, f"Nothing of {name} is held. {fix}", as_json=as_json)
    if as_json:
        print(
            json.dumps({"ok": True, "peer": name, **held_told(held), "usable": not unusable, "why_not": unusable or None})
        )
        return
    for label, value in held_told(held).items():
        for text in value if isinstance(value, list) else [value]:
            say(f"{label:<20} {text if text is not None else 'nothing'}")
    say(unusable or "What is approved of it can be used.")
    say(f"Whether it answers now, only a running server knows; try: {fetch_command(name, config)}")


@metadata.command()
def own(
    config: Folder,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificate here, as PEM.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what another operator needs to trust our node: address, certificate, and the digest of what our metadata says.

    Nothing is shown of a key that is revoked, nor where a database that is there cannot say which ones are, nor of the
    country XX, which is none.

    Example: ciconia metadata own --config city --certificate nl.pem
    """
    with _desk(config, as_json=as_json) as desk:
        now, answer = system_clock(), ask(desk.settings, desk.keys)
        # A new node is told of before its first start; any other's stolen key would be pinned for want of an answer
        if answer.unknown is not None and not answer.none_yet:
            raise Misconfigured((answer.unknown,))
        if desk.settings.country == NO_COUNTRY:
            # Others would approve it, and again when it says which country it is
            raise _of_settings(desk.settings, "country", f"{NO_COUNTRY} is no country.", 'write yours, such as "EE".')
        facts = own_facts(desk.settings, desk.configuration, desk.keys, now)
        if facts is None or desk.keys.node is None:
            raise _no_node_yet(desk)
        der = desk.keys.node.metadata.at(now).certificate
        # With one key of each kind there is none beside it that somebody could have revoked
        rings = desk.keys.node.metadata, desk.keys.node.messages
        new = answer.none_yet and all(len(ring.scheduled) == 1 for ring in rings)
    known = answer.unknown is None or new
    if answer.unknown is not None and not known:
        say(f"What follows is right where no key was revoked. {answer.unknown}", error=True)
    address, fingerprint = node_entity_id(desk.settings.issuer), sha256(der).hexdigest()
    if certificate is not None:
        if would_count(certificate, desk.settings.witness_path):
            detail = f"{certificate} would count as a checkpoint of the witness: name a file in another folder."
            failed("taken", detail, as_json=as_json)
            raise typer.Exit(COULD_NOT_RUN)
        _write_certificate(certificate, der, as_json=as_json)
    if as_json:
        told = {"metadata_url": address, "certificate_sha256": fingerprint, "digest": facts.digest}
        written_to = str(certificate.resolve()) if certificate is not None else None
        print(json.dumps({"ok": True, **told, "certificate": written_to, "revocations_known": known}))
        return
    say(f"Address of our metadata      {address}")
    say(f"SHA-256 of the certificate   {bytes.fromhex(fingerprint).hex(':').upper()}")
    say(f"Digest of our metadata       {facts.digest}")
    if certificate is not None:
        say(f"Wrote {certificate}: send it to the other operator, and read them its SHA-256 on another way.")


def _of_settings(settings: Settings, key: str, what: str, fix: str) -> Misconfigured:
    """What is wrong with a key of the settings, with its line."""
    lines = lines_of_settings(settings.folder)
    file = str(settings.folder / SETTINGS_FILE)
    return Misconfigured((Problem(file, lines.line((key,)) if lines else 0, key, what, fix),))


def _no_node_yet(desk: _Desk) -> Misconfigured:
    """What is missing where we say nothing of ourselves as a node."""
    settings, fix = desk.settings, "write it, and start the server again."
    what = "it is missing, and other countries' nodes ask for it."
    missing = [name for name in ("country", "organization") if not getattr(settings, name)]
    found = [problem for name in missing for problem in _of_settings(settings, name, what, fix).problems]
    if desk.keys.node is None:
        lost = f"{', '.join(NODE_FILES)} are missing."
        found.append(Problem(str(settings.key_folder), 0, "keys", lost, "take them from a new `ciconia init`."))
    return Misconfigured(tuple(found))


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_Desk]:
    """The loaded configuration; whatever keeps the command from being tried ends it here with 2."""
    configure_logs()
    try:
        settings, configuration, keys = load_all(config)
        asked = {str(one.provider_id): one.peer for one in configuration.providers.values() if one.peer is not None}
        asking = {str(one.node_id): one.peer for one in configuration.nodes.values()}
        yield _Desk(settings, configuration, keys, {**asked, **asking}, as_json)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(COULD_NOT_RUN) from None
    except BrokerError as error:
        if as_json:
            print(json.dumps({"ok": False, "error": {"code": error.code, "detail": explained(error.detail)}}))
        if isinstance(error, Unsure):
            fix = mend(error.detail)
            say(f"It is not known whether this will count: {error.detail}. It does not count yet. {fix}", error=True)
        else:
            say(f"It could not be tried: {error.code} ({error.detail}).{advice(error.detail)}", error=True)
        raise typer.Exit(COULD_NOT_RUN) from None


@contextmanager
def _engine(desk: _Desk) -> Iterator[Engine]:
    engine = open_engine(desk.settings.database_url)
    try:
        assert_current(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _recorded(desk: _Desk) -> Iterator[PromptCopies]:
    """Copies whose approvals are in the ledger first."""
    settings = desk.settings
    store = within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=desk.keys.ledger))
    try:
        yield PromptCopies(RecordedCopies(desk.copies(store.engine), commits=store, tenant=settings.tenant))
    finally:
        store.close()


def _copy(copies: PeerCopies, peer: Peer) -> Held | None:
    """What is held of a node, None too where it was forgotten."""
    held = copies.held(peer.entity_id)
    return None if held is None or held.forgotten else held


def _no(name: str, error: Mapping[str, str], text: str, *, as_json: bool) -> NoReturn:
    """Say that it is not so, and end with 1."""
    if as_json:
        print(json.dumps({"ok": False, "peer": name, "error": error}))
    else:
        say(text, error=True)
    raise typer.Exit(NO)


def _write_certificate(path: Path, der: bytes, *, as_json: bool) -> None:
    """Write the PEM; a file with something else in it stays as it is."""
    pem = certificate_of(der).public_bytes(Encoding.PEM)
    try:
        if path.exists() and read_regular(path) != pem:
            detail = f"{path} is there already and holds something else: name a new file."
            failed("taken", detail, as_json=as_json)
            raise typer.Exit(COULD_NOT_RUN)
        path.write_bytes(pem)
    except OSError as error:
        failed("unwritable", f"{path} cannot be written: {error.strerror}.", as_json=as_json)
        raise typer.Exit(COULD_NOT_RUN) from None
