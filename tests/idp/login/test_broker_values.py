"""Attributes of several values through a whole login: what is filtered out is not sealed, recorded or sent."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest

from idp.login.finish import Choice
from idp.login.states import DECIDED, Released
from idp.protocols.oidc.requests.claims import wire_claims
from policies.attributes import EXACT, AttributeName, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected
from policies.load import Configuration
from policies.registrations.saml_service import SamlService
from tests.idp.house import ANSWER, COUNTRY, NOW, REQUEST, House, assertion

NATIONALITY = AttributeName("nationality")


@pytest.mark.parametrize(
    ("form", "claims", "recorded"),
    [
        ("exact", {"nationalities": ["UY", "EE"]}, ["UY", "EE"]),
        ("only(EE,LV)", {"nationalities_only": ["EE"]}, ["EE"]),
        ("nationality_in(EE,LV)", {"nationality_in": {"EE,LV": True}}, True),
        ("is_eu_citizen", {"is_eu_citizen": True}, True),
    ],
)
def test_of_several_values_those_leave_that_the_form_lets_go(form: str, claims: object, recorded: object) -> None:
    house = House(
        resident_parking=('[attributes.email]\nform = "exact"', f'[attributes.nationality]\nform = "{form}"'),
        parking=('email = "exact"', f'nationality = "{form}"'),
    )
    said = assertion()
    values: dict[AttributeName, Value] = {**said.offered.attributes, NATIONALITY: ("UY", "EE")}
    house.country.says = replace(said, offered=Offered(values, said.offered.loa))
    request = replace(REQUEST, asked=(*REQUEST.asked, AskedAttribute(NATIONALITY, EXACT)))
    asked = house.broker.ask(house.broker.begin(request, NOW), COUNTRY, NOW)[1]
    decided = house.broker.handle_response(asked, ANSWER, "en", NOW)
    sealed = DECIDED.dump(decided)
    released = house.ends(DECIDED.load(sealed), Choice("approve", frozenset({NATIONALITY})))
    assert isinstance(released, Released)
    gone = [one for one in house.grant(released).attributes if one.name == NATIONALITY]
    assert wire_claims(gone, STANDARD) == claims
    record = house.store.units[0].record
    assert record is not None
    opened = {opening.compartment: json.loads(opening.content) for opening in record.openings}
    assert opened["values"]["nationality"] == recorded
    assert (b'"UY"' in sealed) == (form == "exact")


@pytest.mark.spec("SAML Core §2.7.2")
def test_a_service_that_speaks_saml_gets_no_answer_that_could_not_say_when() -> None:
    def saml(made: Configuration) -> Configuration:
        known = {name: replace(one, saml=SamlService("https://sp.example", b"<x/>")) for name, one in made.parties.items()}
        return replace(made, parties=known)

    for change, refused in ((saml, True), (lambda made: made, False)):
        found = House(change=change)
        found.country.says = assertion(authenticated_at=0)
        with pytest.raises(AssertionRejected, match="hear when") if refused else nullcontext():
            found.decided()
