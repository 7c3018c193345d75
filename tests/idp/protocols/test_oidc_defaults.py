"""A registration speaks where a request says nothing, and who has to come."""

from dataclasses import replace

import pytest

from connectors.signatures.jws import sign
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.pseudonyms import subject_digest
from policies.registrations.client_answers import ClientAnswers
from policies.registrations.openid_client import OpenIDClient
from tests.connectors_jws.jws_doubles import SoftwareSigner, private_key
from tests.idp.protocols.doubles import ISSUER, NOW, City, accepted, answer, declined, party

SUB = "3JZ4KUQW2D7M"


def city(**answers: object) -> City:
    chosen = replace(ClientAnswers(), **answers)  # type: ignore[arg-type] # whichever fields a test names
    return City(party(openid=OpenIDClient(answers=chosen)))


def wanting(sub: str) -> str:
    return f'{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}'


@pytest.mark.spec("RFC 7591 §2")
@pytest.mark.parametrize(
    ("registered", "asked", "forced", "age"),
    [
        (300, None, False, 300),
        (300, "", False, 300),
        (300, "600", False, 600),
        (300, "0", True, 0),
        (0, None, True, 0),
        (None, None, False, None),
    ],
)
def test_a_default_max_age_counts_where_the_request_has_none(
    registered: int | None,
    asked: str | None,
    forced: bool,  # noqa: FBT001 # an example
    age: int | None,
) -> None:
    found = accepted(city(default_max_age=registered), max_age=asked)
    assert (found.force_authentication, found.max_age) == (forced, age)


@pytest.mark.spec("RFC 7591 §2")
@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "high"),
        ({"acr_values": "substantial"}, "substantial"),
        ({"acr_values": "low"}, "low"),
        ({"acr_values": "unknown"}, "high"),
        ({"acr_values": "country:EE"}, "high"),
        ({"claims": '{"id_token":{"acr":{"essential":true,"value":"substantial"}}}'}, "substantial"),
    ],
)
def test_default_levels_count_where_the_request_names_none(changes: dict[str, str], level: str) -> None:
    found = accepted(city(default_acr_values=("high",)), **changes)
    assert found.minimum_assurance == LevelOfAssurance[level.upper()]
    assert found.country == ("EE" if "country" in str(changes) else "")


@pytest.mark.spec("OpenID Connect Core §5.5.1")
def test_a_sub_that_is_asked_for_is_held_as_a_digest_that_says_no_more_than_a_hint() -> None:
    request = accepted(City(), claims=wanting(SUB))
    assert request.expected == subject_digest(SUB)
    assert SUB not in repr(request)
    assert request.unknown == ()


def test_a_hint_and_a_sub_are_of_one_person() -> None:
    claims: dict[str, Json] = {"iss": ISSUER, "aud": "parking", "sub": SUB, "exp": NOW}
    hint = sign(claims, SoftwareSigner(private_key("ES256")), alg="ES256", typ="JWT")
    assert accepted(City(), id_token_hint=hint, claims=wanting(SUB)).expected == subject_digest(SUB)
    told = answer(declined(City(), id_token_hint=hint, claims=wanting("somebody else")))
    assert told["error"] == "login_required"


def test_essential_is_no_condition_that_ends_a_login() -> None:
    """Core §5.5.1: a claim that does not come is no error. The purpose ends a login, where the registration enforces it."""
    plain = accepted(City(), claims='{"userinfo":{"email":null}}')
    assert accepted(City(), claims='{"userinfo":{"email":{"essential":true}}}') == plain
