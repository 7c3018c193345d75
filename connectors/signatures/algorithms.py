"""Every SignatureMethod that we know. Which of them is taken is a matter of the profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

Scheme = Literal["pkcs1", "pss", "ecdsa"]


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One SignatureMethod of XML signature: its URI, what is computed, and its hash.

    `pss` is RSASSA-PSS with MGF1 of the same hash, a salt as long as the hash and trailer 1 (RFC 9231 §2.3.9), which has
    no parameters: another salt is another algorithm, that we do not know.
    """

    uri: str
    scheme: Scheme
    digest: HashAlgorithm


def _known() -> Mapping[str, SignatureAlgorithm]:
    more, newer = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2007/05/xmldsig-more#"
    found: list[SignatureAlgorithm] = []
    for digest in (SHA256(), SHA384(), SHA512()):
        found += [
            SignatureAlgorithm(f"{more}rsa-{digest.name}", "pkcs1", digest),
            SignatureAlgorithm(f"{newer}{digest.name}-rsa-MGF1", "pss", digest),
            SignatureAlgorithm(f"{more}ecdsa-{digest.name}", "ecdsa", digest),
        ]
    # In no profile: taken by the deviation `sha1_signature` alone, to verify
    found.append(SignatureAlgorithm("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "pkcs1", SHA1()))  # noqa: S303
    return {algorithm.uri: algorithm for algorithm in found}


# MD5, DSA, ECDSA with SHA-1 and every HMAC are absent: for us they do not exist.
ALGORITHMS = _known()
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_PSS_SHA256 = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
RSA_PSS_SHA512 = "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"
# The hash that is as strong as the curve
ECDSA_BY_CURVE: Mapping[str, str] = {
    curve: f"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha{bits}"
    for bits, curves in (
        (256, ("secp256r1", "brainpoolP256r1")),
        (384, ("secp384r1", "brainpoolP384r1")),
        (512, ("secp521r1", "brainpoolP512r1")),
    )
    for curve in curves
}
