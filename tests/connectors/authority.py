"""A certification authority for tests: every part of a certificate and of a list is a parameter. Keys are made once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any  # a test changes fields by their names

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding

NOW = 1_795_600_000
DAY = 24 * 3600
Hash = SHA256 | SHA384 | SHA512
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KINDS: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
    "secp256k1": ec.SECP256K1(),
}


@cache
def key(name: str, kind: str = "P-256") -> Key:
    """The key of this name: on a curve, or RSA of so many bits."""
    assert name
    if kind in KINDS:
        return ec.generate_private_key(KINDS[kind])
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind))


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """One certificate of a test: who it is of, and by whom. `usage` are pyca's names of keyUsage; None has no extension."""

    name: str
    issuer: str
    kind: str = "P-256"
    issuer_kind: str = "P-256"
    authority: bool | None = False  # None: no basicConstraints
    path_length: int | None = None
    usage: Sequence[str] | None = ("digital_signature",)
    begin: int = NOW - 100 * DAY
    end: int = NOW + 1000 * DAY
    digest: Hash = field(default_factory=SHA256)
    padding: PSS | None = None
    more: Sequence[tuple[x509.ExtensionType, bool]] = ()
    signed_by: str = ""  # the name of the key; the issuer's where it is empty

    @property
    def key(self) -> Key:
        return key(self.name, self.kind)

    def made(self) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(self.name))
            .issuer_name(named(self.issuer))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment(self.begin))
            .not_valid_after(moment(self.end))
        )
        if self.authority is not None:
            builder = builder.add_extension(x509.BasicConstraints(self.authority, self.path_length), critical=True)
        if self.usage is not None:
            builder = builder.add_extension(_usage(self.usage), critical=True)
        for extension, critical in self.more:
            builder = builder.add_extension(extension, critical=critical)
        by = key(self.signed_by or self.issuer, self.issuer_kind)
        if isinstance(by, rsa.RSAPrivateKey):
            return builder.sign(by, self.digest, rsa_padding=self.padding)
        return builder.sign(by, self.digest)

    @property
    def der(self) -> bytes:
        return der(self.made())


def _usage(names: Sequence[str]) -> x509.KeyUsage:
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    every += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in names for name in every})


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


CA_USAGE = ("key_cert_sign", "crl_sign")


def root(name: str = "root", kind: str = "P-256", **changes: Any) -> Part:
    settings: dict[str, Any] = {"authority": True, "usage": CA_USAGE, "issuer_kind": kind}
    return Part(name, name, kind, **(settings | changes))


def between(name: str, issuer: str, kind: str = "P-256", issuer_kind: str = "P-256", **changes: Any) -> Part:
    settings: dict[str, Any] = {"authority": True, "usage": CA_USAGE}
    return Part(name, issuer, kind, issuer_kind, **(settings | changes))


def leaf(issuer: str, kind: str = "P-256", issuer_kind: str = "P-256", **changes: Any) -> Part:
    return Part("node", issuer, kind, issuer_kind, **changes)


def revoking(
    issuer: str,
    *certificates: x509.Certificate,
    kind: str = "P-256",
    begin: int = NOW - DAY,
    end: int = NOW + 7 * DAY,
    dated: int = NOW - DAY,
    digest: Hash | None = None,
    padding: PSS | None = None,
    signed_by: str = "",
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """The list of an issuer, in DER, with these certificates on it."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(named(issuer)).last_update(moment(begin))
    builder = builder.next_update(moment(end))
    for certificate in certificates:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(moment(dated)).build())
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    by = key(signed_by or issuer, kind)
    return builder.sign(by, digest or SHA256(), rsa_padding=padding).public_bytes(Encoding.DER)
