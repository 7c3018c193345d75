"""Private keys to which others encrypt: they unwrap, or agree on, the key of what came."""

import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.pinned_keys import prepared

_PRIVATE = re.compile(rb"-----BEGIN ((?:RSA )?PRIVATE KEY)-----[^-]+-----END \1-----")


@dataclass(frozen=True, slots=True)
class FileUnwrapper:
    """A private RSA key that was read from a file. Implements `connectors.signatures.signer.Unwrapper`."""

    _private_key: rsa.RSAPrivateKey = field(repr=False)
    # DER
    certificate: bytes = field(repr=False)
    # RFC 7638 thumbprint
    key_id: str
    # Whether its file says that it is a production broker's
    marked: bool = False

    def unwrap(self, wrapped: bytes, digest: HashAlgorithm, mgf: HashAlgorithm) -> bytes:
        """RSA-OAEP without a label. ValueError in one sentence for whatever is wrong."""
        try:
            return self._private_key.decrypt(wrapped, OAEP(MGF1(mgf), digest, None))
        except ValueError:
            raise ValueError("a key that this one does not unwrap") from None


@dataclass(frozen=True, slots=True)
class FileAgreement:
    """A private key on a curve that was read from a file. Implements `connectors.signatures.signer.Agreement`."""

    _private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    # DER
    certificate: bytes = field(repr=False)
    # RFC 7638 thumbprint
    key_id: str
    # Whether its file says that it is a production broker's
    marked: bool = False

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._private_key.public_key()

    @property
    def curve(self) -> str:
        """Its name in pyca."""
        return self._private_key.curve.name

    def agree(self, public_key: ec.EllipticCurvePublicKey) -> bytes:
        """The shared secret of ECDH. ValueError in one sentence for whatever is wrong."""
        try:
            return self._private_key.exchange(ec.ECDH(), public_key)
        except ValueError:
            raise ValueError("a key with which this one agrees on nothing") from None


FileDecryptionKey = FileUnwrapper | FileAgreement


def unwrapper_of_pem(content: bytes) -> FileDecryptionKey:
    """A developer's own key for decryption in PEM, with or without a certificate. ValueError, with words."""
    found = _PRIVATE.search(content)
    try:
        key = load_pem_private_key(found[0] if found else b"", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it holds no unencrypted private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return decryption_key(key, b"", prepared(key.public_key(), SAML2INT).key_id)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("its key is neither RSA nor on a curve")  # noqa: TRY004 # the caller catches one kind of error
    return decryption_key(key, b"", prepared(key.public_key(), EIDAS).key_id)


def decryption_key(
    private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: bytes, key_id: str, *, marked: bool = False
) -> FileDecryptionKey:
    """A private key as what it does; `marked` as `FileUnwrapper` has it."""
    if isinstance(private_key, rsa.RSAPrivateKey):
        return FileUnwrapper(private_key, certificate, key_id, marked)
    return FileAgreement(private_key, certificate, key_id, marked)
