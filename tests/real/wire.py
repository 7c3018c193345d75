"""XML signatures and encryption as the nodes of this folder make them: by python-xmlsec (libxmlsec), with keys of pyca.

Nothing of the product is imported here: what two programs agree on must not be one program's view.
"""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from lxml import etree
from xmlsec import constants

DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_PSS = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
RSA_PSS_512 = "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
Element = etree._Element
_MESSAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("messages")), autoescape=True, undefined=StrictUndefined
)


class Refused(Exception):
    """A node does not take a message."""


@dataclass(frozen=True)
class Key:
    """A private key with its self-signed certificate."""

    pem: bytes = field(repr=False)
    certificate: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The certificate as metadata has it."""
        return base64.b64encode(self.certificate).decode()

    @property
    def pinned(self) -> str:
        """The certificate as an operator pins it."""
        return x509.load_der_x509_certificate(self.certificate).public_bytes(Encoding.PEM).decode()


def filled(template: str, **values: object) -> str:
    """A message of this folder, on one line: no text stands between its elements."""
    found = _MESSAGES.get_template(template).render(values, uri=URI, entity=ENTITY)
    return "".join(line.strip() for line in found.splitlines())


def made(name: str, *, curve: bool) -> Key:
    """A key on P-256, or RSA of 3072 bits."""
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 3072)
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=700))
        .sign(private, SHA256())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Key(pem, certificate.public_bytes(Encoding.DER))


def signed(text: str, key: Key, method: str, place: int, prefixes: str = "") -> bytes:
    """A document with a Signature over its root at this place among its children, as OpenSAML lays it out.

    `prefixes` is the PrefixList that OpenSAML writes for the namespaces of values' types.
    """
    root = etree.fromstring(text)
    inclusive = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>' if prefixes else ""
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXC_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{root.get("ID")}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{DS}enveloped-signature"/>'
        f'<ds:Transform Algorithm="{EXC_C14N}">{inclusive}</ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{XENC}sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>'
        f"<ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{key.text}</ds:X509Certificate></ds:X509Data>"
        "</ds:KeyInfo></ds:Signature>"
    )
    root.insert(place, signature)
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.pem, constants.KeyDataFormatPem)
    context.sign(signature)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def verified(octets: bytes, certificate: bytes) -> Element:
    """The root of a document, which this certificate's key signed as a whole. Raises `Refused`."""
    root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    signature = root.find(f"{{{DS}}}Signature")
    if signature is None:
        raise Refused("no Signature")
    references = [reference.get("URI") for reference in signature.iter(f"{{{DS}}}Reference")]
    if references != [f"#{root.get('ID')}"]:
        raise Refused("a Signature over something else than the whole")
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, constants.KeyDataFormatCertDer)
    try:
        context.verify(signature)
    except xmlsec.Error as error:
        raise Refused(f"the Signature does not hold: {error}") from error
    return root


def encrypted(assertion: str, certificate: bytes) -> str:
    """An EncryptedAssertion: AES-256-GCM, whose key goes by RSA-OAEP with SHA-256, in the layout of OpenSAML's INLINE."""
    holder = etree.fromstring(
        f'<saml2:EncryptedAssertion xmlns:saml2="{SAML}"><xenc:EncryptedData xmlns:xenc="{XENC}" Id="_data" '
        f'Type="{XENC}Element"><xenc:EncryptionMethod Algorithm="{XENC11}aes256-gcm"/><ds:KeyInfo xmlns:ds="{DS}">'
        f'<xenc:EncryptedKey Id="_key"><xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep">'
        f'<ds:DigestMethod Algorithm="{XENC}sha256"/>'
        f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></xenc:EncryptionMethod>'
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{base64.b64encode(certificate).decode()}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
        "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData></saml2:EncryptedAssertion>"
    )
    # libxmlsec would look for the recipient's key in the hint: it is put back when it has filled the rest
    hint = holder.find(f".//{{{XENC}}}EncryptedKey/{{{DS}}}KeyInfo")
    assert hint is not None
    parent = hint.getparent()
    assert parent is not None
    parent.remove(hint)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate, constants.KeyDataFormatCertDer))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(constants.KeyDataAes, 256, constants.KeyDataTypeSession)
    context.encrypt_binary(holder[0], assertion.encode())
    parent.insert(1, hint)
    return etree.tostring(holder, encoding="unicode")


def decrypted(holder: Element, key: Key) -> Element:
    """The assertion in an EncryptedAssertion. Raises `Refused`."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(key.pem, constants.KeyDataFormatPem))
    try:
        found: Element = xmlsec.EncryptionContext(manager).decrypt(holder[0])
    except xmlsec.Error as error:
        raise Refused(f"what is encrypted does not open: {error}") from error
    return found


def instant(seconds: float, digits: int) -> str:
    """A time in UTC, with so many digits after the second: Java's `Instant` has nine, what OpenSAML writes three."""
    whole = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{seconds - int(seconds):.{digits}f}"[1:] if digits else ""
    return f"{whole}{fraction}Z"
