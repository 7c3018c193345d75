"""Keys that sign and keys that unwrap: protocols, so that a key may live in a file or in a hardware module."""

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol, Self, TypeGuard, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS, ECDSA_BY_CURVE, RSA_PSS_SHA512, RSA_SHA256, SignatureAlgorithm
from policies.errors import BrokerError


class Signer(Protocol):
    """A private key held in memory or elsewhere. Loading one is start-up work, never a request's."""

    @property
    def public_key(self) -> RSAPublicKey | EllipticCurvePublicKey:
        """The public half."""

    @property
    def certificate(self) -> bytes:
        """DER of the self-signed certificate that SAML metadata carries; empty for keys of OpenID Connect."""

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        """Sign `data`: PKCS#1 v1.5 or PSS for RSA, raw r||s (XML Signature 1.1 §6.4.3, RFC 7518 §3.4) on a curve.

        Without an algorithm it is SHA-256 with PKCS#1 v1.5 or on P-256, as tokens want it. Raises `BrokerError` where the
        key is none for the algorithm.
        """

    def ready(self) -> None:
        """Raise `KeysUnavailable` if the key cannot sign now: asked before anything is recorded that needs a signature."""


class Signers(Protocol):
    """Our keys of one purpose in the order in which they begin. A signer alone is one that always counts."""

    def at(self, now: int) -> Signer:
        """The one that signs at `now` (seconds since the epoch): take id, certificate and signature from this one object.

        Raises `AllRevoked` and `StoreUnavailable`.
        """

    def published(self, now: int) -> Sequence[Signer]:
        """Those that others have to know at `now`: the one that signs first, then the next and the last one."""


class NoSigner:
    """Stands in where a connector judges or is looked at, and asks nobody. A `Signer` and `Signers` that refuses."""

    @property
    def public_key(self) -> NoReturn:
        """There is none."""
        raise BrokerError("nothing is signed here")

    certificate = key_id = public_key

    def at(self, now: int) -> Self:  # noqa: ARG002 - as `Signers`
        """Itself, who refuses."""
        return self

    def published(self, now: int) -> tuple[Self, ...]:  # noqa: ARG002 - as `Signers`
        """Itself, who refuses."""
        return (self,)

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> NoReturn:  # noqa: ARG002 - never looked at
        """Never."""
        raise BrokerError("nothing is signed here")

    def ready(self) -> NoReturn:
        """Never."""
        raise BrokerError("nothing is signed here")


class Unwrapper(Protocol):
    """A private RSA key that decrypts what others encrypted to us."""

    @property
    def certificate(self) -> bytes:
        """DER of the certificate that our metadata carries for encryption."""

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""

    def unwrap(self, wrapped: bytes, digest: HashAlgorithm, mgf: HashAlgorithm) -> bytes:
        """RSA-OAEP without a label (RFC 8017 §7.1.2), MGF1 with the hash `mgf`. ValueError for every failure alike."""


@runtime_checkable
class Agreement(Protocol):
    """A private key on a curve, with which others agree on a key to encrypt to us."""

    @property
    def certificate(self) -> bytes:
        """DER of the certificate that our metadata carries for encryption."""

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""

    @property
    def curve(self) -> str:
        """The curve of both keys, as pyca names it."""

    def agree(self, public_key: EllipticCurvePublicKey) -> bytes:
        """The shared secret Z of ECDH (NIST SP 800-56A §5.7.1.2). ValueError for every failure alike."""


# A message says which of both it needs, before any is used
DecryptionKey = Unwrapper | Agreement


def transports(key: DecryptionKey) -> TypeGuard[Unwrapper]:
    """Whether a key opens what came by RSA-OAEP. To ask `isinstance` of a protocol costs more than the AES-GCM."""
    return hasattr(key, "unwrap")


class DecryptionKeys(Protocol):
    """Our decryption keys in the order in which they begin."""

    def published(self, now: int) -> Sequence[DecryptionKey]:
        """Those to which somebody may have encrypted at `now`."""


def decrypting(keys: Sequence[DecryptionKey] | DecryptionKeys) -> Callable[[int], Sequence[DecryptionKey]]:
    """Which keys decrypt at a moment: of a schedule those that it says, of a sequence all of them, always."""
    if not isinstance(keys, Sequence):
        return keys.published
    fixed = tuple(keys)
    return lambda _now: fixed


def algorithm_for(signer: Signer, profile: Profile) -> SignatureAlgorithm:
    """The algorithm with which a key signs under a profile. Raises `BrokerError` where the profile refuses the key."""
    key = signer.public_key
    if isinstance(key, RSAPublicKey):
        uri = RSA_PSS_SHA512 if RSA_PSS_SHA512 in profile.signature_algorithms else RSA_SHA256
        taken = key.key_size >= profile.minimum_rsa_bits
    else:
        uri = ECDSA_BY_CURVE.get(key.curve.name, "")
        taken = key.curve.name in profile.curves
    if not taken or uri not in profile.signature_algorithms:
        raise BrokerError(f"the key {signer.key_id} is none to sign with under {profile.name}")
    return ALGORITHMS[uri]
