"""The keys that sign a node's metadata: those of the certificates that its registration pins."""

from collections.abc import Sequence

from cryptography.x509 import Certificate

from connectors.deviations import tolerance
from connectors.profiles import Profile
from connectors.signatures.certificates import certificate_of
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.x509_lists import is_authority
from policies.parties import Peer


def metadata_keys(peer: Peer, profile: Profile) -> tuple[PinnedKey, ...]:
    """The key of each pinned certificate; of a chain that of its end alone. ValueError for one that cannot be used.

    Official lists name chains, but the key of an authority would sign for every node that it issued a certificate to. Only
    a certificate that is pinned alone is read leniently.
    """
    if not peer.certificates and not peer.listed:
        raise ValueError("none is pinned.")
    if len(peer.certificates) == 1:
        return (key_of_certificate(peer.certificates[0], profile, tolerance(profile, peer.deviations)),)
    return tuple(key_of_certificate(der, profile) for der in ends_of(peer.certificates))


def ends_of(certificates: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those of several certificates (DER) that sign metadata: they issued no other of them.

    Where one of these was issued by somebody else, no authority's counts: a list may leave out what lies between. Where all
    are self-issued, an authority's counts too: many nodes have such a one.
    """
    read = {der: found for der in certificates if (found := _read(der)) is not None}
    issuers = {der for der, one in read.items() if any(_issued(one, other) for other in read.values())}
    ends = tuple(der for der in certificates if der not in issuers)
    authorities = {der for der in ends if der in read and is_authority(read[der])}
    chained = any(one.issuer != one.subject for der, one in read.items() if der in ends and der not in authorities)
    return tuple(der for der in ends if der not in authorities) if chained else ends


def _read(der: bytes) -> Certificate | None:
    try:
        return certificate_of(der)
    except ValueError:
        return None


def _issued(issuer: Certificate, other: Certificate) -> bool:
    """Whether one certificate is the other's issuer. One that a key issued to itself is nobody's issuer here."""
    if issuer == other or issuer.subject != other.issuer:
        return False
    try:
        other.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - pyca has an error of its own for each kind of key: not issued by this one
        return False
    return True
