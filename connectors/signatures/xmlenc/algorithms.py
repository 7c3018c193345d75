"""Namespaces and algorithms of XML encryption. Which of them is taken is a matter of the profile."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from connectors import profiles
from connectors.formats.names import saml

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
TYPE_ELEMENT = f"{XENC}Element"
ENCRYPTED_ASSERTION = saml("EncryptedAssertion")

# NIST SP 800-38D §5.2.1.1 and XML Encryption 1.1 §5.2.4: an IV of 96 bits, a tag of 128
IV_OCTETS, TAG_OCTETS = 12, 16
KEY_OCTETS: Mapping[str, int] = {profiles.AES128_GCM: 16, profiles.AES192_GCM: 24, profiles.AES256_GCM: 32}
# Known, so that a profile may take them; what is not here does not exist for us
DIGESTS: Mapping[str, HashAlgorithm] = {
    profiles.SHA1: SHA1(),  # noqa: S303 - OAEP of SAML2INT alone, where SHA-1 is no weakness
    profiles.SHA256: SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": SHA384(),
    "http://www.w3.org/2001/04/xmlenc#sha512": SHA512(),
}
MGFS: Mapping[str, HashAlgorithm] = {
    profiles.MGF1_SHA1: SHA1(),  # noqa: S303 - as above
    profiles.MGF1_SHA256: SHA256(),
    f"{XENC11}mgf1sha384": SHA384(),
    f"{XENC11}mgf1sha512": SHA512(),
}
