"""A request that anybody may send is tried with the keys of the one node that it names, however many nodes there are."""

import base64
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connectors import node_request
from connectors.connector import Inbound
from connectors.node_request import verified_request
from connectors.profiles import EIDAS
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.pinned_keys import PinnedKey, prepared
from policies.parties import EntityId
from tests.idp.web_node.peer import PeerNode

NOW = int(time.time())
HERE = "https://node.example/eidas/sso"
MANY = 30
Keys = Mapping[EntityId, Sequence[PinnedKey]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("nl"), "nl", "NL")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("lv"), "lv", "LV")


def keys_of(node: PeerNode) -> tuple[PinnedKey, ...]:
    return tuple(prepared(each.public_key, EIDAS) for each in (node.signer, node.rsa_signer))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("xx"), "xx", "XX")


@pytest.fixture(scope="module")
def keys(node: PeerNode, other: PeerNode) -> Keys:
    """Two keys of each node. The one that asks stands in the middle."""
    strangers = {
        EntityId(f"https://{number}.example"): tuple(
            prepared(ec.generate_private_key(ec.SECP256R1()).public_key(), EIDAS) for _ in range(2)
        )
        for number in range(MANY)
    }
    first, *rest = strangers.items()
    return dict([first, (EntityId(other.entity_id), keys_of(other)), (EntityId(node.entity_id), keys_of(node)), *rest])


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the keys with which a signature was verified."""
    names: list[str] = []
    verifies = PinnedKey.verifies

    def counting(self: PinnedKey, algorithm: SignatureAlgorithm, signature: bytes, octets: bytes) -> bool:
        names.append(self.key_id)
        return verifies(self, algorithm, signature, octets)

    monkeypatch.setattr(PinnedKey, "verifies", counting)
    return names


def sent(node: PeerNode, binding: str, *, issuer: str = "", by: PeerNode | None = None) -> Inbound:
    request = node.request(HERE, NOW, issuer=issuer or node.entity_id)
    signer = (by or node).signer
    if binding == "redirect":
        return Inbound("redirect", {}, node.queried(request, "r", by=signer))
    return Inbound("post", node.posted(request, "r", by=signer))


def refused(inbound: Inbound, keys: Keys) -> str:
    with pytest.raises(PeerRequestRefused) as caught:
        verified_request(inbound, keys)
    return caught.value.check


@pytest.mark.parametrize("binding", ["post", "redirect"])
def test_the_keys_of_the_node_that_is_named_are_tried_and_no_others(
    binding: str, node: PeerNode, keys: Keys, tried: list[str]
) -> None:
    _, head, relay_state, sender = verified_request(sent(node, binding), keys)
    assert (head.issuer, relay_state, sender) == (node.entity_id, "r", node.entity_id)
    assert tried == [keys_of(node)[0].key_id]


@pytest.mark.parametrize("binding", ["post", "redirect"])
@pytest.mark.parametrize("named", ["a node", "another node", "nobody"])
def test_a_request_of_a_stranger_costs_no_more_than_the_keys_of_one_node(
    binding: str, named: str, node: PeerNode, other: PeerNode, keys: Keys, stranger: PeerNode, tried: list[str]
) -> None:
    issuer = {"a node": node.entity_id, "another node": other.entity_id, "nobody": "https://nobody.example"}[named]
    assert refused(sent(node, binding, issuer=issuer, by=stranger), keys) == "signature"
    assert 1 <= len(tried) <= 2
    expected = next(iter(keys.values())) if named == "nobody" else keys[EntityId(issuer)]
    assert {*tried} <= {key.key_id for key in expected}


@pytest.mark.parametrize("binding", ["post", "redirect"])
def test_a_node_does_not_speak_for_another_nor_for_nobody(
    binding: str, node: PeerNode, other: PeerNode, keys: Keys
) -> None:
    assert refused(sent(node, binding, issuer=other.entity_id), keys) == "signature"
    assert refused(sent(node, binding, issuer="https://nobody.example"), keys) == "signature"
    alone = {EntityId(node.entity_id): keys_of(node)}
    assert refused(sent(node, binding, issuer="https://nobody.example"), alone) == "issuer"


def test_two_nodes_with_one_key_are_told_apart_by_what_was_signed(node: PeerNode, other: PeerNode) -> None:
    both = {EntityId(each.entity_id): keys_of(node) for each in (other, node)}
    for each in (node, other):
        assert verified_request(sent(each, "post", by=node), both)[3] == each.entity_id


@pytest.mark.parametrize("of_named", [True, False])
def test_a_node_without_keys_is_nobody(*, of_named: bool, node: PeerNode, other: PeerNode) -> None:
    empty: Keys = {EntityId((node if of_named else other).entity_id): ()}
    assert refused(sent(node, "post"), empty) == "keys"
    assert refused(sent(node, "post"), {**empty, EntityId("https://x.example"): keys_of(other)}) == "signature"


@pytest.mark.parametrize("inside", ["", "\u00e9", "<", "&#" + "9" * 5000 + ";", "<saml:Issuer>x</saml:Issuer>"])
def test_whatever_stands_for_an_issuer_is_refused_by_a_name(inside: str, node: PeerNode, keys: Keys) -> None:
    octets = base64.b64decode(sent(node, "post").parameters["SAMLRequest"])
    for issuer in (inside.encode(), inside.encode("latin-1")):
        spoiled = octets.replace(node.entity_id.encode(), issuer, 1)
        assert refused(Inbound("post", {"SAMLRequest": base64.b64encode(spoiled).decode()}), keys) not in ("", "unforeseen")


class Looking:
    """The expression for an Issuer, and how long the texts were that it looked through."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._expression = node_request._ISSUER

    def search(self, octets: bytes) -> re.Match[bytes] | None:
        self.lengths.append(len(octets))
        return self._expression.search(octets)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    looking = Looking()
    monkeypatch.setattr(node_request, "_ISSUER", looking)
    return looking.lengths


@pytest.mark.parametrize("filler", [b"<", b"<Issuer ", b"<Issuer a='b' ", b" ", b"a:", b"<a:", b"='", b">", b"&#65;"])
def test_the_hint_is_looked_for_in_the_first_four_kilobytes_alone(filler: bytes, keys: Keys, looked: list[int]) -> None:
    """300 octets of DEFLATE make 256 KiB of "<", and whoever sends them has signed nothing."""
    text = b"<saml:Issuer" + filler * (EIDAS.max_octets // len(filler) - 20)
    packed = quote(base64.b64encode(deflated(text)), safe="")
    posted = Inbound("post", {"SAMLRequest": base64.b64encode(text[: EIDAS.max_octets * 3 // 4]).decode()})
    refused(Inbound("redirect", {}, f"SAMLRequest={packed}&SigAlg=x&Signature=AAAA"), keys)
    refused(posted, keys)
    assert looked == [4096, 4096]


def deflated(text: bytes) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflater.compress(text) + deflater.flush()
