"""Signed requests by value, and references that are not ours: only what is inside counts, and nothing is fetched."""

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from connectors.connector import Inbound
from connectors.wire.claims import Json
from idp.login.frontend import Declined, Received
from idp.protocols.oidc.requests.request import read_protocol
from policies.errors import Misconfigured, RequestRefused
from tests.connectors_jws.jws_doubles import handmade, private_key, token_key
from tests.idp.protocols.doubles import NOW, REDIRECT, City, answer, key_party, party
from tests.idp.protocols.pushing import OBJECT_TYPE, asked, fapi2_party, openid, signed, signing_party
from tests.idp.protocols.test_oidc_wrapping import pem


def city() -> City:
    return City(signing_party(), party(), key_party("unsigned"))


def arrives(at: City, token: str, client: str = "fare", **beside: str) -> Received | Declined:
    return at.provider.receive(Inbound("redirect", {"client_id": client, "request": token, **beside}), NOW)


def error(at: City, token: str, client: str = "fare", **beside: str) -> tuple[str, str]:
    """The error that goes to the address outside, which is registered."""
    found = arrives(at, token, client, redirect_uri=REDIRECT, state="outside", **beside)
    assert isinstance(found, Declined)
    told = answer(at.provider.refuse(found.origin, found.error, NOW))
    assert told["state"] == "outside"
    return told["error"], told["error_description"]


@pytest.mark.spec("RFC 9101 §5; RFC 9101 §5.1; RFC 9101 §6.3; OpenID Connect Core §6.1")
def test_only_what_is_signed_counts() -> None:
    found = arrives(
        city(), signed(), redirect_uri=REDIRECT + "x", state="outside", scope="openid purpose:fare", prompt="none"
    )
    assert isinstance(found, Received)
    held = read_protocol(found.request.origin)
    assert (held.redirect_uri, held.state, found.request.purpose_id) == (REDIRECT, "af0ifjsldkj", "parking")
    # One with an id is answered once
    assert found.request.origin.message_id == "an-object"


@pytest.mark.spec("RFC 9101 §7; OpenID Connect Core §6.3")
def test_an_object_that_does_not_hold_is_refused_by_name() -> None:
    for changes, check in (
        ({"number": 8}, "jws_signature"),
        ({"typ": "JOSE"}, "jws_typ"),
        ({"iss": "parking"}, "object_issuer"),
        ({"client_id": "parking"}, "object_client"),
        ({"aud": "https://other.example"}, "object_audience"),
        ({"exp": NOW - 10}, "object_expired"),
        ({"exp": None}, "claim_exp"),
        ({"sub": "fare"}, "object_subject"),
        ({"request_uri": "https://evil.example"}, "object_nested"),
    ):
        code, sentence = error(city(), signed(**changes))
        assert code == "invalid_request_object"
        assert check in sentence
        assert "evil" not in sentence


@pytest.mark.spec("RFC 9101 §6.2")
def test_none_and_another_algorithm_are_refused() -> None:
    inside: dict[str, Json] = {**asked("fare"), "iss": "fare"}
    unsigned = handmade({"alg": "none", "typ": OBJECT_TYPE}, inside, token_key("ES256")).rpartition(".")[0] + "."
    assert error(city(), unsigned)[0] == "invalid_request_object"
    assert error(city(), handmade({"alg": "RS256", "kid": "k9"}, inside, token_key("RS256")))[0] == "invalid_request_object"
    assert error(city(), "x" * 50_000)[0] == "invalid_request_object"


@pytest.mark.spec("RFC 9101 §6.1")
def test_an_encrypted_object_is_refused_and_none_is_offered() -> None:
    key = ECKey.import_key(pem(private_key("ES256", 21)))
    encrypted = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT"}, signed(), key)
    assert error(city(), encrypted)[0] == "invalid_request_object"
    assert not [name for name in city().provider.discovery().body if name.startswith("request_object_encryption")]


def test_what_is_asked_inside_is_judged_as_ever() -> None:
    found = arrives(city(), signed(prompt="none"))
    assert isinstance(found, Declined)
    told = answer(city().provider.refuse(found.origin, found.error, NOW))
    assert (told["error"], told["state"]) == ("interaction_required", "af0ifjsldkj")
    found = arrives(city(), signed(scope="openid", max_age=60, claims={"id_token": {"acr": None}}))
    assert isinstance(found, Declined)  # two purposes are registered, and none is named
    found = arrives(city(), signed(max_age=60, claims={"userinfo": {"given_name": None}}))
    assert isinstance(found, Received)
    assert found.request.max_age == 60


def test_an_address_inside_that_is_not_registered_leads_nowhere() -> None:
    for address in ("https://evil.example/", REDIRECT + "/", ""):
        with pytest.raises(RequestRefused, match="redirect_uri"):
            arrives(city(), signed(redirect_uri=address), redirect_uri=REDIRECT)


def test_without_a_registered_address_outside_the_page_says_what_is_wrong() -> None:
    for beside in ({}, {"redirect_uri": "https://evil.example"}):
        with pytest.raises(RequestRefused) as caught:
            arrives(city(), signed(number=8), **beside)
        assert (caught.value.oauth, caught.value.peer) == ("invalid_request_object", "fare")
    with pytest.raises(RequestRefused, match="client_id"):
        arrives(city(), signed(), client="nobody", redirect_uri=REDIRECT)


@pytest.mark.spec("RFC 9101 §5.2; RFC 9101 §10.4; OpenID Connect Core §6.2")
def test_no_address_is_fetched_and_no_two_ways_are_taken() -> None:
    at = city()

    def refused(**parameters: str) -> str:
        found = at.provider.receive(Inbound("redirect", {"client_id": "fare", "redirect_uri": REDIRECT, **parameters}), NOW)
        assert isinstance(found, Declined)
        return answer(at.provider.refuse(found.origin, found.error, NOW))["error"]

    for address in ("https://parking.storkhaven.example/r.jwt", "http://169.254.169.254/", "urn:ietf:params:oauth:other:x"):
        assert refused(request_uri=address) == "request_uri_not_supported"
    assert refused(request_uri="urn:ietf:params:oauth:request_uri:none") == "invalid_request_uri"
    assert refused(request=signed(), request_uri="urn:ietf:params:oauth:request_uri:x") == "invalid_request"


def test_a_client_that_registered_no_algorithm_signs_nothing() -> None:
    for client in ("parking", "unsigned"):
        assert error(city(), signed(client), client)[0] == "request_not_supported"


@pytest.mark.spec("RFC 9101 §10.2; RFC 9101 §10.5")
def test_who_is_registered_to_sign_is_not_heard_without() -> None:
    at = City(signing_party(require_signed_request_object=True))
    found = at.provider.receive(Inbound("redirect", asked("fare")), NOW)
    assert isinstance(found, Declined)
    assert answer(at.provider.refuse(found.origin, found.error, NOW))["error"] == "invalid_request_object"
    assert isinstance(arrives(at, signed()), Received)


def test_fapi2_hears_a_signed_request_only_if_it_was_pushed() -> None:
    found = arrives(City(fapi2_party()), signed())
    assert isinstance(found, Declined)
    assert "/par" in found.error.detail


def test_an_algorithm_without_a_key_is_refused_at_start() -> None:
    with pytest.raises(Misconfigured) as caught:
        City(key_party(openid=openid(request_object_signing_alg="RS256")))
    assert [problem.key for problem in caught.value.problems] == ["jwks"]
