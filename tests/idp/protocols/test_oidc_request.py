"""Authentication requests: what is accepted, what goes back as an error, and what goes back to nobody."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.connector import Redirect
from connectors.signatures.jws import sign
from connectors.wire.claims import Json
from idp.login.frontend import Received
from idp.protocols.oidc.requests.request import OpenIDRequest, origin_of, read_protocol
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Attribute, AttributeName, Form
from policies.authentication import AskedAttribute, Offered, ServiceRequest
from policies.errors import RequestRefused
from policies.pseudonyms import subject_digest
from policies.purposes import Purpose
from policies.release import decide
from tests.connectors_jws.jws_doubles import SoftwareSigner, handmade, private_key
from tests.idp.protocols.doubles import (
    ADDRESS,
    BIRTHDATE,
    BUDGET,
    CHALLENGE,
    FARE,
    ISSUER,
    NAME,
    NOW,
    OVER_18,
    PARKING,
    REDIRECT,
    RESIDENT,
    City,
    accepted,
    answer,
    declined,
    living_in,
    party,
    request,
)

HIGH, SUBSTANTIAL, LOW = LevelOfAssurance.HIGH, LevelOfAssurance.SUBSTANTIAL, LevelOfAssurance.LOW


def error(city: City | None = None, /, **changes: str | None) -> str:
    """The OAuth error that goes back to the verified address, with state and issuer and a sentence."""
    found = answer(declined(city or City(), **changes))
    assert found["iss"] == ISSUER
    assert found["error_description"].endswith(".")
    assert set(found) <= {"error", "error_description", "state", "iss"}
    return found["error"]


def local(**changes: str | None) -> RequestRefused:
    """The refusal that only the person in front of the screen sees."""
    with pytest.raises(RequestRefused) as caught:
        City().provider.receive(request(**changes), NOW)
    return caught.value


def needing(purpose: Purpose, place: str) -> Purpose:
    need = replace(purpose.needs[ADDRESS], form=Form("resident_of", place))
    return replace(purpose, needs={**purpose.needs, ADDRESS: need})


def test_a_request_is_read_into_a_type_that_needs_no_further_check() -> None:
    asked = OpenIDRequest(REDIRECT, "query", "af0ifjsldkj", nonce="n-0S6_WzA2Mj", code_challenge=CHALLENGE)
    assert accepted(City()) == ServiceRequest(
        origin=origin_of(party(), asked),
        purpose_id=PARKING,
        asked=(AskedAttribute(ADDRESS, EXACT), AskedAttribute(BIRTHDATE, OVER_18), AskedAttribute(NAME, EXACT)),
        unknown=(),
        minimum_assurance=LOW,
    )


# -- never a redirect before client and address are verified -----------------------------------------------------------


@pytest.mark.spec("oidc.md §18")
@pytest.mark.parametrize("client", [None, "", "nobody", "PARKING", "parking ", "parking\x00"])
def test_an_unknown_client_gets_no_redirect(client: str | None) -> None:
    refusal = local(client_id=client, scope="")
    assert (refusal.status, refusal.code) == (400, "request_refused")


@pytest.mark.spec("CVE-2026-3872")
@pytest.mark.parametrize(
    "address",
    [
        None,
        REDIRECT + "/",
        REDIRECT + "?code=1",
        REDIRECT + "/..;/",
        REDIRECT.replace("https", "HTTPS"),
        REDIRECT.replace("/callback", ":443/callback"),
        REDIRECT.replace("/callback", "/%63allback"),
        REDIRECT.replace("https://", "https://evil.example@"),
        REDIRECT + "\r\nLocation: https://evil.example",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_address_that_is_not_byte_for_byte_registered_gets_no_redirect(address: str | None) -> None:
    assert local(redirect_uri=address).status == 400


def test_a_request_of_100_kilobytes_is_refused_whatever_it_asks() -> None:
    assert local(login_hint="x" * 100_000).status == 413
    assert local(**{"x" * 100_000: "y"}).status == 413


def test_a_local_refusal_says_whose_move_it_is_and_repeats_nothing_of_the_request() -> None:
    refusal = local(client_id="canary-client-4711")
    assert "operator" in refusal.public
    assert "canary" not in refusal.detail + refusal.public


# -- errors for the verified address -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "CODE"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "purpose:parking"}, "invalid_scope"),
        ({"scope": "OPENID purpose:parking"}, "invalid_scope"),
        ({"scope": "openid purpose:parking purpose:fare"}, "invalid_scope"),
        ({"scope": "openid purpose:nothing"}, "invalid_scope"),
        ({"scope": "openid purpose:budget"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "openid Purpose:parking"}, "invalid_scope"),
        ({"scope": "openid purpose:parking " + "x" * 2000}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1] + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1] + "d"}, "invalid_request"),  # a second spelling of the same bytes
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"nonce": "n\n"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"max_age": "1" * 10}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"acr_values": "x" * 1025}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"claims": "{"}, "invalid_request"),
    ],
)
def test_each_fault_has_its_error(changes: dict[str, str | None], expected: str) -> None:
    assert error(**changes) == expected


def test_an_error_brings_the_state_back_and_goes_to_the_registered_address() -> None:
    found = declined(City(), response_type="token", state="a b&c=d%é"[:-1])
    assert isinstance(found, Redirect)
    assert found.url.startswith(REDIRECT + "?error=unsupported_response_type&")
    assert answer(found)["state"] == "a b&c=d%"


@pytest.mark.parametrize("state", ["s" * 4097, "a\nb", "é", "\x00", "\x7f"])
def test_a_state_that_cannot_be_given_back_unchanged_is_refused_and_not_given_back(state: str) -> None:
    found = answer(declined(City(), state=state))
    assert found["error"] == "invalid_request"
    assert "state" not in found


@pytest.mark.spec("RFC 6749 §4.1.2.1")
def test_every_sentence_has_only_characters_that_an_error_description_may_have() -> None:
    faults: list[dict[str, str | None]] = [
        {"response_type": None},
        {"scope": "openid"},
        {"nonce": "ñ"},
        {"prompt": "none"},
        {"claims": '{"userinfo":{"x y":null}}'},
        {"max_age": "x"},
        {"request": "x"},
    ]
    for changes in faults:
        sentence = answer(declined(City(), **changes))["error_description"]
        assert all(" " <= c <= "~" and c not in '"\\' for c in sentence), sentence


# -- purpose -----------------------------------------------------------------------------------------------------------


def test_the_only_registered_purpose_needs_no_name() -> None:
    assert accepted(City(party(purposes=(FARE,))), scope="openid").purpose_id == FARE


def test_a_purpose_that_is_registered_but_gone_is_no_purpose() -> None:
    city = City(party(purposes=(PARKING, BUDGET)))
    del city.purposes[PARKING]
    assert error(city) == "invalid_scope"
    assert accepted(city, scope="openid").purpose_id == BUDGET


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
@pytest.mark.parametrize("scope", ["offline_access", "everything", "repurpose:fare purposeful EMAIL", "x" * 900])
def test_a_scope_that_means_nothing_here_is_ignored(scope: str) -> None:
    assert accepted(City(), scope=f"openid purpose:parking {scope}") == accepted(City())


@pytest.mark.parametrize("scope", ["purpose:budget", "purpose:nothing", "Purpose:fare", "purpose"])
def test_a_purpose_is_never_a_scope_that_means_nothing(scope: str) -> None:
    """Ignored, it would let a client of one purpose get that one, whatever it meant to ask for."""
    assert error(City(party(purposes=(FARE,))), scope=f"openid {scope}") == "invalid_scope"
    assert error(City(party(purposes=(FARE,))), scope=f"openid purpose:fare {scope}") == "invalid_scope"


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_a_standard_scope_asks_for_its_attributes_in_full() -> None:
    asked = accepted(City(), scope="openid purpose:parking email address profile").asked
    assert [AskedAttribute(name, EXACT) for name in (ADDRESS, BIRTHDATE, AttributeName("email"))] == list(asked[:3])


REWORDED: list[dict[str, str | None]] = [
    {"scope": "openid purpose:parking email"},
    {"scope": "openid purpose:parking profile email phone address groups"},
    {"claims": '{"userinfo":{"given_name":null}}'},
    {"claims": '{"id_token":{"shoe_size":{"essential":true}}}'},
    {"claims": '{"userinfo":{"age_over_16":null}}'},
    {"claims": '{"userinfo":{"birth_year":null}}'},
    {"claims": '{"userinfo":{"birthdate":null}}'},
]


@pytest.mark.parametrize("changes", REWORDED)
def test_what_the_purpose_requires_goes_whatever_the_request_words(changes: dict[str, str | None]) -> None:
    """Standard scopes would else drop it in silence, and so could somebody who rewords the request in their browser."""
    city = City()
    asked = accepted(city, **changes).asked
    assert len({one.name for one in asked}) == len(asked)
    offered = Offered({BIRTHDATE: "1990-02-28"}, HIGH)
    decided = decide(asked, city.purposes[PARKING], party(), offered, date(2026, 11, 25))
    assert Attribute(BIRTHDATE, OVER_18, value=True) in decided.released


@pytest.mark.parametrize("changes", REWORDED[:4])
def test_what_the_purpose_does_not_require_is_asked_for_only_where_the_request_says_so(
    changes: dict[str, str | None],
) -> None:
    assert (ADDRESS in {one.name for one in accepted(City(), **changes).asked}) == ("address" in str(changes))


def test_a_claim_asks_for_its_form() -> None:
    claims = '{"userinfo":{"age_over_18":null,"resident_of":{"value":"Storkhaven"},"given_name_initials":{}}}'
    assert accepted(City(living_in("Storkhaven")), claims=claims).asked == (
        AskedAttribute(ADDRESS, RESIDENT),
        AskedAttribute(BIRTHDATE, OVER_18),
        AskedAttribute(NAME, Form("initials")),
    )


def test_of_two_comparable_forms_the_stronger_is_asked() -> None:
    for claims in (
        '{"userinfo":{"birthdate":null,"age_over_18":null}}',
        '{"userinfo":{"age_over_18":null,"birthdate":null}}',
        '{"userinfo":{"age_over_18":null},"id_token":{"birthdate":null}}',
    ):
        assert accepted(City(), claims=claims).asked == (AskedAttribute(BIRTHDATE, EXACT),)


@pytest.mark.parametrize(
    "claims",
    [
        '{"userinfo":{"age_over_18":null,"age_over_21":null}}',
        '{"userinfo":{"age_over_18":null},"id_token":{"birth_year":null}}',
    ],
)
def test_two_forms_of_which_neither_says_more_are_refused(claims: str) -> None:
    assert error(claims=claims) == "invalid_request"


@pytest.mark.parametrize("place", ["Storkhaven", "Tartu"])
def test_a_place_that_neither_purpose_nor_registration_names_is_unknown(place: str) -> None:
    """A stranger words the request: what they wrote would stand on the page of approval, and in the record."""
    claims = f'{{"userinfo":{{"resident_of":{{"value":"{place}"}}}}}}'
    assert accepted(City(), claims=claims).unknown == ("resident_of",)
    city = City(living_in("Storkhaven"))
    city.purposes[PARKING] = needing(city.purposes[PARKING], "Tartu")
    assert AskedAttribute(ADDRESS, Form("resident_of", place)) in accepted(city, claims=claims).asked
    other = claims.replace(place, "Storkhaven. Call +372 555 0100 now")
    assert accepted(city, claims=other).unknown == ("resident_of",)


def test_a_claim_that_nobody_knows_is_remembered_as_unknown_and_asks_for_nothing() -> None:
    found = accepted(City(), claims='{"userinfo":{"shoe_size":null},"id_token":{"blood_type":null}}')
    assert found.unknown == ("blood_type", "shoe_size")
    assert found.asked == (AskedAttribute(BIRTHDATE, OVER_18),), "what the purpose requires, and nothing else"


def test_claims_for_the_id_token_are_remembered_as_such() -> None:
    found = accepted(City(), claims='{"id_token":{"age_over_18":null},"userinfo":{"given_name":null}}')
    assert read_protocol(found.origin).in_id_token == (BIRTHDATE,)
    assert [asked.name for asked in found.asked] == [BIRTHDATE, NAME]


# -- assurance, freshness, languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("http://eidas.europa.eu/LoA/high", HIGH),
        ("high substantial", SUBSTANTIAL),
        ("substantial high", SUBSTANTIAL),
        ("urn:unknown high", HIGH),
        ("urn:unknown", LOW),
        ("", LOW),
    ],
)
def test_of_the_levels_that_are_wished_the_lowest_known_one_is_asked(values: str, expected: LevelOfAssurance) -> None:
    assert accepted(City(), acr_values=values).minimum_assurance == expected


def test_a_wish_never_goes_below_what_the_purpose_needs() -> None:
    city = City(minimum=SUBSTANTIAL)
    assert accepted(city, acr_values="low").minimum_assurance == SUBSTANTIAL
    assert accepted(city).minimum_assurance == SUBSTANTIAL
    essential = '{"id_token":{"acr":{"essential":true,"value":"low"}}}'
    assert accepted(city, claims=essential).minimum_assurance == SUBSTANTIAL


@pytest.mark.parametrize(
    ("values", "country", "level"),
    [
        ("country:EE", "EE", LOW),
        ("high country:EE", "EE", HIGH),
        ("country:EE urn:unknown substantial", "EE", SUBSTANTIAL),
        ("", "", LOW),
        # other spellings are values that we do not know: they change nothing
        ("country:ee", "", LOW),
        ("country:EE\n", "", LOW),
        ("xcountry:EE", "", LOW),
    ],
)
def test_the_country_that_a_service_names_is_one_value_among_the_levels(
    values: str, country: str, level: LevelOfAssurance
) -> None:
    found = accepted(City(), acr_values=values)
    assert (found.country, found.minimum_assurance) == (country, level)


@pytest.mark.parametrize("values", ["country:EE country:LV", "country:EE high country:EE"])
def test_two_countries_are_an_error(values: str) -> None:
    assert error(acr_values=values) == "invalid_request"


@pytest.mark.spec("OpenID Connect Core §5.5.1.1")
def test_an_essential_acr_counts_before_acr_values() -> None:
    claims = '{"id_token":{"acr":{"essential":true,"values":["http://eidas.europa.eu/LoA/high","urn:other"]}}}'
    assert accepted(City(), claims=claims, acr_values="low").minimum_assurance == HIGH


@pytest.mark.spec("OpenID Connect Core §5.5.1.1")
def test_the_known_names_of_an_essential_acr_are_remembered_and_of_a_voluntary_one_none() -> None:
    wish = '"values":["low","urn:other","http://eidas.europa.eu/LoA/high"]'
    essential = '{"id_token":{"acr":{"essential":true,' + wish + "}}}"
    assert accepted(City(), claims=essential).contexts == ("low", HIGH.uri)
    # A stranger writes the request, and it travels in a cookie
    assert accepted(City(), claims=essential.replace('"low"', ",".join(['"low"'] * 1000))).contexts == ("low", HIGH.uri)
    assert accepted(City(), claims=essential.replace('"essential":true,', "")).contexts == ()
    assert accepted(City(), acr_values="low").contexts == ()


def _hint(alg: str = "ES256", typ: str = "JWT", number: int = 0, **changes: Json) -> str:
    """An id_token of ours for the client, but for `changes`; a claim that is None is left out."""
    claims: dict[str, Json] = {"iss": ISSUER, "aud": "parking", "sub": "a-sub", "iat": 1, "exp": 2, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return sign(kept, SoftwareSigner(private_key(alg, number)), alg=alg, typ=typ)


@pytest.mark.spec("OpenID Connect Core §3.1.2.1 max_age; OpenID Connect Core §3.1.2.2")
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_an_id_token_of_ours_names_who_is_to_come_long_after_its_end(alg: str) -> None:
    asked = accepted(City(), id_token_hint=_hint(alg))
    assert asked.expected == subject_digest("a-sub") != subject_digest("another-sub")
    assert "a-sub" not in repr(asked), "which person is expected is nothing that a cookie has to say"
    assert replace(asked, expected="") == accepted(City())
    assert accepted(City(), id_token_hint="") == accepted(City())


@pytest.mark.parametrize(
    "hint",
    [
        "eyJ.e30.c2ln",
        _hint(aud="fare"),
        _hint(aud=["parking"]),
        _hint(iss="https://other.example"),
        _hint(sub=""),
        _hint(typ="logout+jwt"),
        _hint(number=2),
        _hint("PS256"),
        _hint()[:-4] + "AAAA",
        handmade({"alg": "none"}, {"iss": ISSUER, "aud": "parking", "sub": "a-sub"}, private_key("ES256")),
    ],
)
def test_a_hint_that_is_no_id_token_of_ours_for_this_client_is_refused(hint: str) -> None:
    """Else whoever words the request would have a service told who it is not."""
    assert error(id_token_hint=hint) == "invalid_request"
    told = answer(declined(City(), id_token_hint=hint))["error_description"]
    assert told.startswith("id_token_hint is ")
    assert error(id_token_hint=hint, prompt="none") == "interaction_required"


@pytest.mark.parametrize("wish", ['"value":"urn:other"', '"values":["urn:other"]', '"values":[]'])
def test_an_essential_acr_that_cannot_be_met_is_an_error(wish: str) -> None:
    claims = '{"id_token":{"acr":{"essential":true,' + wish + "}}}"
    assert error(claims=claims) == "unmet_authentication_requirements"


@pytest.mark.parametrize(
    ("changes", "forced", "age"),
    [
        ({"prompt": "login"}, True, None),
        ({"prompt": "login consent"}, True, None),
        ({"prompt": "consent"}, False, None),
        # At their country somebody may be signed in already, as another of their selves
        ({"prompt": "select_account"}, True, None),
        ({"max_age": "0"}, True, 0),
        ({"max_age": "3600"}, False, 3600),
        ({"prompt": ""}, False, None),
    ],
)
def test_freshness_is_what_prompt_and_max_age_say(changes: dict[str, str], forced: bool, age: int | None) -> None:  # noqa: FBT001 # an example
    found = accepted(City(), **changes)
    assert (found.force_authentication, found.max_age) == (forced, age)


def test_languages_that_cannot_be_read_are_passed_over() -> None:
    found = accepted(City(), ui_locales="et-EE zh-Hans ../etc <b> en " + "de " * 20)
    assert found.languages[:4] == ("et-EE", "zh-Hans", "en", "de")
    assert len(found.languages) == 8


@pytest.mark.parametrize("name", ["login_hint", "display", "claims_locales", "resource", "unheard_of"])
def test_what_is_ignored_leaves_no_trace(name: str) -> None:
    assert accepted(City(), **{name: "canary-person-4711"}) == accepted(City())


@pytest.mark.spec("RFC 9700 §2.1.1")
def test_pkce_alone_is_enough() -> None:
    for absent in (None, ""):
        found = read_protocol(accepted(City(), state=absent, nonce=absent).origin)
        assert (found.state, found.nonce, found.code_challenge) == ("", "", CHALLENGE)


WITHOUT = {"code_challenge": None, "code_challenge_method": None}


@pytest.mark.spec("RFC 9700 §2.1.1")
@pytest.mark.spec("RFC 6749 §10.12")
def test_by_registration_a_nonce_stands_in_for_pkce() -> None:
    city = City(party(pkce_required=False))
    found = read_protocol(accepted(city, **WITHOUT, state=None).origin)
    assert (found.code_challenge, found.nonce) == ("", "n-0S6_WzA2Mj")
    # One with PKCE is judged as any other
    assert read_protocol(accepted(city, nonce=None).origin).code_challenge == CHALLENGE
    for changes in (
        {**WITHOUT, "nonce": None},
        {**WITHOUT, "nonce": ""},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ):
        assert answer(declined(city, **changes))["error"] == "invalid_request"
    # A neighbour's registration opens nothing for this one
    city = City(party(), party("other", pkce_required=False))
    assert "PKCE is required" in answer(declined(city, **WITHOUT))["error_description"]


NAMES = st.sampled_from(
    [
        "response_type",
        "scope",
        "state",
        "nonce",
        "claims",
        "prompt",
        "max_age",
        "acr_values",
        "code_challenge",
        "response_mode",
    ]
)


@given(st.dictionaries(NAMES, st.text(max_size=60)))
def test_whatever_is_sent_by_a_known_client_gets_a_request_or_an_error(changes: dict[str, str]) -> None:
    found = CITY.provider.receive(request(**changes), NOW)
    if isinstance(found, Received):
        assert read_protocol(found.request.origin).code_challenge
    else:
        assert answer(CITY.provider.refuse(found.origin, found.error, NOW))["error"]


CITY = City()
