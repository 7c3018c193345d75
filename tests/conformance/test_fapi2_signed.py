"""Signed request objects, as the modules of the plan fapi2-message-signing-final have them, over the PAR endpoint."""

# ruff: noqa: E501 - the names of modules are long

from collections.abc import Callable, Iterator

import pytest

from connectors.signatures.jws import base64url, sign
from connectors.wire.claims import Json
from tests.conformance.fapi2 import Profile
from tests.conformance.suite import FAPI2_SECOND, FAPI2_SIGNED, SuiteStage
from tests.connectors_jws.jws_doubles import handmade, private_key
from tests.idp.web.visitor import Answer, Visitor

TYPE = "oauth-authz-req+jwt"
NONE = base64url(b'{"alg":"none"}')


@pytest.fixture
def profile(suite_stage: SuiteStage) -> Iterator[Profile]:
    with Visitor(suite_stage) as visitor:
        yield Profile(visitor, suite_stage, client=FAPI2_SIGNED)


def _claims(profile: Profile, **changes: Json) -> dict[str, Json]:
    """A request as the claims of an object, but for `changes`; None leaves one out."""
    now = profile.stage.clock()
    claims: dict[str, Json] = {
        **profile.request(),
        "iss": profile.client,
        "aud": profile.stage.issuer,
        "nbf": now,
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _object(profile: Profile, signer: str = FAPI2_SIGNED, **changes: Json) -> str:
    return sign(_claims(profile, **changes), profile.stage.keys[signer], alg="ES256", typ=TYPE)


def _push(profile: Profile, made: str) -> Answer:
    return profile.call("/par", {"client_id": profile.client, "request": made})


def test_a_signed_request_signs_in(profile: Profile) -> None:
    pushed = _push(profile, _object(profile))
    assert pushed.status == 201, pushed.text
    profile.tokens(profile.signs_in(profile.authorize(str(pushed.json["request_uri"])))["code"])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": ["https://other.example", "@ISSUER@"]}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-multiple-aud-succeeds")),
        pytest.param({"nbf": 8, "iat": None}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted")),
    ],
    ids=["aud-list", "nbf-8"],
)  # fmt: skip
def test_an_object_that_is_taken(profile: Profile, changes: dict[str, Json]) -> None:
    pushed = _push(profile, _object_with(profile, changes))
    assert pushed.status == 201, pushed.text


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": None}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-without-exp-fails")),
        pytest.param({"nbf": None}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-without-nbf-fails")),
        pytest.param({"nbf": -600, "iat": -600, "exp": -300}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-expired-request-object-fails")),
        pytest.param({"aud": "https://other.example"}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-bad-aud-fails")),
        pytest.param({"exp": 4200}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-exp-over-60-fails")),
        pytest.param({"nbf": -4200, "iat": None}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-nbf-over-60-fails")),
        pytest.param({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-par-authorization-request-containing-request_uri")),
    ],
    ids=["no-exp", "no-nbf", "expired", "bad-aud", "exp-over-60", "nbf-over-60", "request-uri"],
)  # fmt: skip
def test_an_object_that_is_refused(profile: Profile, changes: dict[str, Json]) -> None:
    _refused(_push(profile, _object_with(profile, changes)))


def _object_with(profile: Profile, changes: dict[str, Json]) -> str:
    """Numbers are seconds from now."""
    now = profile.stage.clock()
    made: dict[str, Json] = {}
    for name, value in changes.items():
        if isinstance(value, int):
            made[name] = now + value
        elif isinstance(value, list):
            made[name] = [profile.stage.issuer if one == "@ISSUER@" else one for one in value]
        else:
            made[name] = value
    return sign(_claims(profile, **made), profile.stage.keys[profile.client], alg="ES256", typ=TYPE)


def _refused(answer: Answer) -> None:
    assert answer.status == 400, answer.text
    assert answer.json["error"] in {"invalid_request_object", "invalid_request"}


OBJECTS: dict[str, Callable[[Profile], str]] = {
    "rs256": lambda one: handmade({"alg": "RS256", "typ": TYPE}, _claims(one), private_key("RS256")),
    "none": lambda one: f"{NONE}.{_object(one).split('.')[1]}.",
    "signature": lambda one: _object(one)[:-8] + "AAAAAAAA",
    "other key": lambda one: _object(one, signer=FAPI2_SECOND),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("rs256", marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-signed-request-object-with-RS256-fails")),
        pytest.param("none", marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-signature-algorithm-is-not-none")),
        pytest.param("signature", marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-with-invalid-signature-fails")),
        pytest.param("other key", marks=pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-matching-key-in-authorization-request")),
    ],
)  # fmt: skip
def test_an_object_that_the_client_did_not_sign(profile: Profile, kind: str) -> None:
    _refused(_push(profile, OBJECTS[kind](profile)))


@pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-unsigned-request-at-par-endpoint-fails")
def test_an_unsigned_request_of_a_client_that_signs(profile: Profile) -> None:
    _refused(profile.push())
