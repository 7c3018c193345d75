"""Public keys that may verify: prepared once, from pinned metadata, and named by their RFC 7638 thumbprint."""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate

from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS, SignatureAlgorithm
from connectors.signatures.jwk import CURVE_NAMES, thumbprint
from connectors.signatures.rsa_keys import MAX_RSA_BITS, check_rsa

__all__ = ["ALGORITHMS", "PinnedKey", "SignatureAlgorithm", "certificate_of", "key_of_certificate", "prepared"]


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A pinned public key, ready to verify. The dates (seconds, both included) are its certificate's, where they count.

    `verify` has no clock: whoever selects the keys of a party leaves out those that are not `in_force(now)`.
    """

    public_key: RSAPublicKey | ec.EllipticCurvePublicKey = field(repr=False)
    key_id: str
    not_before: int | None = None
    not_after: int | None = None

    def in_force(self, now: int) -> bool:
        """Whether `now` (seconds since the epoch) is within the certificate's dates (RFC 5280 §4.1.2.5)."""
        begun = self.not_before is None or self.not_before <= now
        return begun and (self.not_after is None or now <= self.not_after)

    def fits(self, profile: Profile) -> bool:
        """Whether `profile` takes a key of this kind and size."""
        if isinstance(self.public_key, RSAPublicKey):
            return profile.minimum_rsa_bits <= self.public_key.key_size <= MAX_RSA_BITS
        return self.public_key.curve.name in profile.curves

    def verifies(self, algorithm: SignatureAlgorithm, signature: bytes, octets: bytes) -> bool:
        """Whether this key made `signature` over `octets`: PKCS#1 v1.5, PSS, or ECDSA as r||s (XML Signature 1.1 §6.4.3).

        One of several keys may fail honestly, so this answers; the caller raises where no key verifies.
        """
        digest, key = algorithm.digest, self.public_key
        try:
            match algorithm.scheme:
                case "pkcs1" if isinstance(key, RSAPublicKey):
                    key.verify(signature, octets, PKCS1v15(), digest)
                case "pss" if isinstance(key, RSAPublicKey):
                    # Exactly this salt: a length read from the signature would be the sender's choice
                    key.verify(signature, octets, PSS(MGF1(digest), digest.digest_size), digest)
                case "ecdsa" if isinstance(key, ec.EllipticCurvePublicKey):
                    size = (key.curve.key_size + 7) // 8
                    if len(signature) != 2 * size:
                        return False
                    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                    key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(digest))
                case _:
                    return False
        except InvalidSignature:
            return False
        return True


def prepared(
    public_key: object, profile: Profile, *, not_before: int | None = None, not_after: int | None = None
) -> PinnedKey:
    """A key that may verify under `profile`. ValueError, with words for an operator, for a kind or size that it refuses.

    At start and when metadata is taken, never on a request: see `rsa_keys`.
    """
    if isinstance(public_key, RSAPublicKey):
        check_rsa(public_key.public_numbers(), profile.minimum_rsa_bits, profile.minimum_rsa_exponent)
    elif not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name not in profile.curves:
        curves = " or ".join(name for pyca, (name, _) in CURVE_NAMES.items() if pyca in profile.curves)
        raise ValueError(f"a key that is neither RSA nor on {curves}")
    return PinnedKey(public_key, thumbprint(public_key), not_before, not_after)


def certificate_of(der: bytes) -> Certificate:
    """An X.509 certificate with its dates. ValueError, with words for an operator, for one that cannot be read.

    What a stranger published is loaded here alone: `InvalidVersion` is no ValueError, and a second loader would forget it.
    """
    try:
        certificate = load_der_x509_certificate(der)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, InvalidVersion) as error:
        raise ValueError("a certificate that cannot be read") from error
    return certificate


def key_of_certificate(der: bytes, profile: Profile) -> PinnedKey:
    """The key that a certificate of SAML metadata carries. ValueError as `prepared`.

    The certificate is a container: metadata is what vouches for the key, so its issuer is not looked at (SAML V2.0 Metadata
    Interoperability Profile §2.6.1), and its dates only where the profile says so.
    """
    certificate = certificate_of(der)
    try:
        public_key = certificate.public_key()
    except UnsupportedAlgorithm:
        raise ValueError("a key of a kind that nobody here knows") from None
    if not profile.certificate_dates:
        return prepared(public_key, profile)
    return prepared(
        public_key,
        profile,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
    )
