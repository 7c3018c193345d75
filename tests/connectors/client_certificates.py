"""TLS certificates of made-up clients, as a proxy hands them on."""

import base64
import ipaddress
import json
from datetime import UTC, datetime
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.signatures.jwk import public_jwk

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NOW, DAY = 1_795_600_000, 24 * 3600
SUBJECT = "CN=fare,O=City of Storkhaven,C=EE"
ALTERNATIVES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("fare.storkhaven.example"),
    x509.UniformResourceIdentifier("https://fare.storkhaven.example/id"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    x509.RFC822Name("fare@storkhaven.example"),
)


def made(
    key: Key,
    *,
    subject: str = SUBJECT,
    names: tuple[x509.GeneralName, ...] = ALTERNATIVES,
    begin: int = NOW - DAY,
    end: int = NOW + DAY,
    issuer: str = "",
    signer: Key | None = None,
    authority: bool = False,
) -> x509.Certificate:
    """A certificate of a key, by itself or by another's key."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begin, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer or key, SHA256())


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def rfc9440(certificate: bytes) -> str:
    """RFC 9440 §2.2, as HAProxy is told to write it."""
    return f":{base64.b64encode(certificate).decode()}:"


def escaped(certificate: x509.Certificate) -> str:
    """Nginx's $ssl_client_escaped_cert."""
    return quote(certificate.public_bytes(Encoding.PEM).decode(), safe="")


def jwks(*certificates: x509.Certificate) -> str:
    """A JWKS with the certificates themselves (RFC 7517 §4.7)."""
    keys = []
    for one in certificates:
        public = one.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        keys.append({**public_jwk(public), "x5c": [base64.b64encode(der(one)).decode()]})
    return json.dumps({"keys": keys})
