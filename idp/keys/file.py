"""Private keys in files: PKCS#8 PEM of mode 0600, a SAML key's certificate in the same file behind it.

A file may name a key in a token (`idp.keys.hsm`) in place of PEM; keys that decrypt have to be in files.

No request reads a file: an RSA key in PEM takes some 30 ms.
"""

import hashlib
import os
import re
import shlex
import time
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.certificates import certificate_of
from connectors.signatures.decryption_keys import FileAgreement, FileDecryptionKey, FileUnwrapper, decryption_key
from connectors.signatures.jwk import CURVE_NAMES, thumbprint
from connectors.signatures.rsa_keys import check_own_rsa
from idp.keys.hsm.address import is_address, name_of
from idp.keys.hsm.loading import load_token_key
from idp.keys.hsm.private_keys import TokenKey
from idp.system.files import read_whole
from policies.errors import BrokerError, Misconfigured, Problem

# saml2int: at least 2048, 3072 recommended
RSA_BITS = 3072
# More than all keys of a hundred tenants
_REMEMBERED = 1024
PRIVATE_MODE = 0o600
# Peers that look at certificates' dates must never find one that ended: the key changes long before
CERTIFICATE_LIFE = timedelta(days=3652)
MAX_COMMON_NAME = 64
_CERTIFICATE, _CERTIFICATE_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_CERTIFICATE_FIX = "Put the certificate of this key behind it."
_HEX = re.compile(rb"[0-9a-fA-F]+")
SECRET_HEX = 64  # the digits of a secret of 32 bytes
_MAKE = "Make keys with `ciconia init`."
# Others know the key that was there
_RESTORE = "Restore it from its backup, or copy it again. A broker that never served has a fresh one from `ciconia init`."
_CURVES = {pyca: name for pyca, (name, _) in CURVE_NAMES.items()}
# Stands before the key, so every copy of the file has it. Loaders pass over it, `ciconia inspect` looks for it.
PRODUCTION_MARK = "# Ciconia production key: it decrypts by hand only on record. This line belongs to the file."
_MARK = b"Ciconia production key"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
# The text that was read last from each file, and its key. A forked process has them, too
_FILES: dict[Path, bytes] = {}
_READ: dict[bytes, object] = {}


@dataclass(frozen=True, slots=True)
class FileSigner:
    """A private key that was read from a file. Implements `connectors.signatures.signer.Signer`."""

    _private_key: PrivateKey = field(repr=False)
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey = field(repr=False)
    # DER, empty where the file holds none
    certificate: bytes = field(repr=False)
    # RFC 7638 thumbprint
    key_id: str

    def at(self, now: int) -> "FileSigner":  # noqa: ARG002 - as `Signers`: it always counts
        """`Signers.at`: itself."""
        return self

    def published(self, now: int) -> "tuple[FileSigner, ...]":  # noqa: ARG002 - as `Signers`
        """`Signers.published`: itself."""
        return (self,)

    @property
    def in_token(self) -> TokenKey | None:
        """The key of a token that the file names, None where the key is in the file."""
        return self._private_key if isinstance(self._private_key, TokenKey) else None

    def ready(self) -> None:
        """`Signer.ready`: a key in its file always is."""
        if (key := self.in_token) is not None:
            key.ready()

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        """`Signer.sign`: by default SHA-256 with PKCS#1 v1.5 or on P-256.

        Raises `BrokerError` for an algorithm of another kind of key.
        """
        key = self._private_key
        digest, scheme = (SHA256(), None) if algorithm is None else (algorithm.digest, algorithm.scheme)
        # pyca's classes are abstract, so each isinstance costs a call
        if isinstance(key, rsa.RSAPrivateKey):
            if scheme in (None, "pkcs1"):
                return key.sign(data, PKCS1v15(), digest)
            if scheme == "pss":
                return key.sign(data, PSS(MGF1(digest), digest.digest_size), digest)
        elif scheme in (None, "ecdsa"):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            size = (key.curve.key_size + 7) // 8
            return r.to_bytes(size) + s.to_bytes(size)
        raise BrokerError(f"the key {self.key_id} makes no signature of the kind {scheme}")


