"""Assertions about companies, and of those who act for another: the four sets, said and heard."""

from dataclasses import replace
from itertools import chain

import pytest

from connectors.formats.eidas.address import read_address, write_address
from connectors.formats.eidas.registry import (
    LEGAL_MINIMUM,
    LEGAL_PERSON,
    MINIMUMS,
    NATURAL_PERSON,
    REPRESENTATIVE_LEGAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
    REPRESENTATIVES,
)
from connectors.formats.eidas.response import assertion_element, read_assertion
from connectors.formats.eidas.values import EidasValue
from connectors.formats.grammar import XSI_TYPE
from connectors.signatures.parse import Element
from policies.errors import AssertionRejected
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import ADDRESS, ASSERTION, OPTIONAL, assertion, attribute, found, signed, signed_text

Said = tuple[tuple[str, tuple[EidasValue, ...]], ...]

PERSON = {
    "PersonIdentifier": (EidasValue("KH/ST/0002"),),
    "CurrentFamilyName": (EidasValue("Ωνάσης", latin=False), EidasValue("Onasis")),
    "CurrentGivenName": (EidasValue("Marí"),),
    "DateOfBirth": (EidasValue("1887-04-12"),),
}
COMPANY = {
    "LegalPersonIdentifier": (EidasValue("KH/ST/HRB-1"),),
    "LegalName": (EidasValue("Εταιρεία", latin=False), EidasValue("Etaireia")),
}
WHOLE = {
    **COMPANY,
    "VATRegistrationNumber": (EidasValue("KH123"),),
    **{name: (EidasValue(name),) for name in ("TaxReference", "D-2012-17-EUIdentifier", "LEI", "EORI", "SEED", "SIC")},
    "LegalPhoneNumber": (EidasValue("+3725550001"),),
    "LegalEmailAddress": (EidasValue("office@example.org"),),
}


def whole(namespace: str) -> Said:
    """A value of every attribute of a set."""
    if namespace.startswith(LEGAL_PERSON):
        rows = {**WHOLE, "LegalPersonAddress": (EidasValue(write_address(ADDRESS, namespace)),)}
    else:
        rows = {**PERSON, **OPTIONAL, "CurrentAddress": (EidasValue(write_address(ADDRESS, namespace)),)}
    return tuple((f"{namespace}/{name}", values) for name, values in rows.items())


def least(namespace: str) -> Said:
    """The minimum data set of one."""
    return tuple(row for row in whole(namespace) if row[0] in MINIMUMS[namespace])


def made(*sets: Said) -> Element:
    return assertion_element(replace(ASSERTION, attributes=tuple(chain(*sets))))


PAIRS = [
    (LEGAL_PERSON,),
    (LEGAL_PERSON, REPRESENTATIVE_NATURAL_PERSON),
    (NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON),
    (NATURAL_PERSON, REPRESENTATIVE_LEGAL_PERSON),
    (LEGAL_PERSON, REPRESENTATIVE_LEGAL_PERSON),
]


@pytest.mark.spec("eidas.md §4 natural and legal persons")
@pytest.mark.spec("eidas.md §5 typed values")
@pytest.mark.parametrize("sets", PAIRS, ids=lambda sets: "+".join(one.rpartition("attributes/")[2] for one in sets))
def test_each_set_is_valid_to_others_schemas_and_heard_as_it_was_said(sets: tuple[str, ...]) -> None:
    rows = [whole(namespace) for namespace in sets]
    root = made(*rows)
    judge.assert_valid(root)
    message = read_assertion(signed(root))
    assert message.sets == set(sets)
    assert {uri: set(values) for uri, values in message.attributes.items()} == {
        uri: set(values) for said in rows for uri, values in said
    }
    addresses = [values[0].text for uri, values in message.attributes.items() if uri.endswith(("tAddress", "nAddress"))]
    assert [read_address(text) for text in addresses] == [ADDRESS] * len(sets)
    # and the schema does judge: there is no such type
    value = found(root, "saml:AttributeStatement")[0][0]
    value.set(XSI_TYPE, value.get(XSI_TYPE, "").replace(":", ":No"))
    assert not judge.is_valid(root)


@pytest.mark.spec("eidas.md §4 representative minimum data set")
@pytest.mark.parametrize("kind", REPRESENTATIVES)
def test_a_representative_is_whole_and_stands_beside_whom_they_act_for(kind: str) -> None:
    rows = least(kind)
    for at in range(len(rows)):
        refused("representative_minimum", least(LEGAL_PERSON), rows[:at] + rows[at + 1 :])
    refused("minimum_data_set", rows)
    refused("minimum_data_set", least(LEGAL_PERSON)[:1], rows)
    for sets in ((rows,), (least(LEGAL_PERSON), rows[1:]), (least(LEGAL_PERSON)[1:],)):
        with pytest.raises(ValueError, match="incomplete"):
            made(*sets)


@pytest.mark.spec("eidas.md §4 minimum data set")
def test_a_companys_set_is_whole_also_beside_a_persons() -> None:
    for uri in LEGAL_MINIMUM:
        part = tuple(row for row in least(LEGAL_PERSON) if row[0] != uri)
        refused("minimum_data_set", part)
        refused("minimum_data_set", least(NATURAL_PERSON), part)


@pytest.mark.parametrize("namespace", [LEGAL_PERSON, *REPRESENTATIVES])
def test_nobody_has_two_identifiers(namespace: str) -> None:
    (identifier, values), *others = least(namespace)
    twice = ((identifier, (*values, EidasValue("KH/ST/0009"))), *others)
    refused("attribute_value", () if namespace == LEGAL_PERSON else least(LEGAL_PERSON), twice)


def refused(check: str, *sets: Said) -> None:
    """An assertion of these attributes, spelled by others, is refused by name."""
    value = "<a:AttributeValue>{}</a:AttributeValue>".format
    spelled = "".join(
        attribute("", *(value(one.text) for one in values if one.latin), uri=uri) for uri, values in chain(*sets)
    )
    with pytest.raises(AssertionRejected) as refusal:
        read_assertion(signed_text(assertion(said=f"<a:AttributeStatement>{spelled}</a:AttributeStatement>")))
    assert refusal.value.check == check
