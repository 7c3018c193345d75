"""Metadata of deployed nodes that a standard forbids: it passes by a name, and not with one thing more."""

from collections.abc import Collection

import pytest
from lxml import etree

from connectors.deviations import tolerance
from connectors.formats.eidas.metadata import Expected, PeerFacts, from_json, read_peer
from connectors.formats.eidas.registry import not_ours
from connectors.metadata.peers import Held, PendingMetadata
from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures.parse import Element
from connectors.wire.names import ATTRNAME_BASIC, md, saml
from idp.cli.metadata.report import Fetched
from policies.deviations import NO_PROTOCOL_VERSION, REGISTERED_COUNTRY
from policies.errors import PeerUnavailable
from policies.parties import EntityId
from tests.connectors.metadata import node
from tests.connectors.metadata.world import NODE, World

VERSION = "http://eidas.europa.eu/entity-attributes/protocol-version"
STANDS_IN = (REGISTERED_COUNTRY, NO_PROTOCOL_VERSION)


def facts_of(
    edit: node.Edit, *, registered: Collection[str] = (), country: str = "EE", profile: Profile = EIDAS, **changes: object
) -> PeerFacts:
    expected = Expected(country, tolerance(profile, registered))
    return read_peer(node.signed(node.proxy(**changes), edit), "proxy", expected)


def supported(name_format: str | None) -> node.Edit:
    """The first supported attribute of the role has this NameFormat, or none."""

    def edit(root: Element) -> None:
        role = root.find(md("IDPSSODescriptor"))
        assert role is not None
        attribute = role.find(saml("Attribute"))
        if attribute is None:
            attribute = etree.SubElement(role, saml("Attribute"))
            attribute.set("Name", f"{node.PERSON}Gender")
        attribute.set("NameFormat", name_format or "")
        if name_format is None:
            del attribute.attrib["NameFormat"]

    return edit


def versions(*values: str) -> node.Edit:
    """Its protocol versions, or no such attribute at all."""

    def edit(root: Element) -> None:
        (attribute,) = [one for one in root.iter(saml("Attribute")) if one.get("Name") == VERSION]
        for child in list(attribute):
            attribute.remove(child)
        for value in values:
            etree.SubElement(attribute, saml("AttributeValue")).text = value
        if not values:
            parent = attribute.getparent()
            assert parent is not None
            parent.remove(attribute)

    return edit


@pytest.mark.spec("eidas.md §6 supported attributes")
def test_a_supported_attribute_without_a_format_is_known_by_its_name() -> None:
    facts = facts_of(supported(None))
    assert facts.attributes == facts_of(node.text("NodeCountry", "EE")).attributes | {f"{node.PERSON}Gender"}
    assert facts.deviations == ("attribute_without_name_format",)
    for other in (ATTRNAME_BASIC, "", "urn:x"):
        with pytest.raises(ValueError, match="NameFormat other than uri"):
            facts_of(supported(other))
    with pytest.raises(ValueError, match="NameFormat other than uri"):
        facts_of(supported(None), profile=SAML2INT)


def test_values_that_name_no_level_are_left_out_and_authorise_nothing() -> None:
    high = f"{node.LOA}high"
    facts = facts_of(node.text("NodeCountry", "EE"), assurance=(high, "High", f"{node.LOA}HIGH", "Low"))
    assert facts.assurance == {high}
    assert facts.deviations == ("unknown_assurance",)
    assert facts_of(node.text("NodeCountry", "EE"), assurance=("High",)).assurance == frozenset()
    with pytest.raises(ValueError, match="characters that no URI has"):
        facts_of(node.text("NodeCountry", "EE"), assurance=(high, "High\u0085"))


@pytest.mark.parametrize(
    ("said", "spoken", "told", "used"),
    [
        (("1.4.1",), "1.4", [], ("patch_protocol_version",)),
        (("1.2.0", "1.1"), "1.2", ["1.1"], ("patch_protocol_version",)),
        (("2.0", "1.9", "1.3"), "1.3", ["1.9", "2.0"], ()),
        (("1.1",), "", ["1.1"], ()),
        (("1.4.1x",), "", ["1.4.1x"], ()),
    ],
)
def test_a_version_counts_by_its_two_numbers_and_others_are_told(
    sending: World, said: tuple[str, ...], spoken: str, told: list[str], used: tuple[str, ...]
) -> None:
    sending.change(node.proxy(), versions(*said))
    sending.refresh()
    sending.approve()
    held = sending.copies.held(NODE)
    assert held is not None
    assert not_ours(held.facts.versions) == told
    assert held.facts.versions == set(said)
    if spoken:
        use = sending.peers.current(NODE, sending.now)
        assert (use.version, use.facts.deviations) == (spoken, used)
    else:
        with pytest.raises(PeerUnavailable, match="no approved protocol version"):
            sending.peers.current(NODE, sending.now)


def test_a_country_that_metadata_does_not_name_is_the_registrations_where_that_says_so(sending: World) -> None:
    nowhere = node.remove("NodeCountry")
    sending.change(node.proxy(), nowhere)
    assert sending.refused().check == "metadata"
    sending.restart(deviations=frozenset(STANDS_IN))
    sending.refresh()
    use = sending.peers.current(NODE, sending.now)
    assert (use.facts.country, use.facts.deviations) == ("EE", (REGISTERED_COUNTRY,))
    sending.change(node.proxy(country="LV"))
    assert sending.refused().check == "metadata_country"


def test_what_was_used_is_told_and_is_no_fact_that_anybody_approves() -> None:
    facts = facts_of(versions("1.4.1"))
    assert facts.deviations
    assert "deviations" not in facts.as_json
    assert from_json(facts.as_json) == facts
    waiting = (PendingMetadata(EntityId(NODE), "EE", facts.digest, ("x",), first=True),)
    told = Fetched("ee", None, Held(EntityId(NODE), b"x", facts, None, node.NOW), waiting).told
    assert (told["deviations"], told["versions_not_ours"]) == (["patch_protocol_version"], [])
