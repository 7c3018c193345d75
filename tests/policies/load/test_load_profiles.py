"""A registration's word on its requests, and the profile `fapi2`, from which nothing is bent."""

import pytest

from policies.errors import Problem
from policies.load import load
from policies.parties import ClientId, RelyingParty
from policies.registrations.openid_client import OpenIDClient
from tests.policies.load.files import FILES, files, problems_of

PARKING, FARES, KEYS = "parties/parking.toml", "parties/fares.toml", "parties/fares.jwks.json"
FAPI2 = (
    FILES[FARES]
    .replace('id_token_signed_response_alg = "RS256"\n', "")
    .replace(
        '["http://fares.localhost:9000/callback?from=broker", "http://127.0.0.1:9000/callback"]',
        '["https://fares.example/callback", "http://127.0.0.1:9000/callback"]',
    )
    + 'profile = "fapi2"\ndpop_bound_access_tokens = true\n'
)
METHOD = 'token_endpoint_auth_method = "private_key_jwt"\n'


def _party(text: str, name: str = "fares") -> RelyingParty:
    return load(files(**{f"parties/{name}.toml": text})).parties[ClientId(name)]


def _problem(text: str, name: str = FARES) -> Problem:
    (found,) = problems_of(files(**{name: text}))
    return found


def test_a_registration_without_the_keys_is_what_it_was() -> None:
    for name in ("parking", "fares"):
        openid = load(files()).parties[ClientId(name)].openid
        assert (openid.profile, openid.pushes, openid.require_signed_request_object) == ("core", False, False)
        assert (openid.request_object_signing_alg, openid.authorization_signed_response_alg) == ("", "")
    assert not OpenIDClient().is_fapi2


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2.2; RFC 9126 §6")
def test_fapi2_pushes_and_what_fits_loads() -> None:
    found = _party(FAPI2)
    assert (found.openid.is_fapi2, found.openid.pushes) == (True, True)
    by_certificate = FAPI2.replace("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens")
    assert _party(by_certificate).openid.is_fapi2
    assert _party(FILES[FARES] + "require_pushed_authorization_requests = true\n").openid.pushes


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2.1; FAPI 2.0 Security Profile §5.4.1")
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("dpop_bound_access_tokens = true\n", "", "profile"),
        (METHOD, METHOD + 'pkce = "optional"\n', "pkce"),
        (METHOD, METHOD + 'assertion_audience = "token_endpoint"\n', "assertion_audience"),
        (METHOD, METHOD + 'id_token_signed_response_alg = "RS256"\n', "id_token_signed_response_alg"),
        (METHOD, METHOD + 'authorization_signed_response_alg = "RS256"\n', "authorization_signed_response_alg"),
        (METHOD, METHOD + 'userinfo_signed_response_alg = "RS256"\n', "userinfo_signed_response_alg"),
        ("https://fares.example", "http://fares.localhost", "redirect_uris"),
        ("http://127.0.0.1:9000", "http://localhost:9000", "redirect_uris"),
    ],
)
@pytest.mark.spec("FAPI 2.0 Security Profile §5.2.3")
def test_what_the_profile_forbids_is_refused_with_its_line(old: str, new: str, key: str) -> None:
    assert old in FAPI2
    problem = _problem(FAPI2.replace(old, new))
    assert (problem.file, problem.key) == (FARES, key)
    assert problem.line
    assert 'profile = "core"' in problem.fix


def test_a_secret_and_a_public_client_are_not_for_fapi2() -> None:
    strict = 'profile = "fapi2"\ndpop_bound_access_tokens = true\n'
    assert _problem(strict + FILES[PARKING], PARKING).key == "token_endpoint_auth_method"
    secret = FILES[PARKING][FILES[PARKING].index("client_secret_sha256") :].partition("\n")[0] + "\n"
    public = (
        FILES[PARKING].replace(secret, "").replace('token_endpoint_auth_method = "client_secret_basic"', "public = true")
    )
    assert _problem(strict + public, PARKING).key == "public"


def test_an_algorithm_that_the_profile_does_not_take_is_named_for_each_use() -> None:
    rsa = '{"keys": [{"kty": "RSA", "n": "n", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}'
    for key in ("token_endpoint_auth_signing_alg", "request_object_signing_alg"):
        text = FAPI2.replace('token_endpoint_auth_signing_alg = "ES256"\n', "").replace(
            METHOD, f'{METHOD}{key} = "RS256"\n'
        )
        (problem,) = problems_of(files(**{FARES: text, KEYS: rsa}))
        assert problem.key == key
        assert "is RS256" in problem.what


def test_signed_requests_need_an_algorithm_a_key_for_it_and_a_client_that_keeps_one() -> None:
    signing = 'request_object_signing_alg = "ES256"\njwks = "parties/fares.jwks.json"\n'
    # A service with a secret may sign its requests as well
    found = _party(signing + "require_signed_request_object = true\n" + FILES[PARKING], "parking")
    assert (found.authentication_method, found.openid.request_object_signing_alg) == ("client_secret_basic", "ES256")
    assert '"P-256"' in found.jwks
    alone = "require_signed_request_object = true\n" + FILES[PARKING]
    assert _problem(alone, PARKING).key == "require_signed_request_object"
    assert _problem('request_object_signing_alg = "ES256"\n' + FILES[PARKING], PARKING).key == "jwks"
    other = _problem(signing.replace("ES256", "RS256") + FILES[PARKING], PARKING)
    assert (other.key, "RS256" in other.what) == ("jwks", True)
    assert _problem('request_object_signing_alg = "none"\n' + FILES[FARES]).key == "request_object_signing_alg"
