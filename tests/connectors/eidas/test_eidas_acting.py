"""Companies and representatives as a receiving node hears them: turned round, each under our names, or refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.eidas.registry import (
    LEGAL,
    LEGAL_MINIMUM,
    LEGAL_PERSON,
    MINIMUM,
    NATURAL,
    NATURAL_PERSON,
    REPRESENTATIVE_LEGAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
)
from connectors.formats.eidas.values import EidasValue
from connectors.signatures.parse import Element
from connectors.wire.names import saml
from policies.attributes import AttributeName
from policies.authentication import Assertion
from policies.catalogue import REPRESENTED, STANDARD
from policies.errors import AssertionRejected, PeerUnavailable
from policies.parties import Sector, SubjectNamespace, Tenant
from policies.persons import EVERYBODY, ActingFor, PersonKind
from policies.pseudonyms import pairwise_subject
from tests.connectors.eidas.node import NOW, SendingNode, ask, connector_to, expectation
from tests.connectors.eidas.test_eidas_connector_asks import _asked
from tests.connectors.eidas.test_eidas_persons import COMPANY, PERSON

Person = dict[str, tuple[EidasValue, ...]]


def named(namespace: str, rows: Person, identifier: str, name: str = "") -> Person:
    """A set of one person, between Estonia and us."""
    own = {key: values for key, values in rows.items() if "Identifier" not in key}
    number = "LegalPersonIdentifier" if "legal" in namespace else "PersonIdentifier"
    rows = {number: (EidasValue(f"EE/NL/{identifier}"),), **own}
    if name:
        rows["CurrentFamilyName"] = (EidasValue(name),)
    return {f"{namespace}/{key}": values for key, values in rows.items()}


REPRESENTED_PERSON = named(NATURAL_PERSON, PERSON, "mother", "Represented")
ACTING = named(REPRESENTATIVE_NATURAL_PERSON, PERSON, "daughter", "Acting")
OF_COMPANY = named(LEGAL_PERSON, COMPANY, "hrb-1")
ACTING_COMPANY = named(REPRESENTATIVE_LEGAL_PERSON, COMPANY, "hrb-2")


@pytest.fixture(scope="module")
def node() -> SendingNode:
    return SendingNode(facts_changes={"attributes": frozenset({*NATURAL, *LEGAL})})


def accepted(node: SendingNode, *sets: Person, persons: frozenset[PersonKind] = EVERYBODY) -> Assertion:
    person = {uri: values for one in sets for uri, values in one.items()}
    return connector_to(node, persons=persons).receive(node.says(person=person), expectation(), NOW)


@pytest.mark.spec("eidas.md §4 natural and legal persons")
def test_a_company_signs_in_by_itself(node: SendingNode) -> None:
    found = accepted(node, OF_COMPANY)
    assert (found.kind, found.acting_for, found.subject) == (PersonKind.LEGAL, None, "EE/NL/hrb-1")
    assert found.offered.attributes == {"legal_person_identifier": "EE/NL/hrb-1", "legal_name": "Etaireia"}
    # The identifier of a company is nobody's number
    assert found.namespace != accepted(node, REPRESENTED_PERSON).namespace


@pytest.mark.spec("eidas.md §5 representatives")
def test_whoever_acts_for_a_company_is_the_subject(node: SendingNode) -> None:
    found = accepted(node, OF_COMPANY, ACTING)
    assert (found.kind, found.subject, found.namespace) == (PersonKind.FOR_LEGAL, "EE/NL/daughter", "eidas/EE")
    assert found.acting_for is not None
    assert (found.acting_for.kind, found.acting_for.identifier) == (PersonKind.LEGAL, "EE/NL/hrb-1")
    assert found.acting_for.namespace == accepted(node, OF_COMPANY).namespace
    had = found.offered.attributes
    assert (had[AttributeName("family_name")], had[AttributeName("legal_name")]) == ("Acting", "Etaireia")


@pytest.mark.spec("eidas.md §5 representatives")
def test_the_plain_attributes_are_those_of_whoever_is_represented(node: SendingNode) -> None:
    found = accepted(node, REPRESENTED_PERSON, ACTING)
    assert (found.kind, found.subject) == (PersonKind.FOR_NATURAL, "EE/NL/daughter")
    assert found.acting_for is not None
    assert found.acting_for.identifier == "EE/NL/mother"
    had = {str(name): value for name, value in found.offered.attributes.items()}
    assert (had["family_name"], had["represented_family_name"]) == ("Acting", "Represented")
    assert (had["person_identifier"], had["represented_person_identifier"]) == ("EE/NL/daughter", "EE/NL/mother")
    assert not [name for name in had if name.startswith("legal_")]


@pytest.mark.parametrize(
    ("sets", "check"),
    [
        ((OF_COMPANY, REPRESENTED_PERSON), "persons"),
        ((OF_COMPANY, REPRESENTED_PERSON, ACTING), "persons"),
        ((OF_COMPANY, ACTING_COMPANY), "legal_representative"),
        ((REPRESENTED_PERSON, ACTING, ACTING_COMPANY), "legal_representative"),
    ],
)
def test_what_fits_no_kind_is_refused_by_name(node: SendingNode, sets: tuple[Person, ...], check: str) -> None:
    person = {uri: values for one in sets for uri, values in one.items()}
    with pytest.raises(AssertionRejected) as refused:
        connector_to(node, persons=EVERYBODY).receive(node.says(person=person), expectation(), NOW)
    assert refused.value.check == check


def test_a_representative_of_nobody_is_refused(node: SendingNode) -> None:
    def turned(root: Element) -> None:  # no writer of ours says it
        for one in root.iter(saml("Attribute")):
            one.set("Name", str(one.get("Name")).replace(NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON))
            for value in one:
                value.attrib.clear()

    inbound = node.says(
        person=named(NATURAL_PERSON, {**PERSON, "CurrentFamilyName": (EidasValue("x"),)}, "1"), change=turned
    )
    with pytest.raises(AssertionRejected) as refused:
        connector_to(node, persons=EVERYBODY).receive(inbound, expectation(), NOW)
    assert refused.value.check == "minimum_data_set"


@pytest.mark.parametrize("foreign", ["LV/NL/1", "EE/FR/1"])
def test_neither_of_both_is_another_countrys(node: SendingNode, foreign: str) -> None:
    for sets in ((OF_COMPANY, ACTING), (REPRESENTED_PERSON, ACTING)):
        for changed in sets:
            number = next(uri for uri in changed if "Identifier" in uri)
            wrong = tuple({**one, number: (EidasValue(foreign),)} if one is changed else one for one in sets)
            with pytest.raises(AssertionRejected) as refused:
                accepted(node, *wrong)
            assert refused.value.check in ("identifier_country", "identifier_recipient")


@pytest.mark.parametrize("kind", sorted(PersonKind))
def test_a_kind_that_is_not_registered_is_refused(node: SendingNode, kind: PersonKind) -> None:
    sets = {
        PersonKind.NATURAL: (REPRESENTED_PERSON,),
        PersonKind.LEGAL: (OF_COMPANY,),
        PersonKind.FOR_NATURAL: (REPRESENTED_PERSON, ACTING),
        PersonKind.FOR_LEGAL: (OF_COMPANY, ACTING),
    }[kind]
    assert accepted(node, *sets, persons=frozenset((kind,))).kind is kind
    with pytest.raises(AssertionRejected) as refused:
        accepted(node, *sets, persons=EVERYBODY - {kind})
    assert refused.value.check == "representation"


@pytest.mark.spec("eidas.md §3 complete minimum data set")
@pytest.mark.spec("eidas.md §3 no representative attributes")
@pytest.mark.parametrize(
    ("kinds", "sets"),
    [
        ({PersonKind.NATURAL}, MINIMUM),
        ({PersonKind.FOR_NATURAL}, MINIMUM),
        ({PersonKind.FOR_LEGAL}, LEGAL_MINIMUM),
        ({PersonKind.LEGAL}, LEGAL_MINIMUM),
        ({PersonKind.NATURAL, PersonKind.FOR_LEGAL}, (*MINIMUM, *LEGAL_MINIMUM)),
    ],
)
def test_the_sets_of_the_kinds_that_are_taken_are_asked_for(
    node: SendingNode, kinds: set[PersonKind], sets: tuple[str, ...]
) -> None:
    needed = (AttributeName("vat_number"), AttributeName("represented_address"))
    request = _asked(node, ask(persons=frozenset(kinds), attributes=needed), persons=EVERYBODY)
    asked = [one.name for one in request.attributes]
    assert tuple(name for name in asked if name in {*MINIMUM, *LEGAL_MINIMUM}) == sets
    assert (f"{LEGAL_PERSON}/VATRegistrationNumber" in asked) is (LEGAL_MINIMUM[0] in sets)
    assert (f"{NATURAL_PERSON}/CurrentAddress" in asked) is (MINIMUM[0] in sets)
    assert not any("representative" in name for name in asked)


def test_nobody_is_sent_to_a_node_without_companies() -> None:
    with pytest.raises(PeerUnavailable):
        _asked(SendingNode(), ask(persons=frozenset({PersonKind.FOR_LEGAL})), persons=EVERYBODY)


KEY, TENANT, SECTOR = b"k" * 32, Tenant("city"), Sector("traffic")


def test_whoever_acts_is_another_sub_for_each_one_that_they_act_for(node: SendingNode) -> None:
    def sub(found: Assertion) -> str:
        return pairwise_subject(KEY, TENANT, SECTOR, found.namespace, found.subject, found.acting_for)

    other = named(LEGAL_PERSON, COMPANY, "hrb-9")
    alone = named(NATURAL_PERSON, PERSON, "daughter")
    found = [
        accepted(node, *sets)
        for sets in ((alone,), (OF_COMPANY,), (OF_COMPANY, ACTING), (other, ACTING), (REPRESENTED_PERSON, ACTING))
    ]
    assert len({sub(one) for one in found}) == len(found)
    assert sub(found[2]) == sub(accepted(node, OF_COMPANY, ACTING))
    assert sub(found[0]) == pairwise_subject(KEY, TENANT, SECTOR, found[0].namespace, "EE/NL/daughter")


@given(st.lists(st.text(min_size=1, max_size=3), min_size=4, max_size=4))
def test_no_two_lists_of_parts_make_one_sub(parts: list[str]) -> None:
    one, two, three, four = parts

    def sub(namespace: str, identifier: str, other: str, number: str) -> str:
        acting = ActingFor(PersonKind.LEGAL, other, number)
        return pairwise_subject(KEY, TENANT, SECTOR, SubjectNamespace(namespace), identifier, acting)

    if (one, two) != (three, four):
        assert sub(one, two, three, four) != sub(three, four, one, two)
    assert sub(one + two, three, four, one) != sub(one, two + three, four, one)


def test_our_names_of_the_other_person_have_a_source() -> None:
    for name, row in STANDARD.attributes.items():
        if name.startswith(REPRESENTED):
            assert row.eidas_name == STANDARD.attributes[AttributeName(name.removeprefix(REPRESENTED))].eidas
