"""Signed metadata of one entity: the Signature first, comments that say nothing, keys described that sign nothing here."""

import base64

import pytest
from lxml import etree

from connectors.profiles import EIDAS
from connectors.signatures.parse import MAX_METADATA, MAX_OCTETS, Element, parse_canonical, parse_message
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.crossing import PSS, by, node, pinned
from tests.connectors.forge import DS, SAMLP, How

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
CERTIFICATE = base64.b64encode(b"any").decode()
XML = (
    f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" ID="_m" entityID="https://node.example/metadata">\n'
    f'<!-- made today --><md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">\n'
    "<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
    f"{CERTIFICATE}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    f'<md:EncryptionMethod Algorithm="x"><ds:DigestMethod Algorithm="y"/></md:EncryptionMethod></md:KeyDescriptor>\n'
    "<md:NameIDFormat>text</md:NameIDFormat><!-- between --></md:IDPSSODescriptor></md:EntityDescriptor>"
).encode()


def sign(xml: bytes, *, uri: str = "#_m", place: int = 0, party: str = "peer", how: How | None = None) -> bytes:
    """Signed by libxmlsec; the Reference is written before it signs."""

    def edit(template: Element) -> None:
        template[0][2].set("URI", uri)
        parent = template.getparent()
        assert parent is not None
        parent.insert(place, template)

    root = etree.fromstring(xml)
    forge.sign_element(root, "_m", node(party), how or by(PSS.format(512), edit))
    return etree.tostring(root)


def read(octets: bytes) -> bytes:
    message = verify(octets, [pinned(node("peer"))], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    assert message.unverified_envelope == b""
    return message.signed.octets


def check_of(octets: bytes) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        read(octets)
    return refusal.value.check


@pytest.mark.spec("eidas.md §6 Reference to the whole document")
@pytest.mark.parametrize("uri", ["#_m", ""])
def test_a_reference_is_to_the_root_by_its_id_or_to_the_whole_document(uri: str) -> None:
    found = read(sign(XML, uri=uri))
    root = parse_canonical(found)
    assert root.get("entityID") == "https://node.example/metadata"
    assert b"<!--" not in found
    assert b"Signature" not in found
    assert root[0].tag == f"{{{MD}}}IDPSSODescriptor"
    assert CERTIFICATE.encode() in found


def test_metadata_may_be_larger_than_a_message_and_not_larger_than_its_own_limit() -> None:
    large = XML.replace(b"text", b"x" * MAX_OCTETS)
    assert len(read(sign(large))) > MAX_OCTETS
    with pytest.raises(AssertionRejected):
        parse_message(large)
    assert check_of(b"<a>" + b" " * MAX_METADATA + b"</a>") == "size"
    assert check_of(XML.replace(b"<md:NameIDFormat>", b"<a/>" * 5000 + b"<md:NameIDFormat>")) == "elements"
