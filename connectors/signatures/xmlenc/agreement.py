"""A key that is agreed on: ECDH-ES with ConcatKDF (XML Encryption 1.1 §5.4.1 and §5.6.4), which unwraps by RFC 3394.

```xml
<xenc:AgreementMethod Algorithm="http://www.w3.org/2009/xmlenc11#ECDH-ES">                      no KA-Nonce
  <xenc11:KeyDerivationMethod Algorithm="http://www.w3.org/2009/xmlenc11#ConcatKDF">
    <xenc11:ConcatKDFParams AlgorithmID="0000" PartyUInfo="0000" PartyVInfo="0000">             each may be absent
      <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>                    or SHA-384, SHA-512
    </xenc11:ConcatKDFParams>
  </xenc11:KeyDerivationMethod>
  <xenc:OriginatorKeyInfo>
    <ds:KeyValue><dsig11:ECKeyValue>                            or dsig11:DEREncodedKeyValue, or both of one key
      <dsig11:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>                         or another of the profile's
      <dsig11:PublicKey>04 || x || y</dsig11:PublicKey>
    </dsig11:ECKeyValue></ds:KeyValue>
  </xenc:OriginatorKeyInfo>
  <xenc:RecipientKeyInfo>…</xenc:RecipientKeyInfo>                                   a hint, allowed, never read
</xenc:AgreementMethod>
```

The key that wraps is KDF(Z, OtherInfo), Z the x coordinate of the common point. A parameter is a bit string: its first
octet says how many bits of the last one are padding, none here; the octets after it go into OtherInfo, one after the other.
"""

import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from connectors.profiles import Profile
from connectors.signatures.parse import Element, attributes
from connectors.signatures.profile import DS
from connectors.signatures.xmldsig import KEY_HINTS
from connectors.signatures.xmlenc.algorithms import CONCAT_KDF, CURVES, DER_KEY, DIGESTS, DSIG11, WRAP_OCTETS, XENC, XENC11
from connectors.signatures.xmlenc.grammar import ID, NOTHING, algorithm, children, octets
from policies.errors import AssertionRejected

# XML Encryption 1.1 §5.4.1: in this order
_PARAMETERS = ("AlgorithmID", "PartyUInfo", "PartyVInfo", "SuppPubInfo", "SuppPrivInfo")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
# An octet for padding, four for a length, and an entity id (SAML Core 2.0 §8.3.6)
MAX_PARAMETER = 1 + 4 + 1024
# A SubjectPublicKeyInfo on the longest of our curves has 158
MAX_DER = 256
_UNCOMPRESSED = 4


@dataclass(frozen=True, slots=True)
class Agreed:
    """One AgreementMethod of the profile, and the wrapping that it is for: everything of both that is used."""

    originator: EllipticCurvePublicKey = field(repr=False)
    digest: HashAlgorithm
    other_info: bytes
    wrap_octets: int

    def wrapping_key(self, secret: bytes) -> bytes:
        """The key of AES key wrap that comes from the shared secret Z (NIST SP 800-56A §5.8.1)."""
        return ConcatKDFHash(self.digest, self.wrap_octets, self.other_info).derive(secret)


def read_agreement(agreement: Element, wrap: Element, profile: Profile) -> Agreed:
    """An AgreementMethod, with the EncryptionMethod of the key that it wraps. Raises `AssertionRejected`, by name."""
    if attributes(agreement).get("Algorithm") not in profile.key_agreements:
        raise AssertionRejected("key_agreement", "a key agreement that we do not take")
    form = [(XENC11, "KeyDerivationMethod"), (XENC, "OriginatorKeyInfo")]
    if len(agreement) > len(form):
        form.append((XENC, "RecipientKeyInfo"))
    derivation, originator, *recipient = children(agreement, "key_agreement", frozenset({"Algorithm"}), *form)
    if any(hint.tag not in KEY_HINTS | {DER_KEY} for info in recipient for hint in info.iterdescendants()):
        raise AssertionRejected("key_info", "a recipient with more than certificates, key values and names")
    digest, other_info = _derivation(derivation, profile)
    uri = algorithm(wrap, "key_wrap", profile.key_wraps & WRAP_OCTETS.keys())
    if len(wrap):
        raise AssertionRejected("key_wrap", "a key wrap with parameters")
    return Agreed(_originator(originator, profile), digest, other_info, WRAP_OCTETS[uri])


