"""The certificates and keys of a configuration: whom it believes, by file."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.formats.metadata import read_identity_provider
from connectors.formats.service_provider import read_service_provider
from connectors.metadata.approval import certificate_words
from idp.ledger.canonical_json import Json, jcs
from policies.load import Configuration
from policies.parties import Peer, RelyingParty, StorkPeer

# So many digits of a hash tell two keys apart for a person
_TOLD = 16


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A certificate or key that a file of the configuration would newly name, or name no longer."""

    file: str
    what: str
    added: bool

    @property
    def sentence(self) -> str:
        """The change in words."""
        return f"{self.file}: {self.what} {'is new' if self.added else 'counts no longer'}."


def key_changes(old: Configuration, new: Configuration) -> tuple[KeyChange, ...]:
    """Every certificate and key that only one of two configurations names, by file."""
    before, after = _trusted(old), _trusted(new)
    found = [KeyChange(*each, added=True) for each in after - before]
    found += [KeyChange(*each, added=False) for each in before - after]
    return tuple(sorted(found, key=lambda one: (one.file, one.added, one.what)))


def _trusted(configuration: Configuration) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def add(file: str, whats: Iterable[str]) -> None:
        found.update((file, what) for what in whats)

    for provider in configuration.providers.values():
        if provider.openid is not None:
            # Its own metadata says where its keys are
            add(
                provider.source.file,
                (f"the metadata of SHA-256 {hashlib.sha256(provider.metadata).hexdigest()[:_TOLD]}...",),
            )
            continue
        try:
            pinned = provider.peer is None and not provider.federation
            read = read_identity_provider(provider.metadata, provider.entity_id) if pinned else None
            add(provider.source.file, map(_certificate, read.certificates if read else ()))
        except ValueError:
            add(provider.source.file, ("metadata that cannot be read",))
    nodes = [(one.source.file, one.peer) for one in configuration.nodes.values()]
    nodes += [(one.source.file, one.peer) for one in configuration.providers.values() if one.peer]
    for federation in configuration.federations.values():
        add(federation.source.file, map(_certificate, federation.signers))
    for file, peer in nodes:
        add(file, _of_peer(peer))
    for party in configuration.parties.values():
        add(party.source.file, _of_party(party))
    for key, name in configuration.operators.items():
        add(f"operators/{name}.pub", (f"the key {key.fingerprint}",))
    return found


def _certificate(der: bytes) -> str:
    return f"the certificate {certificate_words(der)}"


def _of_peer(peer: Peer | StorkPeer) -> Iterator[str]:
    yield from map(_certificate, peer.certificates)
    if isinstance(peer, StorkPeer):
        if peer.encryption_certificate:
            yield f"the certificate {certificate_words(peer.encryption_certificate)} to encrypt to"
        return
    for der in peer.anchors:
        yield f"the anchor {certificate_words(der)}"
    if peer.digest:
        yield f"the metadata of digest {peer.digest}"


def _of_party(party: RelyingParty) -> Iterator[str]:
    if party.secret_sha256:
        # A secret is random: the first digits of its hash say nothing of it, and tell two apart
        yield f"the secret of SHA-256 {party.secret_sha256[:_TOLD]}..."
    if party.saml is not None and party.saml.federation:
        yield f"the metadata that {party.saml.federation} has of it"
    elif party.saml is not None:
        try:
            yield from map(_certificate, read_service_provider(party.saml.metadata).every_certificate)
        except ValueError:
            yield "metadata that cannot be read"
    if party.jwks:
        for jwk in _listed(party.jwks):
            yield f"the key {jwk.get('kid', '')} of SHA-256 {hashlib.sha256(jcs(jwk)).hexdigest()[:_TOLD]}..."


def _listed(jwks: str) -> list[dict[str, Json]]:
    """The keys of a JWKS that `Clients` would take."""
    try:
        read = json.loads(jwks)
        return [each for each in read["keys"] if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
