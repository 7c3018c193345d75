"""Client authentication: the one registered way, and every other way refused."""

import base64
import binascii
import json
import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json
from idp.protocols.oidc.client import _basic
from idp.protocols.oidc.direct import JsonAnswer
from policies.errors import Misconfigured, RequestRefused
from policies.parties import RelyingParty
from tests.connectors_jws.jws_doubles import private_key
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    SECRET,
    City,
    asserted,
    assertion,
    assertion_with,
    basic,
    grant,
    key_party,
    party,
    posted,
    redemption,
)


def by_secret(authorization: str, city: City | None = None, **changes: str | None) -> JsonAnswer:
    city = city or City()
    return city.provider.token(posted(redemption(city.code(grant()), **changes), authorization), NOW)


def by_key(token: str, city: City | None = None, now: int = NOW, **changes: str | None) -> JsonAnswer:
    city = city or City()
    return city.provider.token(posted(asserted(city.code(grant("fare"), now=now), token, **changes), ""), now)


def stranger(answer: JsonAnswer) -> str:
    """A 401 with a challenge; the sentence says what is wrong."""
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == f'Basic realm="{ISSUER}"'
    return str(answer.body["error_description"])


# -- client_secret_basic -----------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 6749 §2.3.1")
def test_a_secret_with_every_awkward_character_is_form_encoded_first() -> None:
    assert set("+/%&= :") <= set(SECRET)
    assert by_secret(basic()).status == 200


def _by_the_library(text: str) -> tuple[str, ...] | None:
    """Each of the three parts as it comes out of the standard library; None where that raises, or a part is empty."""
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True).decode("ascii")
        found = [urllib.parse.unquote_plus(part, errors="strict") for part in decoded.partition(":")]
    except (binascii.Error, UnicodeError):
        return None
    return (found[0], found[2]) if all(found) else None


PIECES = ["a", "%", ":", "+", "%2B", "%3A", "%C3%BC", "%C3", "\xfc", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from(["", "=", "\n", "\xfc", "A"]))
def test_id_and_secret_are_those_of_the_library(pieces: list[str], behind: str) -> None:
    text = base64.b64encode("".join(pieces).encode("latin-1")).decode() + behind
    expected = _by_the_library(text)
    if expected is None:
        with pytest.raises(RequestRefused):
            _basic(f"Basic {text}")
    else:
        assert _basic(f"Basic {text}") == expected


@pytest.mark.parametrize(
    "authorization",
    [
        basic(secret=SECRET + "x"),
        basic(client=""),
        basic(client="PARKING"),
        "",
        "Basic ",
        "Basic é",
        "Basic " + base64.b64encode(b"parking").decode(),
        "Basic " + base64.b64encode(b"parking:%ff").decode(),
        "Bearer abc",
    ],
)
def test_whoever_does_not_know_the_secret_is_a_stranger(authorization: str) -> None:
    assert stranger(by_secret(authorization)).endswith(".")


def test_known_and_unknown_clients_are_refused_in_the_same_words() -> None:
    assert by_secret(basic(secret="wrong")).body == by_secret(basic(client="nobody")).body


def test_beside_another_client_id_a_right_secret_is_refused_in_the_words_of_a_wrong_one() -> None:
    for client_id in ("fare", "nobody", "parking"):
        wrong = by_secret(basic(secret="wrong"), client_id=client_id)
        assert stranger(wrong) == stranger(by_secret(basic(), client_id="fare"))


# -- client_secret_post ------------------------------------------------------------------------------------------------


def by_post(city: City, **changes: str | None) -> JsonAnswer:
    sent = {"client_id": "parking", "client_secret": SECRET, **changes}
    return city.provider.token(posted(redemption(city.code(grant()), **sent), ""), NOW)


