"""The fuzzer's parties: an identity provider, a node and a client with keys of this run, and all that they signed.

`signed` holds the digest of every octets that one of them put a signature on. What the product accepts must be among them:
that is the oracle, and it shares no code with the verification but libxml2's canonicalisation.
"""

import base64
import hashlib
import json
import os
import zlib
from dataclasses import dataclass, field
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.jwk import thumbprint
from connectors.signatures.jws import VerificationKey, verification_key
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey, prepared
from tests.connectors import forge

DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
SIGNATURE = f"{{{DS}}}Signature"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


@dataclass(frozen=True, slots=True)
class World:
    """The keys of a run. One P-256 key signs everything: it is the fastest that both profiles take."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    pinned: PinnedKey
    eidas: PinnedKey
    token_key: VerificationKey
    ours: rsa.RSAPrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)
    our_pem: bytes = field(repr=False)
    signed: set[bytes] = field(default_factory=set, repr=False)

    def remember(self, octets: bytes) -> bytes:
        """Octets that a signature of ours covers from now on."""
        self.signed.add(hashlib.sha256(octets).digest())
        return octets

    def made(self, octets: bytes) -> bool:
        """Whether one of us ever signed exactly these."""
        return hashlib.sha256(octets).digest() in self.signed

    def raw_signature(self, octets: bytes) -> bytes:
        """ECDSA with SHA-256 as r||s."""
        r, s = decode_dss_signature(self.key.sign(octets, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def sign(self, element: Element, place: int) -> None:
        """Put an enveloped Signature over an element into it, whatever else is wrong with it."""
        covered = self.remember(canonical(element))
        digest = base64.b64encode(hashlib.sha256(covered).digest()).decode()
        reference = quote(element.get("ID") or "", safe="-_.~:")
        template = etree.fromstring(
            f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXC}"/>'
            f'<ds:SignatureMethod Algorithm="{ECDSA}"/><ds:Reference URI="#{reference}"><ds:Transforms>'
            f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{EXC}"/></ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{XENC}sha256"/><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>'
            "</ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
        )
        element.insert(min(place, len(element)), template)
        template[1].text = base64.b64encode(self.raw_signature(canonical(template[0]))).decode()

    def encrypt(self, plaintext: bytes) -> Element:
        """A saml:EncryptedAssertion of any octets, to the product's key."""
        content, iv = os.urandom(32), os.urandom(12)
        value = iv + AESGCM(content).encrypt(iv, plaintext, None)
        wrapped = self.ours.public_key().encrypt(content, OAEP(MGF1(SHA256()), SHA256(), None))
        return etree.fromstring(
            f'<saml:EncryptedAssertion xmlns:saml="{forge.SAML}"><x:EncryptedData xmlns:x="{XENC}" Type="{XENC}Element">'
            f'<x:EncryptionMethod Algorithm="{XENC11}aes256-gcm"/><ds:KeyInfo xmlns:ds="{DS}"><x:EncryptedKey>'
            f'<x:EncryptionMethod Algorithm="{XENC11}rsa-oaep"><ds:DigestMethod Algorithm="{XENC}sha256"/>'
            f'<m:MGF xmlns:m="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></x:EncryptionMethod><x:CipherData>'
            f"<x:CipherValue>{base64.b64encode(wrapped).decode()}</x:CipherValue></x:CipherData></x:EncryptedKey>"
            f"</ds:KeyInfo><x:CipherData><x:CipherValue>{base64.b64encode(value).decode()}</x:CipherValue></x:CipherData>"
            "</x:EncryptedData></saml:EncryptedAssertion>"
        )

    def query(self, parameter: str, message: bytes, relay_state: bytes) -> str:
        """A signed query of any message."""
        deflater = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
        packed = base64.b64encode(deflater.compress(message) + deflater.flush())
        pairs = [(parameter, packed), ("RelayState", relay_state), ("SigAlg", ECDSA.encode())]
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs if value)
        signature = base64.b64encode(self.raw_signature(self.remember(text.encode())))
        return f"{text}&Signature={quote(signature, safe='')}"

    def token(self, header: bytes, claims: bytes) -> str:
        """A compact JWS of any header and claims."""
        head, body = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, claims))
        self.remember(claims)
        signature = self.raw_signature(f"{head}.{body}".encode())
        return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def token_header(self) -> bytes:
        """The header that an honest token of ours has."""
        return json.dumps({"alg": "ES256", "typ": "JWT", "kid": self.token_key.kid}).encode()


def new_world() -> World:
    """Keys of this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    ours = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return World(
        key=key,
        pinned=prepared(key.public_key(), SAML2INT),
        eidas=prepared(key.public_key(), EIDAS),
        token_key=verification_key(key.public_key(), "ES256", thumbprint(key.public_key())),
        ours=ours,
        certificate=forge.party(key).certificate,
        our_pem=forge.party(ours).pem,
    )


def canonical(element: Element) -> bytes:
    """Exclusive C14N. ValueError where there is none."""
    try:
        return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    except etree.C14NError as error:
        raise ValueError("no canonical form") from error
