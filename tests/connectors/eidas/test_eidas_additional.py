"""Attributes of a sector, which a city or a country adds in its catalogue: asked for, said and heard as typed values."""

from dataclasses import replace

import pytest
from lxml import etree

from connectors.formats.eidas.own_metadata import proxy_element
from connectors.formats.eidas.registry import MINIMUM, NATURAL, with_additional
from connectors.formats.eidas.request import RequestedAttribute, asked_attributes, request_element
from connectors.formats.eidas.response import assertion_element, read_assertion
from connectors.formats.eidas.values import EidasValue
from connectors.formats.grammar import XSI_TYPE
from connectors.profiles import EIDAS
from connectors.request_checks import check_request
from policies.attributes import AttributeName
from policies.errors import AssertionRejected
from policies.load import load
from policies.persons import EVERYBODY, PersonKind
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import ASKING, ASSERTION, NOW, REQUEST, SSO, found, signed
from tests.connectors.eidas.node import NOW as THEN
from tests.connectors.eidas.node import PERSON, SendingNode, ask, connector_opening, expectation, ours
from tests.connectors.eidas.test_eidas_acting import ACTING, OF_COMPANY, REPRESENTED_PERSON
from tests.connectors.metadata.node import proxy
from tests.policies.load.files import FILES, files, problems_of

ROLE = "http://e-justice.europa.eu/attributes/naturalperson/eJusticeNaturalPersonRole"
LICENCE = "https://trade.example/attributes/Licence"
OWN = f"""\
[attributes.role]
kind = "text"
title.en = "Role in court"
eidas = "{ROLE}"

[attributes.licence]
kind = "number"
title.en = "Licence"
eidas = "{LICENCE}"
eidas_type = "{{https://trade.example/attributes}}LicenceType"
eidas_friendly_name = "TradeLicence"
eidas_required = true
eidas_transliterated = true
eidas_pattern = "[A-Z]{{2}}[0-9]+"
persons = ["natural"]
"""
CATALOGUE = load(files(**{"catalogue.toml": FILES["catalogue.toml"] + OWN})).catalogue
KNOWN = with_additional(CATALOGUE)
BESIDE = ((ROLE, (EidasValue("lawyer"),)), (LICENCE, (EidasValue("EE1"),)))
SAID = replace(ASSERTION, attributes=(*ASSERTION.attributes, *BESIDE))


@pytest.mark.spec("eidas.md §5 typed values")
def test_an_additional_attribute_is_said_and_heard_under_its_own_type() -> None:
    root = assertion_element(SAID, KNOWN)
    role, licence = list(found(root, "saml:AttributeStatement"))[-2:]
    assert (role.get("FriendlyName"), role[0].get(XSI_TYPE)) == ("eJusticeNaturalPersonRole", "xs:string")
    prefix = KNOWN[LICENCE].prefix
    assert (licence.get("FriendlyName"), licence[0].get(XSI_TYPE)) == ("TradeLicence", f"{prefix}:LicenceType")
    assert licence.nsmap[prefix] == "https://trade.example/attributes"
    message = read_assertion(signed(root), registry=KNOWN)
    assert message.attributes[ROLE] == (EidasValue("lawyer"),)
    assert len(message.sets) == 1
    assert set(read_assertion(signed(root)).attributes) == set(MINIMUM), "unknown to others, and left out"
    licence.getparent().remove(licence)  # type: ignore[union-attr] # it was found in it
    judge.assert_valid(root)


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        ("attribute_value", ">EE1<", ">1<"),
        ("attribute_type", ':LicenceType"', ':NumberType"'),
        ("latin_script", ">EE1<", ' LatinScript="false">EE1<'),
        ("attribute_type", 'xs:string"', 'xs:token"'),
    ],
)
def test_a_value_of_another_type_is_refused(check: str, old: str, new: str) -> None:
    text = etree.tostring(assertion_element(SAID, KNOWN), encoding="unicode")
    assert old in text
    with pytest.raises(AssertionRejected) as refusal:
        read_assertion(signed(etree.fromstring(text.replace(old, new))), registry=KNOWN)
    assert refusal.value.check == check
    with pytest.raises(ValueError, match="TradeLicence"):
        assertion_element(replace(SAID, attributes=(*ASSERTION.attributes, (LICENCE, (EidasValue("1"),)))), KNOWN)


