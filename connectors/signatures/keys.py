"""Public keys that may verify: prepared once, from pinned metadata, and named by their RFC 7638 thumbprint."""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509 import load_der_x509_certificate

from connectors.signatures.jwk import CURVE_NAMES, thumbprint

# spec/saml.md §11: what is shorter is refused when it is loaded. The upper bound keeps verification cheap.
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One SignatureMethod of XML signature: its URI, the kind of key that it takes, and its hash."""

    uri: str
    rsa: bool
    digest: HashAlgorithm


# spec/saml.md §11. What is absent (SHA-1, MD5, DSA, every HMAC) does not exist for us.
ALGORITHMS: dict[str, SignatureAlgorithm] = {
    algorithm.uri: algorithm
    for algorithm in (
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", rsa=True, digest=SHA256()),
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", rsa=True, digest=SHA384()),
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", rsa=True, digest=SHA512()),
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", rsa=False, digest=SHA256()),
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", rsa=False, digest=SHA384()),
        SignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", rsa=False, digest=SHA512()),
    )
}
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A pinned public key, ready to verify."""

    public_key: RSAPublicKey | ec.EllipticCurvePublicKey = field(repr=False)
    key_id: str

    def verifies(self, algorithm: SignatureAlgorithm, signature: bytes, octets: bytes) -> bool:
        """Whether this key made `signature` over `octets`: PKCS#1 v1.5, or ECDSA as r||s (XML Signature 1.1 §6.4.3).

        One of several keys may fail honestly, so this answers; the caller raises where no key verifies.
        """
        try:
            match self.public_key:
                case RSAPublicKey() if algorithm.rsa:
                    self.public_key.verify(signature, octets, PKCS1v15(), algorithm.digest)
                case ec.EllipticCurvePublicKey() if not algorithm.rsa:
                    size = (self.public_key.curve.key_size + 7) // 8
                    if len(signature) != 2 * size:
                        return False
                    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                    self.public_key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(algorithm.digest))
                case _:
                    return False
        except InvalidSignature:
            return False
        return True


def prepared(public_key: object) -> PinnedKey:
    """A key that may verify. ValueError, with words for an operator, for a kind or size that we do not take."""
    match public_key:
        case RSAPublicKey() if MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS:
            return PinnedKey(public_key=public_key, key_id=thumbprint(public_key))
        case RSAPublicKey():
            raise ValueError(f"an RSA key of {public_key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are taken")
        case ec.EllipticCurvePublicKey() if public_key.curve.name in CURVE_NAMES:
            return PinnedKey(public_key=public_key, key_id=thumbprint(public_key))
        case _:
            raise ValueError("a key that is neither RSA nor on P-256 or P-384")


def key_of_certificate(der: bytes) -> PinnedKey:
    """The key that a certificate of SAML metadata carries. ValueError as `prepared`.

    The certificate is a container: metadata is what vouches for the key, so dates and issuer are not looked at
    (SAML V2.0 Metadata Interoperability Profile §2.6.1).
    """
    return prepared(load_der_x509_certificate(der).public_key())
