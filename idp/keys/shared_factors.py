"""Finds registered keys that share a prime with a key of ours: it is the greatest common divisor of both moduli.

Generators without entropy made such keys for one in two hundred servers of 2012 (Heninger et al., "Mining Your Ps and Qs").
Anybody who sees both public keys has both private ones. Our own key in another's registration is refused alike.
"""

from collections.abc import Collection, Iterator

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connectors.formats.metadata import read_identity_provider
from connectors.formats.service_provider import read_service_provider
from connectors.signatures.certificates import certificate_of, modulus_of
from connectors.signatures.jws import from_base64url
from connectors.signatures.rsa_keys import check_apart
from connectors.wire.claims import read_object
from idp.keys.folder import BrokerKeys
from policies.errors import AssertionRejected, Problem
from policies.load import Configuration
from policies.parties import IdentityProvider, Peer, RelyingParty, StorkPeer

_FIX = "Ask its operator for a new key. See that ours are good: `ciconia keys rotate` makes one, on a machine with entropy."


def own_moduli(keys: BrokerKeys) -> frozenset[int]:
    """The moduli of all our RSA keys."""
    found = set()
    for ring in keys.rings.values():
        for each in ring.scheduled:
            public, certificate = getattr(each.key, "public_key", None), getattr(each.key, "certificate", b"")
            if public is None and certificate:
                public = certificate_of(certificate).public_key()
            if isinstance(public, RSAPublicKey):
                found.add(public.public_numbers().n)
    return frozenset(found)


def shared_factor_problems(configuration: Configuration, keys: BrokerKeys) -> Iterator[Problem]:
    """Each registration with such a key. Other checks name what cannot be read."""
    own = own_moduli(keys)
    for provider in configuration.providers.values():
        yield from _problem(provider, "metadata", _of_provider(provider), own)
        if provider.peer is not None:
            yield from _problem(provider.peer, "metadata_certificate", _of_peer(provider.peer), own)
    for node in configuration.nodes.values():
        yield from _problem(node.peer, "metadata_certificate", _of_peer(node.peer), own)
    for party in configuration.parties.values():
        yield from _problem(party, "metadata" if party.saml else "jwks", _of_party(party), own)


def _problem(
    registered: IdentityProvider | Peer | StorkPeer | RelyingParty, key: str, moduli: Iterator[int], own: Collection[int]
) -> Iterator[Problem]:
    for modulus in moduli:
        try:
            check_apart(modulus, own)
        except ValueError as error:
            yield Problem(registered.source.file, registered.source.line, key, f"It has {error}.", _FIX)


def _of_provider(provider: IdentityProvider) -> Iterator[int]:
    try:
        certified = provider.metadata and provider.openid is None
        found = read_identity_provider(provider.metadata, provider.entity_id).certificates if certified else ()
    except (ValueError, AssertionRejected):
        return
    for certificate in found:
        yield from modulus_of(certificate)


def _of_peer(peer: Peer | StorkPeer) -> Iterator[int]:
    further = peer.anchors if isinstance(peer, Peer) else filter(None, [peer.encryption_certificate])
    for certificate in (*peer.certificates, *further):
        yield from modulus_of(certificate)


def _of_party(party: RelyingParty) -> Iterator[int]:
    try:
        facts = read_service_provider(party.saml.metadata) if party.saml is not None else None
    except (ValueError, AssertionRejected):
        facts = None
    for certificate in facts.every_certificate if facts else ():
        yield from modulus_of(certificate)
    try:
        listed = read_object(party.jwks.encode()).get("keys") if party.jwks else None
    except AssertionRejected:
        return
    for key in listed if isinstance(listed, list) else ():
        if isinstance(key, dict) and isinstance(modulus := key.get("n"), str):
            try:
                yield int.from_bytes(from_base64url(modulus))
            except ValueError:
                continue
