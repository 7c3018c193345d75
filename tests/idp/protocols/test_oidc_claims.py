"""The `claims` parameter, read strictly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.wire.claims import Json
from idp.protocols.oidc.requests.claims import PROTOCOL_CLAIMS, ClaimsRequest, lowest_level, read_claims, wire_claims
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form
from policies.authentication import AskedAttribute
from policies.catalogue import STANDARD, AttributeType
from policies.errors import RequestRefused
from policies.forms import AttributeKind
from tests.idp.protocols.doubles import ADDRESS, BIRTHDATE, NAME, OVER_18, RESIDENT

NATIONALITY = AttributeName("nationality")


def read(text: str) -> ClaimsRequest:
    return read_claims(text, STANDARD, {AskedAttribute(ADDRESS, RESIDENT)})


def refused(text: str) -> str:
    with pytest.raises(RequestRefused) as caught:
        read(text)
    assert caught.value.oauth == "invalid_request"
    return caught.value.detail


@pytest.mark.spec("OpenID Connect Core §5.5")
def test_a_request_of_both_places_is_read() -> None:
    found = read('{"userinfo":{"given_name":{"essential":true}},"id_token":{"age_over_18":null,"acr":{"values":["high"]}}}')
    assert found == ClaimsRequest(
        asked=(AskedAttribute(NAME, EXACT), AskedAttribute(BIRTHDATE, OVER_18)),
        in_id_token=(BIRTHDATE,),
        unknown=(),
        acr=("high",),
        acr_essential=False,
    )


@pytest.mark.parametrize(
    "text", ["{}", '{"userinfo":null}', '{"userinfo":{},"id_token":{}}', '{"verified_claims":{"x":1}}']
)
def test_a_request_that_names_nothing_asks_for_nothing(text: str) -> None:
    assert read(text) == ClaimsRequest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}{}",
        '{"userinfo":{"given_name":null,"given_name":null}}',
        '{"userinfo":[]}',
        '{"userinfo":{"given_name":true}}',
        '{"userinfo":{"given_name":{"essential":1}}}',
        '{"userinfo":{"given_name":{"value":NaN}}}',
        '{"userinfo":{"<script>":null}}',
        '{"userinfo":{"\\ud800":null}}',
        '{"userinfo":{"' + "x" * 65 + '":null}}',
        '{"id_token":{"acr":{"values":[1]}}}',
        "[" * 5000,
        "\ud800",
    ],
)
def test_what_is_no_such_request_is_refused(text: str) -> None:
    assert refused(text)


def test_a_request_is_bounded_in_length_and_in_number() -> None:
    assert "8192" in refused('{"userinfo":{"given_name":{"value":"' + "x" * 8192 + '"}}}')
    many = {"userinfo": {f"c{number}": None for number in range(64)}}
    assert read(json.dumps(many)).unknown[-1] == "+56"
    assert "64" in refused(json.dumps({**many, "id_token": {"one_more": None}}))


def test_of_unknown_claims_eight_are_kept_by_name_and_the_rest_by_their_number() -> None:
    names = [f"{number:02d}{'x' * 62}" for number in range(64)]
    eight = read(json.dumps({"userinfo": dict.fromkeys(names[:8])})).unknown
    assert eight == tuple(names[:8])
    assert read(json.dumps({"userinfo": dict.fromkeys(names)})).unknown == (*names[:8], "+56")
    refused('{"userinfo":{"+56":null}}')


def test_a_value_is_no_way_to_ask_whether_somebody_has_it() -> None:
    assert read('{"userinfo":{"given_name":{"value":"Kärt"}}}').asked == (AskedAttribute(NAME, EXACT),)


@pytest.mark.spec("OpenID Connect Core §5.5.1")
def test_one_particular_subject_can_be_asked_for_and_nobody_else_then_comes() -> None:
    for wish in ('{"value":"3JZ4"}', '{"values":["3JZ4"]}', '{"value":"3JZ4","essential":true}'):
        assert read(f'{{"id_token":{{"sub":{wish}}}}}').sub == "3JZ4"
    assert read('{"userinfo":{"sub":{"value":"3JZ4"}},"id_token":{"sub":{"value":"3JZ4"}}}').sub == "3JZ4"
    assert read('{"id_token":{"sub":null},"userinfo":{"sub":{"essential":true}}}').sub == ""


@pytest.mark.parametrize(
    "request_of",
    [
        '{"id_token":{"sub":{"value":""}}}',
        '{"id_token":{"sub":{"value":1}}}',
        '{"id_token":{"sub":{"values":"3JZ4"}}}',
        '{"id_token":{"sub":{"values":["3JZ4","4KZ5"]}}}',
        '{"id_token":{"sub":{"value":"' + "x" * 256 + '"}}}',
        '{"id_token":{"sub":{"value":"Kärt"}}}',
        '{"userinfo":{"sub":{"value":"3JZ4"}},"id_token":{"sub":{"value":"4KZ5"}}}',
    ],
)
def test_a_subject_that_nobody_is_ends_the_request(request_of: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read(request_of)
    assert caught.value.oauth == "login_required"
    assert "3JZ4" not in caught.value.detail


def test_a_place_is_asked_for_by_its_value_and_without_one_the_claim_is_unknown() -> None:
    assert read('{"userinfo":{"resident_of":{"value":"Storkhaven"}}}').asked == (AskedAttribute(ADDRESS, RESIDENT),)
    elsewhere = '{"value":"Tartu"}'
    for wish in ("null", "{}", elsewhere, '{"value":1}', '{"value":""}', '{"value":"a(b)"}', '{"values":["Storkhaven"]}'):
        assert read(f'{{"userinfo":{{"resident_of":{wish}}}}}').unknown == ("resident_of",)


@pytest.mark.parametrize("claim", ["age_over_18", "age_over_150"])
def test_an_age_that_somebody_may_have_is_asked_for(claim: str) -> None:
    assert read(f'{{"userinfo":{{"{claim}":null}}}}').asked[0].name == BIRTHDATE


def test_of_ages_a_service_in_a_sphere_asks_for_those_that_a_file_names() -> None:
    found = read_claims(
        '{"userinfo":{"age_over_18":null,"age_over_37":null}}',
        STANDARD,
        {AskedAttribute(BIRTHDATE, OVER_18)},
        any_age=False,
    )
    assert (found.asked, found.unknown) == ((AskedAttribute(BIRTHDATE, OVER_18),), ("age_over_37",))


@pytest.mark.parametrize("claim", ["age_over_0", "age_over_018", "age_over_151", "age_over_"])
def test_an_age_that_nobody_can_have_is_unknown(claim: str) -> None:
    assert read(f'{{"userinfo":{{"{claim}":null}}}}').unknown == (claim,)


@pytest.mark.parametrize(
    ("wish", "values", "essential"),
    [
        ("null", (), False),
        ("{}", (), False),
        ('{"essential":true}', (), False),
        ('{"essential":true,"value":"high"}', ("high",), True),
        ('{"essential":true,"values":["high","low"]}', ("high", "low"), True),
        ('{"essential":false,"values":["high"]}', ("high",), False),
        ('{"essential":true,"values":[]}', (), True),
    ],
)
def test_an_essential_acr_is_one_with_values(wish: str, values: tuple[str, ...], essential: bool) -> None:  # noqa: FBT001 # an example
    found = read(f'{{"id_token":{{"acr":{wish}}}}}')
    assert (found.acr, found.acr_essential) == (values, essential)


@pytest.mark.parametrize(
    ("names", "level"),
    [
        ([], None),
        (["unknown", ""], None),
        (["HIGH"], None),
        (["high", "unknown"], LevelOfAssurance.HIGH),
        (["high", "http://eidas.europa.eu/LoA/low"], LevelOfAssurance.LOW),
    ],
)
def test_the_lowest_level_is_that_of_the_known_names(names: list[str], level: LevelOfAssurance | None) -> None:
    assert lowest_level(names, {}) == level


@pytest.mark.parametrize(
    ("attribute", "claims"),
    [
        (Attribute(NAME, EXACT, "Kärt"), {"given_name": "Kärt"}),
        (Attribute(NAME, Form("initials"), "K."), {"given_name_initials": "K."}),
        (Attribute(BIRTHDATE, OVER_18, value=True), {"age_over_18": True}),
        (Attribute(ADDRESS, RESIDENT, value=False), {"resident_of": {"Storkhaven": False}}),
        (Attribute(ADDRESS, Form("country"), "EE"), {"address_country": "EE"}),
        (Attribute(ADDRESS, EXACT, Address(country="EE")), {"address": {"country": "EE"}}),
        (Attribute(ADDRESS, Form("region"), Address(region="Harju")), {"address_region": {"region": "Harju"}}),
        (Attribute(BIRTHDATE, Form("age_in", "18,25"), value=True), {"age_in": {"18,25": True}}),
        (Attribute(NATIONALITY, EXACT, "EE"), {"nationalities": ["EE"]}),
        (Attribute(NATIONALITY, EXACT, ("EE", "LV")), {"nationalities": ["EE", "LV"]}),
        (Attribute(NATIONALITY, Form("only", "EE,FI"), ("EE",)), {"nationalities_only": ["EE"]}),
        (Attribute(NATIONALITY, Form("nationality_in", "EE,FI"), value=True), {"nationality_in": {"EE,FI": True}}),
        (Attribute(NATIONALITY, Form("is_eu_citizen"), value=False), {"is_eu_citizen": False}),
        (
            Attribute(NAME, EXACT, "\u5c0f\u4e91", "Xiaoyun"),
            {"given_name": "\u5c0f\u4e91", "given_name#und-Latn": "Xiaoyun"},
        ),
    ],
)
def test_each_form_of_an_attribute_has_its_claim(attribute: Attribute, claims: dict[str, Json]) -> None:
    assert wire_claims([attribute], STANDARD) == claims


@pytest.mark.parametrize("claim", sorted(PROTOCOL_CLAIMS))
def test_an_attribute_that_a_city_calls_like_a_claim_of_the_protocol_never_goes_out(claim: str) -> None:
    own = AttributeType(AttributeName("own"), AttributeKind.TEXT, {"en": "Own"}, claim)
    catalogue = STANDARD.with_own([own])
    assert wire_claims([Attribute(own.name, EXACT, "x"), Attribute(NAME, EXACT, "Kärt")], catalogue) == {
        "given_name": "Kärt"
    }


def test_no_claim_of_our_catalogue_is_one_of_the_protocols() -> None:
    assert PROTOCOL_CLAIMS.isdisjoint(STANDARD.claims)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)
PARTS = st.sampled_from(["userinfo", "id_token", "other"])
NAMES = st.sampled_from(["acr", "sub", "given_name", "resident_of"]) | st.text(max_size=8)


@given(st.dictionaries(PARTS, JSON | st.dictionaries(NAMES, JSON | st.fixed_dictionaries({"value": JSON}), max_size=4)))
def test_whatever_json_comes_is_read_or_refused_and_nothing_else_is_raised(request: dict[str, Json]) -> None:
    try:
        found = read(json.dumps(request))
    except RequestRefused:
        return
    assert set(found.in_id_token) <= {asked.name for asked in found.asked}
