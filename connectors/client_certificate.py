"""A client's TLS certificate as a proxy hands it on, judged (RFC 8705), pure.

    Client-Cert: :MIIB...:                                     RFC 9440 §2.2: the DER in base64, between colons
    Client-Cert: -----BEGIN%20CERTIFICATE-----%0AMIIB...       nginx's $ssl_client_escaped_cert

The handshake proved that the client has the key. The chain is the proxy's to verify: we look at dates, key and names. Each
check has its name in `connectors.checks.CERTIFICATE_CHECKS`.
"""

import binascii
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connectors.signatures.certificates import certificate_of
from connectors.signatures.jws import MIN_RSA_BITS, base64url
from connectors.signatures.rsa_keys import FERMAT_4, check_size
from policies.errors import AssertionRejected

# With its chain left out a certificate has two kilobytes, in either spelling three or four
MAX_HEADER = 16 * 1024
CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
PEM_HEAD, PEM_FOOT = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----"
# RFC 8705 §2.1.2: the names by which a certificate is registered, as `tls_client_auth_NAME`
SUBJECT_DN = "subject_dn"
NAMES: Mapping[str, type[x509.GeneralName]] = {
    "san_dns": x509.DNSName,
    "san_uri": x509.UniformResourceIdentifier,
    "san_ip": x509.IPAddress,
    "san_email": x509.RFC822Name,
}
# Headers of proxies that always send one: nginx and haproxy leave it empty, Apache writes (null)
NONE = ("", "(null)")
# Beside those of RFC 4514 §3, as OpenSSL writes them; others stand as dotted numbers
DN_NAMES = {
    "emailAddress": x509.NameOID.EMAIL_ADDRESS,
    "organizationIdentifier": x509.NameOID.ORGANIZATION_IDENTIFIER,
    "serialNumber": x509.NameOID.SERIAL_NUMBER,
}


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that may be used now. `thumbprint` is the SHA-256 of its DER, in base64url (RFC 8705 §3.1)."""

    thumbprint: str
    certificate: x509.Certificate

    def has(self, kind: str, name: str) -> bool:
        """Whether it has this name, which `canonical_name` has spelled."""
        if kind == SUBJECT_DN:
            return self.certificate.subject.rfc4514_string() == name
        try:
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            # An iPAddress may be a network, which is no address
            return any(isinstance(one, NAMES[kind]) and canonical_name(kind, str(one.value)) == name for one in names)
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            return False


def certificate_in(header: str) -> bytes:
    """The DER in a proxy's header, b"" where it says that there is none. Raises `AssertionRejected`."""
    if header in NONE:
        return b""
    try:
        return _der(header)
    except ValueError as error:  # binascii.Error and UnicodeError are some
        raise AssertionRejected("certificate_header", "the proxy's header holds no certificate") from error


def _der(header: str) -> bytes:
    if len(header) > MAX_HEADER:
        raise ValueError("it is too long")
    if header[:1] == header[-1:] == ":":
        return binascii.a2b_base64(header[1:-1].encode("ascii"), strict_mode=True)
    pem = unquote(header, encoding="ascii", errors="strict").strip("\n")
    if not (pem.startswith(PEM_HEAD) and pem.endswith(PEM_FOOT)):
        raise ValueError("it is in no form that we know")
    lines = pem.removeprefix(PEM_HEAD).removesuffix(PEM_FOOT).replace("\n", "")
    return binascii.a2b_base64(lines.encode("ascii"), strict_mode=True)


def judge_certificate(der: bytes, now: int) -> ClientCertificate:
    """Judge dates and key at `now`. Raises `AssertionRejected`."""
    try:
        certificate = certificate_of(der)
        key: object = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise AssertionRejected("certificate_form", "a certificate that cannot be read") from None
    moment = datetime.fromtimestamp(now, UTC)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise AssertionRejected("certificate_dates", "a certificate outside of its dates")
    match key:
        case RSAPublicKey():
            try:
                check_size(key.public_numbers(), MIN_RSA_BITS, FERMAT_4)
            except ValueError as error:
                raise AssertionRejected("certificate_key", str(error)) from None
        case EllipticCurvePublicKey() if key.curve.name in CURVES:
            pass
        case Ed25519PublicKey():
            pass
        case _:
            raise AssertionRejected("certificate_key", "a key of a kind or curve that we do not take")
    return ClientCertificate(thumbprint_of(der), certificate)


def thumbprint_of(der: bytes) -> str:
    """The SHA-256 of a certificate, in base64url."""
    return base64url(hashlib.sha256(der).digest())


def canonical_name(kind: str, name: str) -> str:
    """One spelling of a name by which a certificate is registered. ValueError for what is no such name."""
    match kind:
        case "subject_dn":
            return x509.Name.from_rfc4514_string(name, DN_NAMES).rfc4514_string()
        case "san_dns":
            return name.lower()
        case "san_ip":
            return str(ipaddress.ip_address(name))
        case _ if kind in NAMES:
            return name
    raise ValueError("no kind of name")
