"""STORK as it was deployed: the PEPS engine of the EU (eIDAS-Node 1.4.5) and Cl@ve of Spain, in messages of our own."""

import base64
from dataclasses import replace
from typing import Any  # a test changes one field by its name

import pytest
from xmlsec import constants

from connectors.connector import Inbound
from connectors.formats.stork.registry import BASE, QAA_NOT_SUPPORTED
from idp.login.frontend import Declined, Received
from policies.attributes import Address
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed
from tests.connectors import forge
from tests.connectors.stork.made import ACS, NOW, OURS, PEPS
from tests.connectors.stork.test_stork_connector import BEGIN, EXPECTATION, connector_to
from tests.idp.protocols import test_stork_frontend as asked
from tests.real.wire import filled

PARTY = forge.party(forge.rsa_key(5, 2048), BEGIN)
# RSA-SHA256 over SHA-1, and the prefix of the types of values
AS_THEN = forge.How(digest=constants.TransformSha1, prefixes="xs")
PERSON: dict[str, tuple[str, ...]] = {
    "eIdentifier": ("KH/ST/0001",),
    "givenName": ("MARI",),
    "dateOfBirth": (),
    "eMail": ("mari@example.org",),
    "citizenQAALevel": ("03",),
    "fiscalNumber": (),
    "surname": ("ONASIS PEREZ",),
    "canonicalResidenceAddress": (),
}
# The engine names a type at each element
TYPED = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:anyType"'
# As they lie in a hash map
PARTS = {"postalCode": "10123", "town": "Tallinn", "countryCodeAddress": "KH", "streetName": "Pikk", "state": "Harju"}
ADDRESS = "".join(f"<stork:{name} {TYPED}>{text}</stork:{name}>" for name, text in PARTS.items())


def answer(*, failure: str = "", statuses: bool = False, **person: tuple[str, ...]) -> Inbound:
    values = {"now": forge.clock(NOW), "end": forge.clock(NOW + 300), "acs": ACS, "issuer": PEPS, "audience": OURS}
    said = {} if failure else PERSON | person
    text = filled("stork-response.xml", **values, failure=failure, statuses=statuses, person=said)
    if failure:
        text = text.replace("<saml2:AttributeStatement></saml2:AttributeStatement>", "")
    return forge.post(forge.signed(text.encode(), ["_assertion0001", "_response0001"], PARTY, AS_THEN))


def heard(inbound: Inbound) -> Any:
    return connector_to(PARTY, deviations=frozenset({SHA1_SIGNATURE})).receive(inbound, EXPECTATION, NOW)


def test_clave_writes_no_status_and_its_level_with_a_nought() -> None:
    found = heard(answer())
    assert (found.subject, found.said, found.deviations) == ("KH/ST/0001", "3", (SHA1_SIGNATURE,))
    assert found.offered.attributes == {
        "family_name": "ONASIS PEREZ",
        "given_name": "MARI",
        "email": "mari@example.org",
        "person_identifier": "KH/ST/0001",
    }
    with pytest.raises(AssertionRejected):
        heard(answer(citizenQAALevel=("003",)))


def test_the_engine_names_types_within_an_address_and_breaks_the_lines_of_an_identifier() -> None:
    found = heard(
        answer(statuses=True, canonicalResidenceAddress=(ADDRESS,), eIdentifier=("KH/ST/aGVsbG8g&#13;\nd29ybGQ=&#13;",))
    )
    assert found.subject == "KH/ST/aGVsbG8gd29ybGQ="
    assert found.offered.attributes["address"] == Address("Pikk", "10123", "Tallinn", "Harju", "KH")
    with pytest.raises(AssertionRejected) as refused:
        heard(answer(canonicalResidenceAddress=(ADDRESS.replace("xs:anyType", "xs:date", 1),)))
    assert refused.value.check == "attribute_type"


def test_an_age_that_has_not_come_is_an_empty_value_of_the_engine() -> None:
    for value in ((), ("",)):
        inbound = answer(isAgeOver=value) if value else answer(statuses=True, isAgeOver=())
        knows = connector_to(PARTY, deviations=frozenset({SHA1_SIGNATURE}), is_age_over=True)
        assert knows.receive(inbound, EXPECTATION, NOW).offered.affirmed == {}
    assert heard(answer(isAgeOver=("18",))).beside == (f"{BASE}isAgeOver",)


def test_beside_a_failure_the_engine_puts_an_assertion_about_nobody() -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        heard(answer(failure="urn:oasis:names:tc:SAML:2.0:status:RequestDenied"))
    assert refused.value.check == "status"
    with pytest.raises(AssuranceTooLow):
        heard(answer(failure=QAA_NOT_SUPPORTED))


@pytest.mark.parametrize(
    ("changes", "check"), [({}, ""), ({"citizen": "LO"}, "citizen_country"), ({"destination": ""}, "missing_attribute")]
)
def test_a_request_of_the_engine_is_taken_and_one_for_no_address_is_not(changes: dict[str, str], check: str) -> None:
    values = {"now": forge.clock(NOW), "acs": asked.ACS, "issuer": asked.THEIRS, "destination": asked.SSO}
    text = filled("stork-request.xml", **{**values, "country": "PT", "citizen": "EE", **changes})
    octets = forge.signed(text.encode(), ["_request0001"], asked.SPEPS, replace(asked.SHA1, prefixes=""))
    found = asked.frontend(deviations=frozenset({SHA1_SIGNATURE})).receive(
        Inbound("post", {"SAMLRequest": base64.b64encode(octets).decode(), "RelayState": "kept"}), NOW
    )
    if check:
        assert isinstance(found, Declined)
        assert getattr(found.error, "check", "") == check
    else:
        assert isinstance(found, Received)
        assert [(one.name, str(one.form)) for one in found.request.asked] == [
            ("birthdate", "age_over(18)"),
            ("person_identifier", "exact"),
        ]