@pytest.mark.spec("eidas.md §3 isRequired of additional attributes")
@pytest.mark.parametrize("required", [True, False])
def test_a_request_says_for_itself_whether_it_requires_one(*, required: bool) -> None:
    asked = (*asked_attributes(), RequestedAttribute(ROLE, required=required))
    request = replace(REQUEST, attributes=asked)
    root = request_element(request, KNOWN)
    judge.assert_valid(root)
    assert found(root, ".//eidas:RequestedAttributes")[-1].get("FriendlyName") == "eJusticeNaturalPersonRole"
    judged = check_request(request, here=SSO, peer=ASKING, now=NOW, profile=EIDAS, registry=KNOWN)
    assert judged.attributes == asked


def test_it_is_asked_of_a_node_that_has_it_and_offered_under_our_name() -> None:
    names = (AttributeName("role"), AttributeName("licence"))
    for published, wanted in ((frozenset(NATURAL), []), (frozenset((*NATURAL, LICENCE)), [(LICENCE, True)])):
        node = SendingNode(facts_changes={"attributes": published})
        connector = connector_opening(node.provider, [ours()], node, catalogue=CATALOGUE)
        asked = connector._attributes(ask(attributes=names), node.in_use())
        assert [(one.name, one.required) for one in asked if one.name not in MINIMUM] == wanted
    told = node.says(person={**PERSON, **dict(BESIDE)}, registry=KNOWN)
    offered = connector.receive(told, expectation(), THEN).offered.attributes
    assert (offered[names[0]], offered[names[1]]) == ("lawyer", "EE1")


@pytest.mark.spec("eidas.md §5 representatives")
def test_nobody_who_acts_gets_what_may_be_of_whoever_is_represented() -> None:
    role, known = AttributeName("role"), {uri: said for uri, said in BESIDE if uri == ROLE}
    rows = CATALOGUE.attributes
    alone = CATALOGUE.with_own([replace(rows[role], persons=frozenset({PersonKind.FOR_LEGAL}))])
    for catalogue, person, heard in (
        (CATALOGUE, {**OF_COMPANY, **ACTING}, False),
        (CATALOGUE, {**REPRESENTED_PERSON, **ACTING}, False),
        (CATALOGUE, OF_COMPANY, True),
        (alone, {**OF_COMPANY, **ACTING}, True),
    ):
        node = SendingNode()
        connector = connector_opening(replace(node.provider, persons=EVERYBODY), [ours()], node, catalogue=catalogue)
        told = node.says(person={**person, **known}, registry=KNOWN)
        assert (role in connector.receive(told, expectation(), THEN).offered.attributes) is heard


def test_our_metadata_names_it() -> None:
    root = proxy_element(proxy(attributes=(*MINIMUM, LICENCE)), KNOWN)
    assert 'FriendlyName="TradeLicence"' in etree.tostring(root, encoding="unicode")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('eidas = "http://eidas.europa.eu/attributes/naturalperson/Gender"', "eidas"),
        ('eidas = "Licence"', "eidas"),
        (f'eidas = "{LICENCE}"\neidas_type = "LicenceType"', "eidas_type"),
        (f'eidas = "{LICENCE}"\neidas_transliterated = true', "eidas_transliterated"),
        (f'eidas = "{LICENCE}"\neidas_pattern = "["', "eidas_pattern"),
        (f'eidas = "{LICENCE}"\neidas_friendly_name = "a b"', "eidas_friendly_name"),
        ("eidas_required = true", "eidas_required"),
        (f'eidas = "{LICENCE}"\n[attributes.other]\ntitle.en = "x"\nkind = "text"\neidas = "{LICENCE}"', "eidas"),
    ],
)
def test_what_nodes_could_not_write_is_a_problem_of_the_file(line: str, key: str) -> None:
    text = f'[attributes.own]\nkind = "text"\ntitle.en = "Own"\n{line}\n'
    assert any(one.key.endswith(key) for one in problems_of(files(**{"catalogue.toml": FILES["catalogue.toml"] + text})))
