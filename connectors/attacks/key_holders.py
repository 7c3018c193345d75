"""Fresh keys and self-signed certificates of a run. A generator signs nonsense too, so it holds private keys themselves."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A private key, its self-signed certificate (DER), and both as PEM, the key first."""

    name: str
    key: PrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)
    pem: bytes = field(repr=False)


def rsa_holder(name: str, now: int, bits: int = 2048) -> KeyHolder:
    """A holder of a new RSA key. `now` (seconds) lies in the middle of its certificate's two years."""
    return _holder(name, rsa.generate_private_key(public_exponent=65537, key_size=bits), now)


def ec_holder(name: str, now: int, curve: ec.EllipticCurve) -> KeyHolder:
    """A holder of a new key on a curve; else as `rsa_holder`."""
    return _holder(name, ec.generate_private_key(curve), now)


def certified(key: PrivateKey, name: str, begin: datetime, end: datetime) -> bytes:
    """A self-signed certificate (DER) of a key, with these dates: expired ones are cases too."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    dated = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
    return dated.sign(key, SHA256()).public_bytes(Encoding.DER)


def ended(holder: KeyHolder, now: int) -> KeyHolder:
    """The same holder, with a certificate that ended the day before `now`."""
    moment, day = datetime.fromtimestamp(now, UTC), timedelta(days=1)
    return replace(holder, certificate=certified(holder.key, holder.name, moment - 30 * day, moment - day))


def _holder(name: str, key: PrivateKey, now: int) -> KeyHolder:
    moment = datetime.fromtimestamp(now, UTC)
    certificate = certified(key, name, moment - _YEAR, moment + _YEAR)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyHolder(name, key, certificate, pem + x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM))
