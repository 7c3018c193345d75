"""The assertion that we make for another node."""

from dataclasses import fields, replace

import pytest
from lxml import etree

from connectors.formats.eidas.address import read_address
from connectors.formats.eidas.registry import (
    CURRENT_FAMILY_NAME,
    MINIMUM,
    NATURAL,
    NATURAL_PERSON,
    NATURAL_PREFIX,
)
from connectors.formats.eidas.response import assertion_element, read_assertion
from connectors.formats.eidas.values import EidasValue
from connectors.formats.saml_message import SubjectConfirmation
from connectors.wire.names import ATTRNAME_URI, BEARER, ENTITY, PERSISTENT
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import (
    ACS,
    ADDRESS,
    ASSERTION,
    CONNECTOR,
    NOW,
    OPTIONAL,
    OWN_HIGH,
    PROXY,
    SUBSTANTIAL,
    found,
    natural,
    said,
    signed,
)

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
LATIN_SCRIPT = f"{{{NATURAL_PERSON}}}LatinScript"


@pytest.mark.spec("eidas.md §4 Assertion")
@pytest.mark.spec("eidas.md §4 Subject and NameID")
def test_an_assertion_is_valid_to_others_schemas_in_the_schemas_order() -> None:
    root = assertion_element(ASSERTION)
    judge.assert_valid(root)
    assert [etree.QName(child).localname for child in root] == [
        *("Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement")
    ]
    assert dict(root.items()) == {"ID": "_assertion0001", "Version": "2.0", "IssueInstant": "2026-09-21T14:13:20Z"}
    name = found(root, "saml:Subject/saml:NameID")
    assert (name.get("Format"), name.text) == (PERSISTENT, "KH/ST/0001")
    assert found(root, "saml:Issuer").text == PROXY


@pytest.mark.spec("eidas.md §4 bearer confirmation")
def test_the_confirmation_is_bearer_for_this_address_request_and_time_without_a_beginning() -> None:
    root = assertion_element(ASSERTION)
    assert found(root, "saml:Subject/saml:SubjectConfirmation").get("Method") == BEARER
    assert dict(found(root, "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData").items()) == {
        "InResponseTo": "_request0001",
        "NotOnOrAfter": "2026-09-21T14:18:20Z",
        "Recipient": ACS,
    }


@pytest.mark.spec("eidas.md §4 Conditions")
def test_the_conditions_have_both_times_and_one_audience() -> None:
    root = assertion_element(ASSERTION)
    conditions = found(root, "saml:Conditions")
    assert dict(conditions.items()) == {"NotBefore": "2026-09-21T14:13:20Z", "NotOnOrAfter": "2026-09-21T14:18:20Z"}
    assert found(conditions, "saml:AudienceRestriction/saml:Audience").text == CONNECTOR
    assert len(conditions) == 1


@pytest.mark.spec("eidas.md §4 one AuthnStatement")
@pytest.mark.spec("eidas.md §4 one AttributeStatement")
def test_there_is_one_statement_of_each_kind_with_the_level_that_was_reached() -> None:
    root = assertion_element(replace(ASSERTION, context_class=OWN_HIGH))
    assert found(root, "saml:AuthnStatement").get("AuthnInstant") == "2026-09-21T14:13:15Z"
    assert found(root, "saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef").text == OWN_HIGH
    assert len(found(root, "saml:AttributeStatement")) == 4


@pytest.mark.spec("eidas.md §5 typed values")
@pytest.mark.parametrize("name", ["CurrentAddress", "BirthName", "Gender"])
def test_each_value_has_the_type_that_others_schemas_know(name: str) -> None:
    root = assertion_element(said(**{name: OPTIONAL[name]}))
    judge.assert_valid(root)
    element = found(root, "saml:AttributeStatement")[-1]
    known = NATURAL[natural(name)]
    assert dict(element.items()) == {
        "FriendlyName": known.friendly_name,
        "Name": known.uri,
        "NameFormat": ATTRNAME_URI,
    }
    assert {child.get(XSI_TYPE) for child in element} == {f"{NATURAL_PREFIX}:{known.xsi_type}"}
    assert element.nsmap[NATURAL_PREFIX] == NATURAL_PERSON
    # and the schema does judge: the type of another attribute is not this one's
    element[0].set(XSI_TYPE, f"{NATURAL_PREFIX}:NoSuchType")
    assert not judge.is_valid(root)


@pytest.mark.spec("eidas.md §5 transliteration applies to T")
def test_the_original_script_says_so_and_the_latin_value_says_nothing() -> None:
    root = assertion_element(ASSERTION)
    judge.assert_valid(root)
    names = next(child for child in found(root, "saml:AttributeStatement") if child.get("Name") == CURRENT_FAMILY_NAME)
    assert [(child.text, child.get(LATIN_SCRIPT)) for child in names] == [("Ωνάσης", "false"), ("Onasis", None)]


@pytest.mark.spec("eidas.md §4 minimum data set")
@pytest.mark.parametrize(
    "changed",
    [
        *(replace(ASSERTION, attributes=tuple(row for row in ASSERTION.attributes if row[0] != uri)) for uri in MINIMUM),
        replace(ASSERTION, attributes=(*ASSERTION.attributes, ASSERTION.attributes[0])),
        replace(ASSERTION, attributes=(*ASSERTION.attributes, ("urn:sector:licence", (EidasValue("B"),)))),
        replace(ASSERTION, name_id=""),
        replace(ASSERTION, name_id_format=ENTITY),
        said(DateOfBirth=(EidasValue("1887"),)),
        said(Gender=(EidasValue("F"),)),
        said(CurrentGivenName=(EidasValue(""),)),
        said(CurrentGivenName=(EidasValue("Мария"),)),
    ],
)
def test_what_a_peer_would_have_to_refuse_is_not_made(changed: object) -> None:
    assert isinstance(changed, type(ASSERTION))
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words differ, and hold no value
        assertion_element(changed)
    assert not any(text in str(refusal.value) for text in ("Мария", "1887", "0001", "Таллин"))


def test_all_of_an_assertion_is_heard_as_it_was_said() -> None:
    message = read_assertion(signed(assertion_element(said(**OPTIONAL))))
    assert set(message.attributes) == set(NATURAL)
    assert message.confirmations == (
        SubjectConfirmation(
            method=BEARER,
            recipient=ACS,
            in_response_to="_request0001",
            not_before=None,
            not_on_or_after=NOW + 300,
        ),
    )
    assert (message.conditions.not_before, message.conditions.not_on_or_after) == (NOW, NOW + 300)
    assert message.conditions.audiences == ((CONNECTOR,),)
    assert [(each.instant, each.context_class) for each in message.authentications] == [(NOW - 5, SUBSTANTIAL)]
    assert (message.assertion_id, message.issuer, message.issue_instant) == ("_assertion0001", PROXY, NOW)
    assert message.subject.value == "KH/ST/0001"
    assert read_address(message.attributes[natural("CurrentAddress")][0].text) == ADDRESS


@pytest.mark.spec("house-style.md 8")
def test_no_value_is_in_a_repr() -> None:
    message = read_assertion(signed(assertion_element(said(**OPTIONAL))))
    for shown in (repr(message), repr(ASSERTION), repr(EidasValue("Onasis"))):
        assert not any(text in shown for text in ("Onasis", "1887-04-12", "KH/ST", "Tallinn"))
    assert {field.name for field in fields(ASSERTION) if not field.repr} == {"name_id", "session_index", "attributes"}