def _derivation(method: Element, profile: Profile) -> tuple[HashAlgorithm, bytes]:
    """The hash of ConcatKDF and its OtherInfo."""
    algorithm(method, "key_derivation", frozenset({CONCAT_KDF}))
    (parameters,) = children(method, "key_derivation", frozenset({"Algorithm"}), (XENC11, "ConcatKDFParams"))
    (digest,) = children(parameters, "key_derivation", frozenset(_PARAMETERS), (DS, "DigestMethod"))
    uri = algorithm(digest, "key_derivation", profile.kdf_digests & DIGESTS.keys())
    if len(digest):
        raise AssertionRejected("key_derivation", "a hash with parameters")
    found = attributes(parameters)
    return DIGESTS[uri], b"".join(_whole_octets(found.get(name, "")) for name in _PARAMETERS)


def _whole_octets(bits: str) -> bytes:
    """The octets of a bit string in hex. An empty one, which libxmlsec and others write, says nothing."""
    if not bits:
        return b""
    if len(bits) > 2 * MAX_PARAMETER or not _HEX.fullmatch(bits):
        raise AssertionRejected("key_derivation", "a parameter that is not hexadecimal, or too long")
    padding, *said = bytes.fromhex(bits)
    if padding:
        # Readers disagree about bits that are no octets: nobody sends any
        raise AssertionRejected("key_derivation", "a parameter that is not whole octets")
    return bytes(said)


def _originator(info: Element, profile: Profile) -> EllipticCurvePublicKey:
    """The sender's key, and nothing beside it but the same key in its other form, as the EU's node 2.9 writes it."""
    tags = [child.tag for child in info]
    form = [(DS, "KeyValue"), (DSIG11, "DEREncodedKeyValue")]
    values = children(info, "originator_key", ID, *(form[1:] if tags == [DER_KEY] else form[: len(tags) or 1]))
    keys = [_der_key(octets(one, "originator_key")) if one.tag == DER_KEY else _point(one) for one in values]
    key = keys[0]
    if any(other.public_numbers() != key.public_numbers() for other in keys):
        raise AssertionRejected("originator_key", "two keys")
    if key.curve.name not in profile.curves:
        raise AssertionRejected("originator_key", "a key on a curve that we do not take")
    return key


def _point(value: Element) -> EllipticCurvePublicKey:
    """A KeyValue with an ECKeyValue (XML Signature 1.1 §4.5.2.3): a named curve, and a point in its one spelling."""
    (key,) = children(value, "originator_key", NOTHING, (DSIG11, "ECKeyValue"))
    named, public = children(key, "originator_key", ID, (DSIG11, "NamedCurve"), (DSIG11, "PublicKey"))
    children(named, "originator_key", frozenset({"URI"}))
    curve, point = CURVES.get(attributes(named).get("URI", "")), octets(public, "originator_key")
    if curve is None:
        raise AssertionRejected("originator_key", "a key on an unknown curve")
    if point[0] != _UNCOMPRESSED:
        raise AssertionRejected("originator_key", "a point that is compressed")
    try:
        # pyca refuses a point of another length, and one that is not on the curve, whose multiples would tell our key
        # (invalid curve attack)
        return EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        raise AssertionRejected("originator_key", "a point that is not on its curve") from None


def _der_key(der: bytes) -> EllipticCurvePublicKey:
    """A SubjectPublicKeyInfo on a named curve in its one spelling: no parameters of a curve of the sender's own."""
    key: object = None
    if len(der) <= MAX_DER:
        try:
            key = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            key = None
    if not isinstance(key, EllipticCurvePublicKey):
        raise AssertionRejected("originator_key", "a key that cannot be read, or is on no curve")
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
        raise AssertionRejected("originator_key", "a key in a spelling of its own")
    return key