def create_saml_key(path: Path, common_name: str = "Ciconia", *, now: int | None = None, production: bool = False) -> None:
    """Write a new RSA-3072 key and its self-signed certificate. Raises FileExistsError rather than replace a key.

    `common_name` (the host, cut to 64 characters as X.520 wants) names the certificate, `now` (seconds since the epoch,
    else the clock) begins its life, `production` puts `PRODUCTION_MARK` before the key.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    mark = f"{PRODUCTION_MARK}\n".encode() if production else b""
    write_private(path, mark + pem_of(key) + self_signed(key, common_name, now))


def self_signed(key: PrivateKey, common_name: str, now: int | None) -> bytes:
    """The certificate of a key in PEM, as `create_saml_key` makes it."""
    begin = datetime.fromtimestamp(time.time() if now is None else now, UTC).replace(microsecond=0)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + CERTIFICATE_LIFE)
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def create_token_key(path: Path, algorithm: str, *, production: bool = False) -> None:
    """Write a new key for tokens, without certificate: P-256 for `ES256`, RSA-3072 for `RS256`.

    `production` as `create_saml_key` has it. Raises FileExistsError rather than replace a key, ValueError for another
    algorithm.
    """
    if algorithm == "ES256":
        mark = f"{PRODUCTION_MARK}\n".encode() if production else b""
        write_private(path, mark + pem_of(ec.generate_private_key(ec.SECP256R1())))
    elif algorithm == "RS256":
        write_private(path, pem_of(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)))
    else:
        raise ValueError("keys for tokens are made for ES256 and RS256")


def load_signer(path: Path) -> FileSigner:
    """The key of a file that `create_*` wrote, or of any PKCS#8 PEM of RSA or P-256 with its certificate behind it.

    Raises `Misconfigured` if it is missing, readable by others than its owner, or holds something else.
    """
    key, certificate, key_id, _ = _load(path, SAML2INT, frozenset({"secp256r1"}), certified=False)
    return FileSigner(_private_key=key, public_key=key.public_key(), certificate=certificate, key_id=key_id)


def load_openid_signer(path: Path) -> FileSigner:
    """A key on P-256, with which OpenID providers verify us. Raises `Misconfigured` as `load_signer`."""
    signer = load_signer(path)
    if not isinstance(signer.public_key, ec.EllipticCurvePublicKey):
        raise _problem(path, "This key is not P-256.", _MAKE)
    return signer


def load_openid_agreement(path: Path) -> FileAgreement:
    """A key on P-256, to which OpenID providers encrypt. Raises `Misconfigured` as `load_signer`."""
    key, certificate, key_id, marked = _load(path, SAML2INT, frozenset({"secp256r1"}), certified=False)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _problem(path, "This key is not P-256.", _MAKE)
    _check_in_file(path, key)
    return FileAgreement(key, certificate, key_id, marked)


def load_node_signer(path: Path) -> FileSigner:
    """A key that another country's node will verify: RSA of 3072 bits or more, or on a curve of `EIDAS`, certified.

    Raises `Misconfigured` as `load_signer`.
    """
    key, certificate, key_id, _ = _load(path, EIDAS, EIDAS.curves)
    return FileSigner(_private_key=key, public_key=key.public_key(), certificate=certificate, key_id=key_id)


def load_unwrapper(path: Path) -> FileDecryptionKey:
    """A key to which other countries' nodes encrypt, of the same kinds. Raises `Misconfigured` as `load_signer`."""
    key, certificate, key_id, marked = _load(path, EIDAS, EIDAS.curves)
    _check_in_file(path, key)
    return decryption_key(key, certificate, key_id, marked=marked)


def load_saml_unwrapper(path: Path) -> FileUnwrapper:
    """A key to which identity providers encrypt: RSA of 2048 bits or more, certified: `SAML2INT` has key transport alone.

    Raises `Misconfigured` as `load_signer`.
    """
    key, certificate, key_id, marked = _load(path, SAML2INT, frozenset())
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a key on a curve was let through")
    _check_in_file(path, key)
    return FileUnwrapper(key, certificate, key_id, marked)


def is_marked(content: bytes) -> bool:
    """Whether a key file says that it is a production broker's."""
    return _MARK in content


def holds_secret(content: bytes) -> bool:
    """Whether a file holds a broker's kind of secret: a private key in PEM, or 32 bytes in hex."""
    if len(octets := b"".join(content.split())) == SECRET_HEX and _HEX.fullmatch(octets):
        return True
    if is_address(content):
        return True
    try:
        load_pem_private_key(content, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm):
        return False
    except TypeError:
        return True  # it is, under a password
    return True


def fingerprint(content: bytes) -> str:
    """A digest that tells a file's key from every other one and says nothing of it, however the file is written."""
    octets = b"".join(content.split())
    try:
        if is_address(content):
            octets = name_of(content.partition(_CERTIFICATE)[0])
        key = load_pem_private_key(content.partition(_CERTIFICATE)[0], password=None, unsafe_skip_rsa_key_validation=True)
        octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Hex in other letters is the same secret
        octets = octets.lower() if _HEX.fullmatch(octets) else octets
    return hashlib.sha256(octets).hexdigest()