@pytest.mark.spec("RFC 6749 §2.3.1")
def test_a_secret_in_the_form_is_taken_of_a_client_that_is_registered_so() -> None:
    assert by_post(City(party(authentication_method="client_secret_post"))).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": f"{SECRET}x"},
        {"client_secret": party().secret_sha256},
        {"client_id": "nobody"},
        {"client_id": None},
    ],
)
def test_a_secret_in_the_form_is_the_whole_secret_of_the_client_that_is_named(changes: dict[str, str | None]) -> None:
    city = City(party(authentication_method="client_secret_post"))
    assert "is unknown, its secret is wrong" in stranger(by_post(city, **changes))
    assert city.store.units == []


def test_a_secret_that_comes_another_way_is_told_the_registered_one_right_or_not() -> None:
    """In the same words for a secret that is right: nobody learns that it is, by the way that is not the client's."""
    posts, header = City(party(authentication_method="client_secret_post")), City(party())
    for secret in (SECRET, "wrong"):
        said = stranger(by_post(header, client_secret=secret))
        assert said == "The client is registered for client_secret_basic: send id and secret in the Authorization header."
        said = stranger(by_secret(basic(secret=secret), posts))
        assert said == "The client is registered for client_secret_post: send client_id and client_secret in the form."
    said = stranger(by_key(assertion(iss="parking", sub="parking"), posts))
    assert said == "The client is registered for client_secret_post: send client_id and client_secret in the form."


def test_whose_secret_it_is_is_named_for_the_log_and_the_limits_and_the_secret_is_not() -> None:
    city = City(party(authentication_method="client_secret_post"), key_party())
    clients = city.provider.clients
    assert clients.named({"client_id": "parking", "client_secret": "x"}, "") == "parking"
    assert clients.named({"client_id": "nobody", "client_secret": "x"}, "") == ""
    refused = by_post(city, client_secret="a-canary-of-a-secret")
    assert (refused.peer, "canary" in repr(refused)) == ("parking", False)


@pytest.mark.spec("RFC 6749 §2.3")
def test_two_ways_at_once_are_refused() -> None:
    city = City()
    code = city.code(grant())
    for parameters in (
        redemption(code, client_secret=SECRET),
        asserted(code, assertion()),
        redemption(code, client_assertion_type="x"),
    ):
        answer = city.provider.token(posted(parameters, basic()), NOW)
        assert (answer.status, answer.body["error"]) == (400, "invalid_request")
    answer = city.provider.token(posted(asserted(code, assertion(), client_secret=SECRET), ""), NOW)
    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


def test_a_client_id_in_the_form_must_be_the_one_that_authenticated() -> None:
    assert by_secret(basic(), client_id="parking").status == 200
    stranger(by_secret(basic(), client_id="fare"))
    assert by_key(assertion(), client_id="fare").status == 200
    stranger(by_key(assertion(), client_id="parking"))


def test_an_assertion_beside_the_client_id_of_another_is_not_judged_and_so_not_spent() -> None:
    """Judged, it would have to be spent: whoever tries one with each client_id would learn that it holds, for nothing."""
    city = City()
    said = {stranger(by_key(assertion(number=number), city, client_id="parking")) for number in (9, 8)}
    assert said == {"client_id is not the client that authenticates."}
    assert city.store.units == []
    assert by_key(assertion(), city).status == 200


def test_the_registration_chooses_the_method() -> None:
    stranger(by_secret(basic(client="fare", secret="")))
    stranger(by_key(assertion(iss="parking", sub="parking")))


def test_a_party_without_a_secret_is_entered_with_none() -> None:
    """The empty hash is that of no secret: nothing may equal it."""
    city = City(party(), key_party(secret_sha256=""))
    stranger(by_secret(basic(client="fare", secret=""), city))
    stranger(by_secret(basic(client="fare", secret="x"), city))


# -- private_key_jwt ---------------------------------------------------------------------------------------------------


def test_our_own_id_token_is_no_client_assertion() -> None:
    city = City()
    found = by_secret(basic(), city)
    city.store.rows.clear()
    stranger(by_key(str(found.body["id_token"]), city))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 9, "iat": NOW - 60},
        {"exp": NOW + 310},
        {"iat": NOW + 10},
        {"iat": None, "nbf": NOW, "jti": "j" * 256, "extra": "x"},
    ],
)
def test_the_edges_of_an_assertion_are_inside(changes: dict[str, Json]) -> None:
    assert by_key(assertion_with(changes)).status == 200


