"""Facts that are read in a peer's metadata, refusals, and the digest that stands for the facts."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.formats.eidas.metadata import PeerFacts, from_json, read_peer
from connectors.signatures.parse import Element
from connectors.wire.names import POST, REDIRECT
from policies.errors import AssertionRejected
from tests.connectors.metadata import node

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"


def proxy_facts(edit: node.Edit | None = None, **changes: object) -> PeerFacts:
    return read_peer(node.signed(node.proxy(**changes), edit), "proxy")


def connector_facts(edit: node.Edit | None = None, **changes: object) -> PeerFacts:
    return read_peer(node.signed(node.connector(**changes), edit), "connector")


def add(parent: str, xml: str) -> node.Edit:
    """Add a child, in XML, to the first element of a local name."""

    def edit(root: Element) -> None:
        wrapped = (
            f'<x xmlns:md="{MD}" xmlns:saml="{SAML}" xmlns:ds="{DS}" xmlns:eidas="http://eidas.europa.eu/saml-extensions">'
        )
        node.find(root, parent).append(etree.fromstring(f"{wrapped}{xml}</x>")[0])

    return edit


def service(binding: str, url: str, more: str = "") -> str:
    return f'<md:AssertionConsumerService Binding="{binding}" Location="{url}" {more}/>'


def test_metadata_of_the_other_role_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly one SPSSODescriptor"):
        read_peer(node.signed(node.proxy()), "connector")
    with pytest.raises(ValueError, match="exactly one IDPSSODescriptor"):
        read_peer(node.signed(node.connector()), "proxy")


def test_a_role_that_ends_earlier_ends_the_metadata() -> None:
    edit = node.attribute("IDPSSODescriptor", "validUntil", "2026-11-25T12:00:00Z")
    assert proxy_facts(edit).valid_until < proxy_facts().valid_until


@pytest.mark.spec("eidas.md §6 KeyDescriptor use")
def test_a_key_without_a_use_is_for_both() -> None:
    facts = proxy_facts(node.attribute("KeyDescriptor", "use", None))
    assert facts.signing == facts.encryption == {node.key("messages").certificate}
    assert proxy_facts().encryption == frozenset()


def test_a_thousand_keys_are_nobodys_metadata() -> None:
    def many(root: Element) -> None:
        for number in range(17):
            node.twice("KeyDescriptor")(root)
            node.find(root, "X509Certificate").text = f"{number:04}"

    with pytest.raises(ValueError, match="more than 16 certificates"):
        proxy_facts(many)


@pytest.mark.parametrize(
    ("services", "chosen"),
    [
        ([("a", ""), ("b", 'isDefault="true"')], "b"),
        ([("a", 'isDefault="false"'), ("b", "")], "b"),
        ([("a", 'isDefault="false"'), ("b", 'isDefault="false"')], "a"),
    ],
)
@pytest.mark.spec("eidas.md §6 AssertionConsumerService by POST")
def test_of_several_consumer_services_the_default_one_counts(services: list[tuple[str, str]], chosen: str) -> None:
    def edit(root: Element) -> None:
        node.remove("AssertionConsumerService")(root)
        add("SPSSODescriptor", service(REDIRECT, "https://node.example/redirect", 'isDefault="true"'))(root)
        for number, (name, more) in enumerate(services):
            add("SPSSODescriptor", service(POST, f"https://node.example/{name}", f'index="{number}" {more}'))(root)

    assert connector_facts(edit).endpoints == {(POST, f"https://node.example/{chosen}")}


def test_a_connector_without_a_service_by_post_is_refused() -> None:
    with pytest.raises(ValueError, match="no AssertionConsumerService by POST"):
        connector_facts(node.attribute("AssertionConsumerService", "Binding", REDIRECT))


def test_the_digest_is_of_everything_but_the_end() -> None:
    facts = proxy_facts()
    assert facts.digest == replace(facts, valid_until=1).digest
    plain = json.loads(facts.as_json)
    assert (
        hashlib.sha256(json.dumps({**plain, "valid_until": 0}, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        == facts.digest
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: replace(facts, entity_id="https://other.example/"),
        lambda facts: replace(facts, country="SE"),
        lambda facts: replace(facts, signing=frozenset([b"x"])),
        lambda facts: replace(facts, endpoints=frozenset([(POST, "https://node.example/other")])),
        lambda facts: replace(facts, assurance=frozenset()),
        lambda facts: replace(facts, wants_requester_id=True),
        lambda facts: replace(facts, sp_type="public"),
    ],
)
def test_every_other_fact_changes_the_digest(change: Callable[[PeerFacts], PeerFacts]) -> None:
    assert change(proxy_facts()).digest != proxy_facts().digest


def test_facts_survive_being_kept() -> None:
    for facts in (proxy_facts(), connector_facts(sp_type="private"), proxy_facts(wants_requester_id=True)):
        assert from_json(facts.as_json) == facts
        assert from_json(facts.as_json).digest == facts.digest


def test_no_fact_shows_a_certificate_where_it_is_printed() -> None:
    assert "MII" not in repr(proxy_facts())
    assert "b'" not in repr(proxy_facts())


@given(data=st.data())
@settings(max_examples=60)
def test_whatever_is_signed_is_facts_or_refused_in_words(data: st.DataObject) -> None:
    root = etree.fromstring(node.signed(node.proxy()).octets)
    elements = list(root.iter())
    for _ in range(data.draw(st.integers(1, 4))):
        found = elements[data.draw(st.integers(1, len(elements) - 1))]
        parent = found.getparent()
        match data.draw(st.sampled_from(["text", "tag", "attribute", "twice", "remove"])):
            case "text":
                found.text = data.draw(st.text("aZ1 :/.<&\nä", max_size=20))
            case "tag":
                found.tag = elements[data.draw(st.integers(0, len(elements) - 1))].tag
            case "attribute" if found.items():
                found.set(data.draw(st.sampled_from([str(name) for name, _ in found.items()])), "x")
            case "twice" if parent is not None:
                parent.append(copy.deepcopy(found))
            case "remove" if parent is not None:
                parent.remove(found)
    octets = etree.tostring(root, method="c14n", exclusive=True)
    try:
        facts = read_peer(replace(node.signed(node.proxy()), octets=octets), "proxy")
    except (ValueError, AssertionRejected):
        return
    assert from_json(facts.as_json) == facts
    assert facts.as_json.isascii()


@pytest.mark.spec("eidas.md §1 levels of assurance")
@pytest.mark.parametrize("level", ["http://eidas.europa.eu/LoA/High", "http://eidas.europa.eu/LoA/NotNotified/low", "high"])
def test_a_level_that_is_none_is_refused(level: str) -> None:
    with pytest.raises(ValueError, match="no level of assurance"):
        proxy_facts(assurance=(level,))
    assert proxy_facts(assurance=("urn:our:own:level",)).assurance == {"urn:our:own:level"}
