"""Signed metadata, judged, pure: what `Peers` does with what it fetched, and `ciconia inspect` with a file.

A certificate that came by another channel pins the signer of metadata. libxmlsec and expat judge again what our own
code accepts (`connectors/signatures/second_opinion.py`): one document of metadata decides over every login of a country.
Raises `FetchError`, which is an operator's.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from connectors.addresses import PEER, REGISTRATION, FetchError, judged_url
from connectors.checks import OPINION_CHECKS
from connectors.formats.eidas.metadata import Expected, PeerFacts, Role, read_peer
from connectors.formats.grammar import instant, written
from connectors.formats.metadata import read_identity_provider, roles_of
from connectors.profiles import Profile
from connectors.signatures.certificates import modulus_of
from connectors.signatures.parse import attributes, parse_canonical
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.rsa_keys import check_apart
from connectors.signatures.second_opinion import second_opinion
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import Signed, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.wire.names import md
from policies.errors import AssertionRejected
from policies.parties import EntityId

# How far away a validUntil may lie. A copy that holds for years could be replayed for years, keys and all.
DAY = 24 * 3600
MAX_VALIDITY = 14 * DAY
# The default for a country's node: the German middleware publishes for 30 days. Somebody who sits between us and the node
# can replay withdrawn metadata for as long at the most.
NODE_VALIDITY = 31 * DAY


_NEW_KEY = "Ask its operator, on another way, whether a new key signs it: then pin the new certificate beside the old one."


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """The facts in signed SAML 2.0 metadata of any role: `idp`, `sp` or both; `valid_until` in seconds."""

    entity_id: str
    roles: tuple[str, ...]
    valid_until: int
    signing_keys: int
    addresses: tuple[str, ...]  # where an identity provider is asked, where a service provider is answered


def signed_octets(octets: bytes, keys: Sequence[PinnedKey], profile: Profile, shape: Shape = METADATA) -> Signed:
    """Metadata of one entity (or a list, by its shape) that one of the pinned keys signed, in the other opinion too."""
    try:
        message = verify(octets, keys, shape, profile)
        if isinstance(message, UnsignedMessage):
            raise FetchError("signature_missing", "its metadata is not signed.")
        second_opinion(octets, message.signed, keys, shape, profile)
    except AssertionRejected as error:
        mend = _keep(octets) if error.check in OPINION_CHECKS else _NEW_KEY if error.check == "signature" else PEER
        raise _refused(error, mend) from error
    return message.signed


def facts_of_node(signed: Signed, role: Role, expected: Expected | None = None, *, chains: bool = False) -> PeerFacts:
    """The facts in a country's node's signed metadata; `expected` and `chains` are those of `read_peer`."""
    with _refusals_for_operators():
        return read_peer(signed, role, expected, chains=chains)


def facts_of_entity(signed: Signed, profile: Profile) -> EntityFacts:
    """The facts in an identity or service provider's signed metadata. `profile` takes the keys of the former."""
    with _refusals_for_operators():
        return _entity(signed, profile)


@contextmanager
def _refusals_for_operators() -> Iterator[None]:
    try:
        yield
    except AssertionRejected as error:
        raise _refused(error) from error
    except ValueError as error:
        raise FetchError("metadata", f"its metadata cannot be used: {error}") from error


def _entity(signed: Signed, profile: Profile) -> EntityFacts:
    root = parse_canonical(signed.octets)
    head = attributes(root)
    if "validUntil" not in head:
        raise ValueError("it has no validUntil.")
    idp, sp = roles_of(root, "IDPSSODescriptor"), roles_of(root, "SPSSODescriptor")
    roles = ("idp",) * len(idp) + ("sp",) * len(sp)
    if not roles or len(set(roles)) != len(roles):
        raise ValueError("it does not have one IDPSSODescriptor or SPSSODescriptor for SAML 2.0, or one of each.")
    entity_id, keys = EntityId(head.get("entityID", "")), 0
    if not entity_id:
        raise ValueError("it has no entityID.")
    if "idp" in roles:
        pinned = read_identity_provider(signed.octets, entity_id)
        keys = len([key_of_certificate(certificate, profile) for certificate in pinned.certificates])
    services = (*root.iter(md("SingleSignOnService")), *root.iter(md("AssertionConsumerService")))
    addresses = tuple(attributes(service).get("Location", "") for service in services)
    # A role may end before the entity does (Metadata 2.0 §2.4.1)
    found = (head, *map(attributes, (*idp, *sp)))
    valid_until = min(instant(one["validUntil"], "the metadata") for one in found if "validUntil" in one)
    return EntityFacts(entity_id, roles, valid_until, keys, addresses)


def check_keys(keys: Sequence[PinnedKey], now: int) -> tuple[PinnedKey, ...]:
    """The keys by which metadata is known whose certificates are within their dates, where the profile looks at them."""
    found = tuple(key for key in keys if key.in_force(now))
    if not found:
        raise FetchError("metadata_key", "the pinned metadata certificate is outside its dates.", REGISTRATION)
    return found


def check_end(valid_until: int, now: int, profile: Profile, max_validity: int = MAX_VALIDITY) -> None:
    """The end of metadata is ahead, and near."""
    if valid_until <= now:
        raise FetchError("metadata_expired", f"its metadata ended at {written(valid_until)}.")
    if valid_until > now + max_validity + profile.skew:
        raise FetchError("metadata_far", f"its validUntil is more than {max_validity // DAY} days away.")


def check_registered(facts: PeerFacts, entity_id: str, country: str) -> None:
    """Metadata is of the entity and of the country that were registered."""
    if facts.entity_id != entity_id:
        raise FetchError("metadata_entity", "its entityID is not that of the registration.", REGISTRATION)
    if facts.country != country:
        raise FetchError("metadata_country", f"its NodeCountry is {facts.country}, not {country}.", REGISTRATION)


def check_addresses(urls: Iterable[str], *, demo: bool) -> None:
    """Every address that metadata names is one to which a browser may be sent."""
    for url in urls:
        try:
            judged_url(url, demo=demo)
        except FetchError as error:
            raise FetchError("metadata_address", f"its metadata names {error.detail}") from error


def check_apart_from(certificates: Iterable[bytes], own: Collection[int]) -> None:
    """No key in metadata shares a factor with one of the moduli of ours: anybody could compute both."""
    try:
        for certificate in certificates:
            for modulus in modulus_of(certificate):
                check_apart(modulus, own)
    except ValueError as error:
        raise FetchError("metadata_key", f"its metadata has {error}.") from error


def _refused(error: AssertionRejected, mend: str = PEER) -> FetchError:
    return FetchError(error.check, f"its metadata is refused ({error.check}): {error.detail}.", mend)


def _keep(octets: bytes) -> str:
    """The advice to an operator where two programs read one document in two ways; its digest refers to it."""
    return f"Keep this document (SHA-256 {sha256(octets).hexdigest()}), do not work around it, and report it: SECURITY.md."
