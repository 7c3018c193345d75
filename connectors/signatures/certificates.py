"""Certificates (RFC 5280 §4) that others published: read here alone, by pyca.

    SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, SPKI, ... }, algorithm, BIT STRING }

Deployed nodes publish a few that pyca refuses for two harmless faults: a character in a name that PrintableString has not,
and NULL beside an algorithm of ECDSA (RFC 5758 §3.2). Where the deviation `lenient_certificate` is on, we mend both, and
pyca reads the rest strictly. Only the key and the dates come of it, and every check of keys follows. No chain and no anchor
is read that way: the issuer signed what was written, not what was mended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asn1crypto import parser
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate

from connectors.deviations import Tolerance
from connectors.signatures import pss_keys
from connectors.signatures.pss_keys import PssOnly, bound_by
from policies.deviations import LENIENT_CERTIFICATE

# A certificate has two kilobytes. Nothing has looked at the octets that are taken apart here
MAX_LENIENT = 16 * 1024
_PRINTABLE, _UTF8 = b"\x13", b"\x0c"
_VERSION = b"\xa0"
# SEQUENCE { OID, NULL } of ecdsa-with-SHA256, SHA384 and SHA512 (RFC 5758 §3.2), and without the NULL
_ECDSA = [b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" + bytes([last]) for last in (2, 3, 4)]
_WITHOUT_NULL = {b"\x30\x0c" + oid + b"\x05\x00": b"\x30\x0a" + oid for oid in _ECDSA}


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of a certificate, in seconds since the epoch, both included; `lenient` where it had to be mended."""

    not_before: int
    not_after: int
    lenient: bool


@dataclass(frozen=True, slots=True)
class KeyAndDates:
    """All that metadata needs of a certificate."""

    public_key: object
    pss: PssOnly | None
    dates: Dates


def certificate_of(der: bytes) -> Certificate:
    """Load a stranger's certificate, here alone. ValueError, with words for an operator, for one that cannot be read."""
    try:
        certificate = load_der_x509_certificate(der)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, InvalidVersion) as error:
        raise ValueError("a certificate that cannot be read") from error
    return certificate


def dates_of(der: bytes, tolerance: Tolerance) -> Dates:
    """The dates of a certificate. ValueError as `key_and_dates`."""
    certificate, lenient = _read(der, tolerance)
    return _dates(certificate, lenient=lenient)


def key_and_dates(der: bytes, tolerance: Tolerance) -> KeyAndDates:
    """The key and the dates of a certificate. ValueError, with words for an operator, for one that cannot be read."""
    certificate, lenient = _read(der, tolerance)
    try:
        public_key = certificate.public_key()
    except UnsupportedAlgorithm:
        raise ValueError("a key of a kind that nobody here knows") from None
    return KeyAndDates(public_key, pss_of_certificate(certificate), _dates(certificate, lenient=lenient))


def modulus_of(der: bytes) -> Iterator[int]:
    """The modulus of the RSA key in a certificate, however it has to be read; nothing for any other, or none."""
    try:
        public_key = key_and_dates(der, Tolerance((LENIENT_CERTIFICATE,))).public_key
    except ValueError:
        return
    if isinstance(public_key, RSAPublicKey):
        yield public_key.public_numbers().n


def _read(der: bytes, tolerance: Tolerance) -> tuple[Certificate, bool]:
    """A certificate, and whether it was mended: then it is for this module's eyes alone."""
    try:
        return certificate_of(der), False
    except ValueError:
        certificate = certificate_of(_mended(der))
        # Asked last: what cannot be read so either is no use of it
        if not tolerance.takes(LENIENT_CERTIFICATE):
            raise
        return certificate, True


def _dates(certificate: Certificate, *, lenient: bool) -> Dates:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Dates(int(begins.timestamp()), int(ends.timestamp()), lenient)


def pss_of_certificate(certificate: Certificate) -> PssOnly | None:
    """How the key of a certificate is bound to RSASSA-PSS; None where it is not. ValueError as `bound_by`."""
    if certificate.public_key_algorithm_oid.dotted_string != pss_keys.OID:
        return None
    try:
        parts = Asn1Certificate.load(certificate.public_bytes(Encoding.DER))["tbs_certificate"]
        return bound_by(parts["subject_public_key_info"])
    except pss_keys.UNREADABLE:
        raise ValueError("a key for RSASSA-PSS whose parameters cannot be read") from None


def _mended(der: bytes) -> bytes:
    """A certificate without the two faults; itself where it has none, or cannot be taken apart. Its signature is void."""
    if len(der) > MAX_LENIENT:
        return der
    try:
        tbs, algorithm, signature = _inside(der)
        fields = list(_inside(tbs))
        # An absent version is the first (RFC 5280 §4.1.2.1); behind it and the serial number come algorithm, issuer,
        # validity and subject
        start = 2 if fields[0][:1] == _VERSION else 1
        for place, mend in ((start, _without_null), (start + 1, _name), (start + 3, _name)):
            fields[place] = mend(fields[place])
        return _made(der, [_made(tbs, fields), _without_null(algorithm), signature])
    except (ValueError, IndexError):
        return der


def _without_null(algorithm: bytes) -> bytes:
    return _WITHOUT_NULL.get(algorithm, algorithm)


def _name(name: bytes) -> bytes:
    """A Name: SEQUENCE OF SET OF SEQUENCE { type, value }, of which each PrintableString is made a UTF8String."""
    return _made(
        name, [_made(rdn, [_made(pair, map(_text, _inside(pair))) for pair in _inside(rdn)]) for rdn in _inside(name)]
    )


def _text(value: bytes) -> bytes:
    return _UTF8 + value[1:] if value[:1] == _PRINTABLE else value


def _inside(tlv: bytes) -> Iterator[bytes]:
    """The pieces in a value, one by one. ValueError where octets follow it, it has no pieces, or it is no DER."""
    class_, constructed, tag, _, content, _ = parser.parse(tlv, strict=True)
    if parser.emit(class_, constructed, tag, content) != tlv:
        raise ValueError("a length that is spelt otherwise than DER has it")
    while content:
        end = parser.peek(content)
        yield content[:end]
        content = content[end:]


def _made(like: bytes, pieces: Iterable[bytes]) -> bytes:
    """These pieces under the tag of another value."""
    class_, constructed, tag, *_ = parser.parse(like)
    return bytes(parser.emit(class_, constructed, tag, b"".join(pieces)))
