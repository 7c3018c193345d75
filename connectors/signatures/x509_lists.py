"""Pinned lists of revoked certificates (CRL, RFC 5280 §5): whole and direct ones, read at start, never fetched.

A serial number on the list of its issuer is revoked, whenever that is dated. Delta and indirect lists, and those of some
reasons alone, need other lists beside them to mean anything: they are refused when they are read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.x509.oid import ExtensionOID

from connectors.signatures.certificates import pss_of_certificate

E = TypeVar("E", bound=x509.ExtensionType)
# A national authority's largest have some hundred thousand entries of 40 octets
MAX_LIST = 16 * 1024 * 1024
STRONG_HASHES = frozenset({"sha256", "sha384", "sha512"})
_KNOWN_CRITICAL = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT})
# Reading the extensions of a hostile certificate may raise these
UNREADABLE = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list of one issuer, in seconds since the epoch. Its signature is judged where the issuer is known."""

    file: str
    begins: int
    ends: int
    serials: frozenset[int] = field(repr=False)
    crl: x509.CertificateRevocationList = field(repr=False)
    point: x509.IssuingDistributionPoint | None = field(repr=False)

    def names(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a certificate of that issuer is on it, by its name in either spelling (RFC 5280 §7.1), or by its key."""
        if certificate.serial_number not in self.serials:
            return False
        return self.crl.issuer in (certificate.issuer, issuer.subject) or self._signed_by(issuer)

    def covers(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether it would name this certificate if it were revoked: by the issuer's own name, scope and signature."""
        return self.crl.issuer == issuer.subject and self._in_scope(certificate) and self._signed_by(issuer)

    def _in_scope(self, certificate: x509.Certificate) -> bool:
        if self.point is None:
            return True
        authority = is_authority(certificate)
        if (self.point.only_contains_user_certs and authority) or (self.point.only_contains_ca_certs and not authority):
            return False
        return not self.point.full_name or not set(self.point.full_name).isdisjoint(_points_of(certificate))

    def _signed_by(self, issuer: x509.Certificate) -> bool:
        try:
            if not _allowed(self.crl, issuer):
                return False
            # A key of a kind that signs no list is a TypeError
            return self.crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type] # kinds that sign nothing, too
        except (TypeError, ValueError, UnsupportedAlgorithm):
            return False


def read_list(file: str, octets: bytes) -> RevocationList:
    """A list in DER. ValueError, with words for an operator, for one that cannot be read or does not stand by itself."""
    if len(octets) > MAX_LIST:
        raise ValueError(f"{file} has more than {MAX_LIST} octets")
    try:
        crl = x509.load_der_x509_crl(octets)
        ends, strong = crl.next_update_utc, crl.signature_hash_algorithm
        # Read now: a name that cannot be is found when it is asked for
        extensions, _ = list(crl.extensions), crl.issuer
        serials = frozenset(_serials(crl))
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise ValueError(f"{file} holds no list of revoked certificates that can be read") from error
    if ends is None:
        raise ValueError(f"the list in {file} does not say when the next one comes (nextUpdate)")
    if strong is None or strong.name not in STRONG_HASHES:
        raise ValueError(f"the list in {file} is not signed with SHA-2")
    point = next((one.value for one in extensions if isinstance(one.value, x509.IssuingDistributionPoint)), None)
    if not _by_itself(extensions, point):
        raise ValueError(f"the list in {file} is a delta, indirect, or of some reasons alone")
    return RevocationList(file, int(crl.last_update_utc.timestamp()), int(ends.timestamp()), serials, crl, point)


def _serials(crl: x509.CertificateRevocationList) -> Iterator[int]:
    """The serial number of each entry, whose extensions must be readable. Kept, the entries take several times the list."""
    for entry in crl:
        _ = entry.extensions
        yield entry.serial_number


def extension_of(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """An extension of a certificate, None where it has none, or where its extensions cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate says that it is a certification authority's (RFC 5280 §4.2.1.9)."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _allowed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether a key may have signed a list so, that may be one for RSASSA-PSS alone (RFC 4055 §3.3). ValueError."""
    bound, hashed = pss_of_certificate(issuer), crl.signature_hash_algorithm
    if bound is None or hashed is None:
        return bound is None
    usual = PSS(MGF1(hashed), hashed.digest_size)
    return crl.signature_algorithm_parameters == usual and bound.allows(hashed.name, hashed.name, hashed.digest_size)


def _by_itself(
    extensions: Iterable[x509.Extension[x509.ExtensionType]], point: x509.IssuingDistributionPoint | None
) -> bool:
    if any(one.oid == ExtensionOID.DELTA_CRL_INDICATOR for one in extensions):
        return False
    if any(one.critical and one.oid not in _KNOWN_CRITICAL for one in extensions):
        return False
    return point is None or not (
        point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name
    )


def _points_of(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """Where a certificate says that its list is published."""
    points = extension_of(certificate, x509.CRLDistributionPoints)
    return {name for point in points or () for name in point.full_name or ()}
