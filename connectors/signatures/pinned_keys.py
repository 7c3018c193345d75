"""Public keys that may verify: prepared once, from pinned metadata, and named by their RFC 7638 thumbprint."""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from connectors.deviations import NOTHING, Tolerance
from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS, SignatureAlgorithm
from connectors.signatures.certificates import key_and_dates
from connectors.signatures.jwk import CURVE_NAMES, thumbprint
from connectors.signatures.pss_keys import PssOnly
from connectors.signatures.rsa_keys import MAX_RSA_BITS, check_rsa


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A pinned public key, ready to verify. The dates (seconds, both included) are its certificate's, where they count.

    Verification has no clock: select the keys that are `in_force(now)` before.
    """

    public_key: RSAPublicKey | ec.EllipticCurvePublicKey = field(repr=False)
    key_id: str
    not_before: int | None = None
    not_after: int | None = None
    # How its own SPKI binds it to RSASSA-PSS; None: it does not
    pss: PssOnly | None = None

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
        """Whether this key made `signature`: PKCS#1 v1.5, PSS, or ECDSA as r||s (XML Signature 1.1 §6.4.3)."""
        digest, key = algorithm.digest, self.public_key
        try:
            match algorithm.scheme:
                case "pkcs1" if isinstance(key, RSAPublicKey) and self.pss is None:
                    key.verify(signature, octets, PKCS1v15(), digest)
                case "pss" if isinstance(key, RSAPublicKey) and _allowed(self.pss, algorithm):
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


def _allowed(pss: PssOnly | None, algorithm: SignatureAlgorithm) -> bool:
    """Whether an algorithm of PSS, with one hash and a salt of its length, is within what a key is bound to."""
    digest = algorithm.digest
    return pss is None or (algorithm.scheme == "pss" and pss.allows(digest.name, digest.name, digest.digest_size))


def prepared(
    public_key: object,
    profile: Profile,
    *,
    not_before: int | None = None,
    not_after: int | None = None,
    pss: PssOnly | None = None,
) -> PinnedKey:
    """A key that may verify under `profile`. ValueError, with words for an operator, for a kind or size that it refuses."""
    if not any(_allowed(pss, ALGORITHMS[uri]) for uri in profile.signature_algorithms):
        raise ValueError(f"a key for RSASSA-PSS alone, with parameters that {profile.name} does not have")
    if isinstance(public_key, RSAPublicKey):
        check_rsa(public_key.public_numbers(), profile.minimum_rsa_bits, profile.minimum_rsa_exponent)
    elif not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name not in profile.curves:
        curves = " or ".join(name for pyca, (name, _) in CURVE_NAMES.items() if pyca in profile.curves)
        raise ValueError(f"a key that is neither RSA nor on {curves}")
    return PinnedKey(public_key, thumbprint(public_key), not_before, not_after, pss)


def key_of_certificate(der: bytes, profile: Profile, tolerance: Tolerance = NOTHING) -> PinnedKey:
    """The key that a certificate of SAML metadata carries. ValueError as `prepared`; `tolerance` as `key_and_dates` has it.

    The certificate is a container (SAML V2.0 Metadata Interoperability Profile §2.6.1): its issuer does not count, and its
    dates only where the profile says so.
    """
    found = key_and_dates(der, tolerance)
    if not profile.certificate_dates:
        return prepared(found.public_key, profile, pss=found.pss)
    begins, ends = found.dates.not_before, found.dates.not_after
    return prepared(found.public_key, profile, not_before=begins, not_after=ends, pss=found.pss)
