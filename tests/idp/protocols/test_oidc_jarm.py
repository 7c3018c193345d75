"""Answers as a signed JWT: code and error inside, for this client, for five minutes."""

from dataclasses import replace

import pytest

from connectors.connector import Outbound, Post, Redirect
from connectors.signatures.jwk import thumbprint
from connectors.signatures.jws import verification_key, verify
from connectors.wire.claims import Json
from idp.login.states import Released
from idp.protocols.oidc.jarm import ANSWER_LIFE
from idp.protocols.oidc.requests.hint import hinted_subject
from idp.protocols.oidc.requests.request import OpenIDRequest, origin_of, read_protocol
from policies.errors import AllRevoked, Misconfigured, ReleaseDenied, RequestRefused
from policies.parties import ClientId
from tests.connectors_jws.jws_doubles import SoftwareSigner, private_key
from tests.idp.protocols.doubles import ISSUER, NOW, REDIRECT, City, accepted, answer, declined, grant, party
from tests.idp.protocols.pushing import openid


def inside(outbound: Outbound, alg: str = "ES256") -> dict[str, Json]:
    """The claims of the one parameter `response`."""
    (token,) = answer(outbound).values()
    assert set(answer(outbound)) == {"response"}
    key = private_key(alg).public_key()
    claims = verify(token, [verification_key(key, alg, thumbprint(key))], alg=alg, types={"JWT"})
    return dict(claims.members)


def released(mode: str) -> Released:
    made = grant()
    asked = OpenIDRequest(REDIRECT, mode, "a-state")
    return Released(replace(made, origin=origin_of(party(), asked)), b"k" * 32)


@pytest.mark.spec("JARM §2.1; JARM §2.3.1; RFC 9207 §2")
def test_a_code_goes_inside_the_jwt_with_issuer_audience_and_end() -> None:
    city = City()
    found = city.provider.answer(released("query.jwt"), NOW)
    assert isinstance(found, Redirect)
    claims = inside(found)
    plain = answer(city.provider.answer(released("query"), NOW))
    assert claims == {
        "iss": ISSUER,
        "aud": "parking",
        "iat": NOW,
        "exp": NOW + ANSWER_LIFE,
        "code": plain["code"],
        "state": "a-state",
    }
    assert found.url.startswith(REDIRECT + "?response=")


@pytest.mark.spec("JARM §2.3; JARM §2.3.3; JARM §2.3.4")
def test_each_mode_goes_its_way() -> None:
    city = City()
    posted = city.provider.answer(released("form_post.jwt"), NOW)
    assert isinstance(posted, Post)
    assert inside(posted)["state"] == "a-state"
    for asked, mode in (("jwt", "query.jwt"), ("query.jwt", "query.jwt"), ("form_post.jwt", "form_post.jwt")):
        assert read_protocol(accepted(city, response_mode=asked).origin).response_mode == mode
    for unknown in ("fragment.jwt", "fragment", "JWT"):
        assert answer(declined(city, response_mode=unknown))["error"] == "invalid_request"


def test_an_error_goes_inside_as_well_and_no_parameter_takes_a_claims_place() -> None:
    city = City()
    claims = inside(declined(city, response_mode="jwt", scope="openid purpose:none"))
    assert (claims["error"], claims["state"], claims["aud"]) == ("invalid_scope", "af0ifjsldkj", "parking")
    refused = city.provider.refuse(released("form_post.jwt").grant.origin, ReleaseDenied("x"), NOW)
    assert inside(refused)["error"] == "access_denied"
    assert set(claims) == {"iss", "aud", "iat", "exp", "error", "error_description", "state"}


@pytest.mark.spec("JARM §2.2; JARM §3")
def test_the_registration_says_what_signs() -> None:
    registered = party(openid=openid(authorization_signed_response_alg="RS256"))
    assert inside(City(registered).provider.answer(released("query.jwt"), NOW), "RS256")["aud"] == "parking"
    assert inside(City(party(id_token_alg="RS256")).provider.answer(released("query.jwt"), NOW), "RS256")
    with pytest.raises(Misconfigured) as caught:
        City(party(openid=openid(authorization_signed_response_alg="ES384")))
    assert [problem.key for problem in caught.value.problems] == ["authorization_signed_response_alg"]
    assert not [name for name in City().provider.discovery().body if name.startswith("authorization_encryption")]


def test_a_form_to_an_apps_own_scheme_is_refused() -> None:
    app = party(
        public=True, authentication_method="none", secret_sha256="", redirect_uris=("org.storkhaven.app:/done", REDIRECT)
    )
    city, there = City(app), "org.storkhaven.app:/done"
    assert answer(declined(city, response_mode="form_post.jwt", redirect_uri=there))["error"] == "invalid_request"
    assert read_protocol(accepted(city, response_mode="jwt", redirect_uri=there).origin).response_mode == "query.jwt"


def test_without_a_key_nobody_is_sent_to_sign_in_and_no_error_goes_unsigned() -> None:
    class Gone(SoftwareSigner):
        def at(self, _now: int) -> "Gone":
            raise AllRevoked("all")

    city = City(party(openid=openid(authorization_signed_response_alg="RS256")))
    city.signers["RS256"] = Gone(private_key("RS256"))
    jwt, plain = released("query.jwt").grant.origin, released("query").grant.origin
    city.provider.check_answerable(plain, NOW, release=True)
    for release in (True, False):
        with pytest.raises(AllRevoked):
            city.provider.check_answerable(jwt, NOW, release=release)
    with pytest.raises(AllRevoked):
        city.provider.refuse(jwt, ReleaseDenied("x"), NOW)


@pytest.mark.parametrize("mode", ["query", "form_post", "query.jwt"])
def test_nothing_goes_to_an_address_that_is_registered_no_more(mode: str) -> None:
    city = City(party(redirect_uris=("https://parking.storkhaven.example/another",)))
    with pytest.raises(RequestRefused, match="registered no more"):
        city.provider.answer(released(mode), NOW)
    with pytest.raises(RequestRefused, match="registered no more"):
        city.provider.refuse(released(mode).grant.origin, ReleaseDenied("x"), NOW)


def test_an_answer_is_no_id_token() -> None:
    city = City()
    token = answer(city.provider.answer(released("query.jwt"), NOW))["response"]
    with pytest.raises(RequestRefused, match="id_token_hint"):
        hinted_subject(token, ClientId("parking"), ISSUER, city.signers, NOW)