def _load(
    path: Path, profile: Profile, curves: frozenset[str], *, certified: bool = True
) -> tuple[PrivateKey, bytes, str, bool]:
    """The key that `profile` takes, its certificate in DER (empty if there is none), thumbprint, and `is_marked`."""
    try:
        mode, content = path.stat().st_mode, read_whole(path)
    except OSError as error:
        raise _problem(path, f"The key cannot be read ({error.strerror}).", fix_of_unread(path, error)) from error
    if mode & 0o077:
        raise _problem(path, "Others than its owner may read this private key.", f"chmod 600 {shlex.quote(str(path))}")
    pem, mark, rest = content.partition(_CERTIFICATE)
    try:
        private_key = _parsed(path, pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _problem(path, "This is no unencrypted PKCS#8 key in PEM.", _RESTORE) from error
    names = " or ".join(["RSA", *(name for pyca, name in _CURVES.items() if pyca in curves)])
    if not isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _problem(path, f"This key is not {names}.", _MAKE)
    public_key = private_key.public_key()
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name not in curves:
        raise _problem(path, f"This key is on {'another' if curves else 'a'} curve; it must be {names}.", _MAKE)
    certificate = _certificate_of(path, rest, public_key) if mark else b""
    if isinstance(public_key, rsa.RSAPublicKey):
        try:
            check_own_rsa(public_key.public_numbers(), profile.minimum_rsa_bits, profile.minimum_rsa_exponent)
        except ValueError as error:
            raise _problem(path, f"This is {error}.", _MAKE) from error
    if certified and not certificate:
        raise _problem(path, "There is no certificate behind this key.", _CERTIFICATE_FIX)
    return private_key, certificate, thumbprint(public_key), is_marked(content)


def _check_in_file(path: Path, key: object) -> None:
    """Tokens differ in the ways of decryption that they have, and some have none that our peers use."""
    if isinstance(key, TokenKey):
        raise _problem(path, "A key that decrypts has to be in the file itself.", _RESTORE)


def _parsed(path: Path, pem: bytes) -> object:
    # OpenSSL takes 30 to 100 ms for an RSA key: workers have it from their supervisor, and looks at a folder parse new ones
    if len(_FILES) >= _REMEMBERED:
        forget_keys()
    key = _READ.get(pem) or (load_token_key(path, pem) if is_address(pem) else load_pem_private_key(pem, password=None))
    _FILES[path], _READ[pem] = pem, key
    return key


def forget_keys() -> None:
    """Forget all: a forked process may have no use for them."""
    _FILES.clear()
    _READ.clear()


def forget_gone_keys(folder: Path | None = None) -> None:
    """Forget the keys whose files are gone, of one folder or of all."""
    for path in list(_FILES):
        if (folder is None or path.parent == folder) and not path.exists():
            _FILES.pop(path, None)
    for pem in set(_READ) - set(_FILES.values()):
        _READ.pop(pem, None)


def _certificate_of(path: Path, text: bytes, public_key: object) -> bytes:
    """The DER of the certificate whose PEM goes on with `text`. Raises `Misconfigured` if it is another key's."""
    body, end, _ = text.partition(_CERTIFICATE_END)
    try:
        der = b64decode(body if end else b"")
        certified = certificate_of(der).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _problem(path, "The certificate behind this key cannot be read.", _CERTIFICATE_FIX) from error
    if certified != public_key:
        raise _problem(path, "The certificate is of another key.", _CERTIFICATE_FIX)
    return der


def pem_of(key: PrivateKey | Ed25519PrivateKey) -> bytes:
    """The key in PEM, as PKCS#8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that nobody else may read at any moment, and make its content durable; `sync_folder` its name.

    If it raises there is no file of ours, and one that was there before stays.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def fix_of_unread(path: Path, error: OSError) -> str:
    """The remedy for an unreadable key file. A fresh key is none: others know the old one."""
    if isinstance(error, PermissionError):
        who = "The account that the broker runs as must own it, and a command about keys runs as that account"
        return f"{who}: as root, chown ACCOUNT {shlex.quote(str(path))}"
    return "Restore it from its backup."


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _problem(path: Path, what: str, fix: str) -> Misconfigured:
    return Misconfigured((Problem(str(path), 0, "key", what, fix),))
