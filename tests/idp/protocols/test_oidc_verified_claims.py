"""`verified_claims` of OpenID Identity Assurance: asked for, decided as every attribute, and said under its conditions."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from connectors.wire.claims import Json
from idp.protocols.oidc.issuance import attribute_claims
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import OpenIDRequest, read_protocol
from idp.protocols.oidc.requests.verified_claims import VerifiedRequest
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT
from policies.authentication import AskedAttribute
from policies.parties import ProviderId
from tests.idp.protocols.doubles import BIRTHDATE, NAME, NOW, OVER_18, City, accepted, answer, declined, grant

EIDAS: dict[str, Json] = {"trust_framework": {"value": "eidas"}}
LEVEL, TIME = "assurance_level", "time"


def wish(verification: Json = None, claims: Json = None) -> dict[str, Json]:
    return {"verification": verification or {**EIDAS}, "claims": {"given_name": None} if claims is None else claims}


def asked(*elements: Json, place: str = "userinfo", **beside: Json) -> str:
    listed: Json = elements[0] if len(elements) == 1 else [*elements]
    return json.dumps({place: {"verified_claims": listed, **beside}})


def said(one: VerifiedRequest, changes: Mapping[str, object] | None = None, *, in_id_token: bool = False) -> Json:
    """The element of an answer, of a login at substantial, half a minute ago."""
    wanted = {"verified": (one,), "only_verified": (NAME, BIRTHDATE), **(changes or {})}
    city = City()
    if not wanted.pop("notified", True):
        city.notified.clear()
    found = attribute_claims(parts(city), grant(**wanted), NOW, in_id_token=in_id_token)  # type: ignore[arg-type] # as it is
    assert "given_name" not in found, "never beside what was not verified"
    return found.get("verified_claims")


def parts(city: City) -> OpenIDParts:
    return city.provider._parts


def protocol(city: City, claims: str, **changes: str) -> OpenIDRequest:
    return read_protocol(accepted(city, claims=claims, **changes).origin)


@pytest.mark.spec("OpenID Identity Assurance §6")
@pytest.mark.parametrize("place", ["userinfo", "id_token"])
def test_a_verified_claim_is_asked_for_as_the_attribute_that_it_is(place: str) -> None:
    city = City()
    request = accepted(
        city, claims=asked(wish({**EIDAS, LEVEL: None}, {"given_name": None, "age_over_18": None}), place=place)
    )
    assert request.asked == (AskedAttribute(BIRTHDATE, OVER_18), AskedAttribute(NAME, EXACT))
    assert request.unknown == ()
    found = read_protocol(request.origin)
    assert found.verified == (VerifiedRequest((BIRTHDATE, NAME), in_id_token=place == "id_token", level=True),)
    assert (found.only_verified, found.in_id_token) == ((BIRTHDATE, NAME), ())


@pytest.mark.spec("OpenID Identity Assurance §7")
def test_what_is_asked_for_in_both_ways_stands_in_both_places_and_the_rest_in_one() -> None:
    city = City()
    both = asked(wish(claims={"given_name": None, "birthdate": None}), given_name=None)
    assert protocol(city, both).only_verified == (BIRTHDATE,)
    by_scope = protocol(city, asked(wish()), scope="openid purpose:parking profile")
    assert by_scope.only_verified == ()


@pytest.mark.parametrize(
    ("verification", "taken"),
    [
        ({"trust_framework": None}, True),
        ({"trust_framework": {"values": ["de_aml", "eidas"]}}, True),
        ({"trust_framework": {"value": "de_aml"}}, False),
        ({"trust_framework": {"values": []}}, False),
        ({**EIDAS, LEVEL: {"value": "high"}}, True),
        ({**EIDAS, LEVEL: {"value": "ial2"}}, False),
        ({**EIDAS, LEVEL: {"values": ["ial2", "low"]}}, True),
        ({**EIDAS, TIME: {"max_age": 60}}, True),
        ({**EIDAS, TIME: {"value": "2026-01-01"}}, False),
        ({**EIDAS, "verification_process": None}, True),
        ({**EIDAS, "verification_process": {"value": "x"}}, False),
        ({**EIDAS, "evidence": [{"type": {"value": "document"}}]}, False),
        ({**EIDAS, "evidence": [{"type": None}]}, True),
    ],
)
def test_an_element_whose_conditions_never_hold_asks_for_nothing(verification: Json, taken: bool) -> None:  # noqa: FBT001 # an example
    city = City()
    request = accepted(city, claims=asked(wish(verification)))
    assert bool(read_protocol(request.origin).verified) is taken
    # Not even what the purpose would give to whoever asks for nothing
    assert (NAME in {one.name for one in request.asked}) is taken
    assert request.unknown == (() if taken else ("verified_claims",))


@pytest.mark.parametrize("claim", ["email", "nationalities", "sub", "unknown"])
def test_what_no_scheme_is_notified_for_is_never_verified(claim: str) -> None:
    request = accepted(City(), claims=asked(wish(claims={claim: None})))
    assert read_protocol(request.origin).verified == ()
    assert request.unknown == (claim,)


@pytest.mark.spec("decisions.md 22")
def test_a_claim_that_has_to_have_a_value_is_left_out_whatever_the_value_is() -> None:
    city = City()
    for value in ("Kärt-Canary-Example", "Mari"):
        request = accepted(city, claims=asked(wish(claims={"given_name": {"value": value}})))
        assert (read_protocol(request.origin).verified, request.unknown) == ((), ("given_name",))


@pytest.mark.parametrize(
    "verified",
    [
        "text",
        1,
        [],
        [None],
        {},
        {"verification": {"trust_framework": None}},
        {"verification": {"trust_framework": None}, "claims": {}},
        {"verification": {}, "claims": {"given_name": None}},
        {"verification": None, "claims": {"given_name": None}},
        {"verification": {"trust_framework": None}, "claims": {"<script>": None}},
        {"verification": {"trust_framework": None}, "claims": {"given_name": True}},
        {"verification": {"trust_framework": {"values": "eidas"}}, "claims": {"given_name": None}},
        {"verification": {"trust_framework": None, TIME: {"max_age": "1"}}, "claims": {"given_name": None}},
        [wish()] * 9,
        {"verification": {"trust_framework": None}, "claims": {f"c{number}": None for number in range(64)}},
    ],
)
def test_what_is_no_such_request_is_refused(verified: Json) -> None:
    assert (
        answer(declined(City(), claims=json.dumps({"userinfo": {"verified_claims": verified}})))["error"]
        == "invalid_request"
    )


ONE = VerifiedRequest((BIRTHDATE, NAME))
CLAIMS = {"age_over_18": True, "given_name": "Kärt-Canary-Example"}


@pytest.mark.spec("OpenID Identity Assurance §5")
def test_the_answer_says_of_the_verification_what_was_asked_for() -> None:
    assert said(ONE) == {"verification": {"trust_framework": "eidas"}, "claims": CLAIMS}
    whole = VerifiedRequest((NAME,), level=True, time=True)
    assert said(whole) == {
        "verification": {"trust_framework": "eidas", LEVEL: "substantial", TIME: "2026-11-25T09:46:10Z"},
        "claims": {"given_name": "Kärt-Canary-Example"},
    }
    # Its level as it was asked for, and never up
    named = VerifiedRequest((NAME,), levels=("low", "high"), level=True)
    assert cast(dict[str, Json], said(named))["verification"] == {"trust_framework": "eidas", LEVEL: "low"}


@pytest.mark.spec("OpenID Identity Assurance §5.7.2; OpenID Identity Assurance §6")
@pytest.mark.parametrize(
    ("one", "changes"),
    [
        (VerifiedRequest((NAME,), levels=("high",)), {}),
        (VerifiedRequest((NAME,), levels=("substantial",)), {"loa": LevelOfAssurance.LOW}),
        (VerifiedRequest((NAME,), max_age=29), {}),
        (ONE, {"attributes": ()}),
        (ONE, {"notified": False}),
        (ONE, {"provider_id": ProviderId("lv")}),
    ],
)
def test_where_a_condition_does_not_hold_the_whole_of_it_is_left_out(
    one: VerifiedRequest, changes: dict[str, object]
) -> None:
    assert said(one, changes) is None


def test_each_place_has_its_own_elements_and_several_are_a_list() -> None:
    assert said(ONE, in_id_token=True) is None
    city = City()
    two = grant(verified=(ONE, VerifiedRequest((NAME,)), VerifiedRequest((NAME,), in_id_token=True)), only_verified=(NAME,))
    found = attribute_claims(parts(city), two, NOW)["verified_claims"]
    assert isinstance(found, list)
    assert len(found) == 2
    everything = attribute_claims(parts(city), two, NOW, in_id_token=True, everything=True)["verified_claims"]
    assert isinstance(everything, list)
    assert len(everything) == 3


@pytest.mark.spec("OpenID Identity Assurance §8")
def test_discovery_names_the_framework_and_the_claims_that_it_covers() -> None:
    document = City().provider.discovery().body
    assert document["verified_claims_supported"] is True
    assert (document["trust_frameworks_supported"], document["evidence_supported"]) == (["eidas"], [])
    listed = cast(list[str], document["claims_in_verified_claims_supported"])
    assert {"birthdate", "age_over_18", "family_name"} <= set(listed)
    assert {"email", "phone_number", "nationalities"}.isdisjoint(listed)
    for name in listed:
        assert accepted(City(), claims=asked(wish(claims={name: None}))).unknown == ()
