"""The algorithms, keys and times that a message must have: profiles as data. Each verification and signature names one.

`SAML2INT` is for identity providers whose metadata is pinned (saml2int), `EIDAS` for another country's
node (eIDAS Cryptographic Requirements), `STORK` for one whose keys are pinned. A set that is empty takes nothing.
"""

from dataclasses import dataclass, replace

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11 = "http://www.w3.org/2009/xmlenc11#"

_PKCS1 = frozenset(f"{_MORE}rsa-sha{bits}" for bits in (256, 384, 512))
_PSS = frozenset(f"http://www.w3.org/2007/05/xmldsig-more#sha{bits}-rsa-MGF1" for bits in (256, 384, 512))
_ECDSA = frozenset(f"{_MORE}ecdsa-sha{bits}" for bits in (256, 384, 512))
_SHA2 = frozenset({f"{_XMLENC}sha256", f"{_MORE}sha384", f"{_XMLENC}sha512"})

AES128_GCM = f"{_XMLENC11}aes128-gcm"
AES192_GCM = f"{_XMLENC11}aes192-gcm"
AES256_GCM = f"{_XMLENC11}aes256-gcm"
# In no profile: taken by the deviation `aes_cbc` alone
AES128_CBC = f"{_XMLENC}aes128-cbc"
AES192_CBC = f"{_XMLENC}aes192-cbc"
AES256_CBC = f"{_XMLENC}aes256-cbc"
RSA_OAEP = f"{_XMLENC11}rsa-oaep"
RSA_OAEP_MGF1P = f"{_XMLENC}rsa-oaep-mgf1p"
MGF1_SHA1 = f"{_XMLENC11}mgf1sha1"
MGF1_SHA256 = f"{_XMLENC11}mgf1sha256"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
SHA256 = f"{_XMLENC}sha256"
ECDH_ES = f"{_XMLENC11}ECDH-ES"
KW_AES128 = f"{_XMLENC}kw-aes128"
KW_AES256 = f"{_XMLENC}kw-aes256"

_GCM = frozenset({AES128_GCM, AES192_GCM, AES256_GCM})
_MGF1 = frozenset(f"{_XMLENC11}mgf1sha{bits}" for bits in (256, 384, 512))
_NIST = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_BRAINPOOL = frozenset({"brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"})


@dataclass(frozen=True, slots=True)
class Profile:
    """Algorithms by their URIs, sizes in bits and octets, times in seconds."""

    name: str
    signature_algorithms: frozenset[str]
    digests: frozenset[str]
    minimum_rsa_bits: int
    minimum_rsa_exponent: int
    curves: frozenset[str]  # as pyca names them
    content_encryption: frozenset[str]
    key_transports: frozenset[str]
    oaep_digests: frozenset[str]
    oaep_mgfs: frozenset[str]
    # A key agreed on, the hash of ConcatKDF that derives the wrapping key from it, and how that one wraps
    key_agreements: frozenset[str]
    kdf_digests: frozenset[str]
    key_wraps: frozenset[str]
    skew: int
    max_age: int
    # A key whose certificate is outside its dates does not verify: `connectors.signatures.pinned_keys.PinnedKey.in_force`
    certificate_dates: bool
    max_octets: int


SAML2INT = Profile(
    name="saml2int",
    signature_algorithms=_PKCS1 | _ECDSA,
    digests=_SHA2,
    # saml2int: RSA from 2048 bits, curves from 256
    minimum_rsa_bits=2048,
    # Federations' bound: Shibboleth's aggregator of metadata refuses 3 by default, and nothing above it
    minimum_rsa_exponent=5,
    curves=_NIST,
    content_encryption=_GCM,
    # SHA-1 inside OAEP is no weakness, and deployed identity providers still send it
    key_transports=frozenset({RSA_OAEP, RSA_OAEP_MGF1P}),
    oaep_digests=_SHA2 | {SHA1},
    oaep_mgfs=_MGF1 | {MGF1_SHA1},
    # saml2int has transport alone
    key_agreements=frozenset(),
    kdf_digests=frozenset(),
    key_wraps=frozenset(),
    # saml2int SDP-G01: clocks may differ by three to five minutes
    skew=180,
    # A message is used when it is made
    max_age=300,
    certificate_dates=False,
    max_octets=256 * 1024,
)

EIDAS = Profile(
    name="eidas",
    signature_algorithms=_PSS | _ECDSA,
    digests=_SHA2,
    minimum_rsa_bits=3072,
    # FIPS 186-5 §A.1.1
    minimum_rsa_exponent=2**16 + 1,
    curves=_NIST | _BRAINPOOL,
    content_encryption=_GCM,
    # rsa-oaep-mgf1p has MGF1 with SHA-1 by its definition
    key_transports=frozenset({RSA_OAEP}),
    oaep_digests=_SHA2,
    oaep_mgfs=_MGF1,
    key_agreements=frozenset({ECDH_ES}),
    kdf_digests=_SHA2,
    key_wraps=frozenset({KW_AES128, KW_AES256}),
    # Nodes are run by states and keep time
    skew=60,
    max_age=300,
    certificate_dates=True,
    max_octets=256 * 1024,
)

# STORK of 2010 to 2015, held to what is sound today: its keys are pinned, and RSA of then is taken from 2048 bits
STORK = replace(
    SAML2INT,
    name="stork",
    signature_algorithms=_PKCS1 | _PSS | _ECDSA,
    curves=_NIST | _BRAINPOOL,
    certificate_dates=True,
)
# What the deviation `sha1_signature` adds to it, to verify and never to sign
STORK_SHA1 = replace(
    STORK,
    signature_algorithms=STORK.signature_algorithms | {RSA_SHA1},
    digests=STORK.digests | {SHA1},
)

# Publishers sign a list of nodes as few nodes may sign: RSA PKCS#1 v1.5, with a key of 2048 bits. `EIDAS` judges the
# certificate of each node in it.
SERVICE_LIST = replace(
    EIDAS,
    name="service list",
    signature_algorithms=_PKCS1 | _PSS | _ECDSA,
    minimum_rsa_bits=2048,
    max_octets=1024 * 1024,
)
