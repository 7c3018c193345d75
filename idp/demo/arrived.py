"""The answer that a country's node sent to the city's: the names in its encrypted answer, opened as it passes."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.eidas_checks import acting
from connectors.formats.eidas import response as eidas
from connectors.formats.eidas.registry import with_additional
from connectors.formats.stork import response as stork
from connectors.formats.stork.registry import BASE, MANDATE
from connectors.formats.stork.values import complex_of
from connectors.profiles import EIDAS, STORK, Profile
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.signer import DecryptionKey
from connectors.signatures.verification_result import Signed, SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from connectors.stork import pinned_keys
from connectors.stork_mandates import COMPANY
from idp.application.load import load_all
from idp.demo.border import known_to
from idp.demo.browser import Page, WalkError
from idp.keys.folder import BrokerKeys
from policies.catalogue import STANDARD
from policies.errors import BrokerError
from policies.parties import Peer, ProviderId, StorkPeer


def arrived(posting: Page, receiving: Path, provider: ProviderId) -> tuple[str, ...]:
    """The names in the answer of a country that is on the page `posting`. Raises `WalkError` where it does not open."""
    message = base64.b64decode(str(posting.tree.xpath("string(//input[@name='SAMLResponse']/@value)")))
    _, configuration, keys = load_all(receiving)
    peer = configuration.providers[provider].peer
    try:
        if isinstance(peer, StorkPeer):
            return tuple(sorted({*_over_stork(message, peer, keys)}))
        if isinstance(peer, Peer):
            return tuple(sorted(_over_eidas(message, receiving, peer, keys)))
    except BrokerError as error:
        raise WalkError(f"the sending node's answer does not open: {error}") from None
    raise WalkError(f"{provider} is no country with a node")


def _over_eidas(message: bytes, receiving: Path, peer: Peer, keys: BrokerKeys) -> Iterator[str]:
    """Plain attributes are of whoever is represented; a representative's are named as the person's own."""
    with known_to(receiving) as peers:
        held = peers.held(peer.entity_id)
    if keys.node is None or held is None:
        raise WalkError("the receiving node has no keys, or knows no metadata of the sending one")
    signing = [key_of_certificate(certificate, EIDAS) for certificate in held.facts.signing]
    opened = _opened(message, signing, keys.node.encryption.at(0), EIDAS)
    sent = eidas.read_assertion(opened, registry=with_additional(STANDARD))
    names = {one.eidas: str(name) for name, one in STANDARD.attributes.items() if one.eidas}
    names |= {acting(uri): name for uri, name in names.items()}
    return (names[uri] for uri in sent.attributes)


def _over_stork(message: bytes, peer: StorkPeer, keys: BrokerKeys) -> Iterator[str]:
    """A mandate has parts of the company, and of the person who acts."""
    if keys.saml_encryption is None:
        raise WalkError("the receiving node has no key to which STORK is encrypted")
    key = keys.saml_encryption.at(0)
    said = stork.read_assertion(_opened(message, pinned_keys(peer), key, STORK).tree()).attributes
    names = {one.stork: str(name) for name, one in STANDARD.attributes.items() if one.stork}
    yield from (names[uri] for uri, one in said.items() if one.values and uri in names)
    known = {**COMPANY, **{uri.removeprefix(BASE): name for uri, name in names.items()}}
    for mandate in complex_of(said, MANDATE):
        for one in (*mandate.complexes("represented"), *mandate.complexes("representative")):
            yield from (str(known[part]) for part, _ in one.parts if part in known)


def _opened(message: bytes, signing: Sequence[PinnedKey], key: DecryptionKey, profile: Profile) -> Signed:
    match verify(message, signing, ENCRYPTED_RESPONSE, profile):
        case SignedMessage(signed=signed):
            return open_assertion(signed, (key,), signing, profile)
        case _:
            raise WalkError("the sending node's answer is not signed")