def test_the_mark_of_an_assertion_is_remembered_for_as_long_as_it_would_be_accepted() -> None:
    city = City()
    by_key(assertion(exp=NOW + 60), city)
    (mark,) = [mark for mark in city.store.units[0].marks if mark.kind == "jti"]
    assert mark.end == NOW + 70
    late = City()
    assert by_key(assertion(exp=NOW + 60), late, now=NOW + 69).status == 200
    stranger(by_key(assertion(exp=NOW + 60), City(), now=NOW + 70))


def test_the_key_of_another_client_opens_nothing() -> None:
    jwks = json.dumps({"keys": [{**public_jwk(private_key("ES256", 8).public_key()), "kid": "k9"}]})
    city = City(key_party(), key_party("fare2", jwks=jwks))
    stranger(by_key(assertion(iss="fare", sub="fare", number=8), city))
    stranger(by_key(assertion(iss="fare2", sub="fare", number=8), city))
    stranger(by_key(assertion(iss="fare", sub="fare2"), city))


@pytest.mark.parametrize("kind", [None, "", "jwt-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"])
def test_another_type_of_assertion_is_refused(kind: str | None) -> None:
    stranger(by_key(assertion(), client_assertion_type=kind))


def test_a_token_endpoint_is_an_audience_of_a_client_that_is_registered_so() -> None:
    lenient: dict[str, Any] = {"assertion_audience": "token_endpoint", "assertion_life": 600}  # of `RelyingParty`
    audiences: list[Json] = [f"{ISSUER}/token", [ISSUER, f"{ISSUER}/token"], [f"{ISSUER}/token"]]
    for audience in audiences:
        said = assertion(aud=audience, exp=NOW + 600)
        assert by_key(said, City(key_party(**lenient))).status == 200
        stranger(by_key(said))
    # A neighbour's registration opens nothing for this one
    city = City(key_party(), key_party("other", **lenient))
    assert "claim_aud" in stranger(by_key(assertion(aud=[ISSUER, f"{ISSUER}/token"]), city))


def test_another_algorithm_than_the_registered_one_is_named() -> None:
    said = stranger(by_key(assertion({"alg": "RS256", "kid": "k9"}, alg="RS256")))
    assert said.endswith(
        "jws_alg, the header's algorithm is not ES256. It has RS256: token_endpoint_auth_signing_alg registers that."
    )
    # A word of a stranger's is not repeated
    assert "canary" not in stranger(by_key(assertion({"alg": "canary"})))


def test_a_refused_assertion_says_which_check_and_nothing_of_its_claims() -> None:
    answer = by_key(assertion(aud="canary-audience"))
    refused = "The client assertion was refused: assertion_audience, aud is not our issuer, as one text."
    assert stranger(answer) == refused
    assert "canary" not in answer.detail


# -- at start ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registered", "key"),
    [
        (party(secret_sha256=""), "secret_sha256"),
        (party(secret_sha256="G" * 64), "secret_sha256"),
        (party(authentication_method="client_secret_jwt"), "authentication_method"),
        (party(authentication_method="client_secret_post", secret_sha256=""), "secret_sha256"),
        (party(public=True, authentication_method="none"), "public"),
        (key_party(public=True), "public"),
        (party(public=True, authentication_method="none", secret_sha256="", pkce_required=False), "public"),
        (key_party(authentication_alg="HS256"), "authentication_method"),
        (key_party(jwks='{"keys":[]}'), "jwks"),
        (key_party(authentication_alg="RS256"), "jwks"),
    ],
)
@pytest.mark.spec("house-style.md 10")
def test_a_registration_that_could_never_authenticate_is_refused_at_start(registered: RelyingParty, key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        City(registered)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("parties/parking.toml", 7, key)
    assert problem.what
    assert problem.fix
