"""Namespaces and algorithms of XML encryption. Which of them is taken is a matter of the profile."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from connectors import profiles
from connectors.wire.names import saml

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
# A public key as a SubjectPublicKeyInfo (XML Signature 1.1 §4.5.9)
DER_KEY = f"{{{DSIG11}}}DEREncodedKeyValue"
TYPE_ELEMENT = f"{XENC}Element"
TYPE_ENCRYPTED_KEY = f"{XENC}EncryptedKey"
ENCRYPTED_ASSERTION = saml("EncryptedAssertion")

# NIST SP 800-38D §5.2.1.1 and XML Encryption 1.1 §5.2.4: an IV of 96 bits, a tag of 128
IV_OCTETS, TAG_OCTETS = 12, 16
KEY_OCTETS: Mapping[str, int] = {profiles.AES128_GCM: 16, profiles.AES192_GCM: 24, profiles.AES256_GCM: 32}
# XML Encryption 1.1 §5.2.3: an IV of one block, then whole blocks
CBC_KEY_OCTETS: Mapping[str, int] = {profiles.AES128_CBC: 16, profiles.AES192_CBC: 24, profiles.AES256_CBC: 32}
CBC_BLOCK_OCTETS = 16
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
CONCAT_KDF = f"{XENC11}ConcatKDF"
WRAP_OCTETS: Mapping[str, int] = {profiles.KW_AES128: 16, profiles.KW_AES256: 32}
# RFC 3394 §2.2.1: a wrapped key is longer by its integrity check value
WRAP_OVERHEAD = 8
# RFC 5480 §2.1.1.1 and RFC 5639 §4.1
CURVES: Mapping[str, ec.EllipticCurve] = {
    "urn:oid:1.2.840.10045.3.1.7": ec.SECP256R1(),
    "urn:oid:1.3.132.0.34": ec.SECP384R1(),
    "urn:oid:1.3.132.0.35": ec.SECP521R1(),
    "urn:oid:1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1(),
    "urn:oid:1.3.36.3.3.2.8.1.1.11": ec.BrainpoolP384R1(),
    "urn:oid:1.3.36.3.3.2.8.1.1.13": ec.BrainpoolP512R1(),
}
CURVE_URNS: Mapping[str, str] = {curve.name: urn for urn, curve in CURVES.items()}
