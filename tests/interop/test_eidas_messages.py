"""The algorithms between countries, RSA-PSS and ECDSA: what peers sign and encrypt so is accepted by us, and ours by them.

Of the peers of `peer_table` these know them: signxml, xmlsec1, and python-xmlsec, whose libxmlsec is newer than Debian's.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from connectors.connector import Inbound, Post
from connectors.profiles import EIDAS
from connectors.signatures.algorithms import ECDSA_BY_CURVE, RSA_PSS_SHA512
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import encrypt
from connectors.wire.names import saml
from idp.keys.file import FileSigner
from policies.errors import SignatureInvalid
from tests.connectors.crossing import CURVES, MORE, PSS, XENC, XENC11
from tests.connectors.eidas.node import NOW, Answer, SendingNode, ask, connector_to, expectation, posted
from tests.connectors.forge import DS
from tests.connectors.metadata.node import rsa_signer, signer_of
from tests.interop.messages import altered, octets_of
from tests.interop.peer_xmldsig import ENCRYPTED, LibXmlsec, SignXml, XmlPeer, Xmlsec1Program
from tests.interop.saml_peers import Refused

pytestmark = pytest.mark.peer
RSA = "RSA"
AT = datetime.fromtimestamp(NOW, UTC)
NIST = (256, 384, 521)
BRAINPOOL = ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
ALL = (RSA, *NIST, *BRAINPOOL)
PEERS: dict[str, tuple[type[XmlPeer], tuple[int | str, ...]]] = {
    "python-xmlsec": (LibXmlsec, ALL),
    "signxml": (SignXml, ALL),
    "xmlsec1": (Xmlsec1Program, (*NIST, *BRAINPOOL)),
}
# As the eIDAS Cryptographic Requirements have it
OAEP = (
    f'<xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep"><ds:DigestMethod Algorithm="{XENC}sha256"/>'
    f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></xenc:EncryptionMethod>'
)


@cache
def key(kind: int | str, name: str) -> FileSigner:
    if kind == RSA:
        return rsa_signer(2 + len(name))
    return signer_of(ec.generate_private_key(CURVES[kind]))


def cases(column: str) -> list[object]:
    return [
        pytest.param(name, kind, marks=pytest.mark.peer_row(name, column), id=f"{name}-{kind}")
        for name, (_, kinds) in PEERS.items()
        for kind in kinds
    ]


def methods(kind: int | str) -> tuple[str, ...]:
    if kind == RSA:
        return tuple(PSS.format(bits) for bits in (256, 384, 512))
    return tuple(f"{MORE}ecdsa-sha{bits}" for bits in (256, 384, 512))


def peer(name: str, folder: Path, kind: int | str) -> XmlPeer:
    found = PEERS[name][0](folder, theirs=key(kind, "theirs"), ours=key(kind, "ours"))
    if isinstance(found, SignXml):
        found.at = AT
    return found


def unsigned(node: SendingNode) -> Element:
    return etree.fromstring(node.response(Answer(signed=False)))


@pytest.mark.parametrize(("name", "kind"), cases("its responses, eIDAS"))
def test_what_it_signs_is_accepted_by_every_hash_and_one_altered_or_of_another_key_refused(
    tmp_path: Path, name: str, kind: int | str
) -> None:
    signing, node = peer(name, tmp_path, kind), SendingNode(signer=key(kind, "theirs"))
    for method in methods(kind):
        signing.method = method
        root = unsigned(node)
        answer = posted(etree.tostring(signing.signed(root, root)))
        assert connector_to(node).receive(answer, expectation(), NOW).subject == "EE/NL/0001-äö"
        for receiver, bad, check in (
            (node, altered(answer), "digest"),
            (SendingNode(signer=key(kind, "another")), answer, "signature"),
        ):
            with pytest.raises(SignatureInvalid) as refusal:
                connector_to(receiver).receive(bad, expectation(), NOW)
            assert refusal.value.check == check


@pytest.mark.peer_row("python-xmlsec", "its encryption, eIDAS")
def test_what_libxmlsec_encrypts_by_oaep_with_sha_256_is_opened(tmp_path: Path) -> None:
    node = SendingNode(signer=key(256, "theirs"))
    writing = LibXmlsec(tmp_path, theirs=node.signer, ours=rsa_signer(1))
    writing.method, writing.transport = ECDSA_BY_CURVE["secp256r1"], OAEP
    root = unsigned(node)
    root.replace(root[-1], node.assertion(Answer()))
    encrypted = writing.encrypted(root)
    assert encrypted[-1].tag == ENCRYPTED
    answer = posted(etree.tostring(writing.signed(encrypted, encrypted)))
    assert connector_to(node).receive(answer, expectation(), NOW).subject == "EE/NL/0001-äö"


@pytest.mark.parametrize(("name", "kind"), cases("our responses, eIDAS"))
def test_it_verifies_what_we_sign_and_refuses_one_altered_or_of_another_key(
    tmp_path: Path, name: str, kind: int | str
) -> None:
    reading = peer(name, tmp_path, kind)
    good = SendingNode(signer=key(kind, "ours")).says()
    uri = etree.fromstring(octets_of(good)).find(f".//{{{DS}}}SignatureMethod")
    assert uri is not None
    assert uri.get("Algorithm") == (RSA_PSS_SHA512 if kind == RSA else ECDSA_BY_CURVE[CURVES[kind].name])
    root = etree.fromstring(octets_of(good))
    reading.verified(root, root)
    for bad in (altered(good), SendingNode(signer=key(kind, "another")).says()):
        root = etree.fromstring(octets_of(bad))
        with pytest.raises(Refused):
            reading.verified(root, root)


@pytest.mark.peer_row("python-xmlsec", "our encryption, eIDAS")
def test_libxmlsec_opens_what_we_encrypt(tmp_path: Path) -> None:
    node = SendingNode(signer=key(256, "ours"))
    held = encrypt(node.assertion(Answer()), rsa_signer(1).certificate, EIDAS)
    reading = LibXmlsec(tmp_path, theirs=rsa_signer(1), ours=node.signer)
    root = etree.fromstring(node.response(Answer(), held))
    reading.verified(root, root)
    holder = root.find(ENCRYPTED)
    assert holder is not None
    assert reading.decrypted(holder).findtext(saml("Issuer")) == node.entity_id
    other = LibXmlsec(tmp_path, theirs=rsa_signer(0), ours=node.signer)
    holder = etree.fromstring(node.response(Answer(), held)).find(ENCRYPTED)
    assert holder is not None
    with pytest.raises(Refused):
        other.decrypted(holder)


@pytest.mark.parametrize("name", ["python-xmlsec", "signxml"])
def test_it_verifies_the_question_that_we_ask_a_node(tmp_path: Path, name: str) -> None:
    outbound, _ = connector_to(SendingNode(), binding="post").request(ask(), NOW)
    assert isinstance(outbound, Post)
    question = Inbound("post", dict(outbound.fields))
    # The connector signs with this one
    reading = PEERS[name][0](tmp_path, theirs=key(256, "theirs"), ours=rsa_signer(0))
    if isinstance(reading, SignXml):
        reading.at = AT
    root = etree.fromstring(octets_of(question))
    reading.verified(root, root)
    root = etree.fromstring(octets_of(altered(question)))
    with pytest.raises(Refused):
        reading.verified(root, root)
