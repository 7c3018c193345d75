"""Discovery says exactly what holds: every address that it names answers, and every value that it lists works."""

import json

import pytest

from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor, query_of


@pytest.fixture
def discovery(visitor: Visitor) -> dict[str, object]:
    answer = visitor.go("GET", "/.well-known/openid-configuration", headers=DIRECT)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    return dict(answer.json)


def _listed(discovery: dict[str, object], name: str) -> list[str]:
    values = discovery[name]
    assert isinstance(values, list)
    return [str(value) for value in values]


@pytest.mark.spec("OpenID Connect Discovery §3; OpenID Connect Discovery §4")
def test_every_address_in_it_is_ours_and_answers(visitor: Visitor, stage: Stage, discovery: dict[str, object]) -> None:
    assert discovery["issuer"] == stage.issuer
    addresses = {name: str(value) for name, value in discovery.items() if name.endswith(("_endpoint", "_uri"))}
    expected = {
        "authorization_endpoint": 400,
        "token_endpoint": 401,
        "pushed_authorization_request_endpoint": 401,
        "revocation_endpoint": 401,
        "introspection_endpoint": 401,
        "userinfo_endpoint": 401,
        "jwks_uri": 200,
        "end_session_endpoint": 200,
    }
    assert set(addresses) == set(expected)
    posted = {name for name, status in expected.items() if status == 401} - {"userinfo_endpoint"}
    for name, address in addresses.items():
        assert address.startswith(f"{stage.issuer}/")
        path = address.removeprefix(stage.issuer)
        answer = visitor.go("POST" if name in posted else "GET", path, headers=DIRECT)
        assert answer.status == expected[name], name


def test_every_scope_in_it_can_be_asked_for(visitor: Visitor, discovery: dict[str, object]) -> None:
    clients = {
        "purpose:resident-parking": "parking",
        "purpose:phone-contact": "parking",
        "purpose:concession-fare": "fares",
        "purpose:participatory-budget": "budget",
    }
    scopes = _listed(discovery, "scopes_supported")
    assert set(clients) <= set(scopes)
    for scope in scopes:
        client = clients.get(scope, "parking")
        purpose = scope if scope in clients else "purpose:resident-parking"
        wanted = " ".join(dict.fromkeys(["openid", purpose, scope]))
        assert visitor.authorize(client_id=client, scope=wanted).status == 200, scope


def test_every_mode_prompt_and_level_in_it_works(visitor: Visitor, discovery: dict[str, object]) -> None:
    for mode in _listed(discovery, "response_modes_supported"):
        assert visitor.authorize(response_mode=mode).status == 200
    for prompt in _listed(discovery, "prompt_values_supported"):
        assert visitor.authorize(prompt=prompt).status == 200
    for level in _listed(discovery, "acr_values_supported"):
        claims = json.dumps({"id_token": {"acr": {"essential": True, "values": [level]}}})
        answer = visitor.authorize(claims=claims)
        assert answer.status == 200 or "SAMLRequest=" in answer.headers["location"], "one alone is sure enough"
    for kind in _listed(discovery, "response_types_supported"):
        assert visitor.authorize(response_type=kind).status == 200
    for method in _listed(discovery, "code_challenge_methods_supported"):
        assert visitor.authorize(code_challenge_method=method).status == 200


def test_what_is_not_in_it_does_not_work(visitor: Visitor, discovery: dict[str, object]) -> None:
    refused: tuple[tuple[str, str, str | bool], ...] = (
        ("response_mode", "fragment", "response_modes_supported"),
        ("response_type", "id_token", "response_types_supported"),
        ("code_challenge_method", "plain", "code_challenge_methods_supported"),
        ("prompt", "none", "prompt_values_supported"),
    )
    for parameter, value, listed in refused:
        assert value not in _listed(discovery, str(listed))
        assert visitor.authorize(**{parameter: value}).status == 303
    assert discovery["request_uri_parameter_supported"] is False
    by_address = visitor.authorize(request_uri="https://parking.example/request")
    assert query_of(by_address.headers["location"])["error"] == "request_uri_not_supported"
    assert "none" not in _listed(discovery, "request_object_signing_alg_values_supported")
    # It is supported of those who registered a key for it
    assert discovery["request_parameter_supported"] is True
    assert query_of(visitor.authorize(request="x").headers["location"])["error"] == "request_not_supported"


def test_every_algorithm_in_it_has_a_key_with_it(visitor: Visitor, discovery: dict[str, object]) -> None:
    answer = visitor.go("GET", "/jwks", headers=DIRECT)
    keys = answer.json["keys"]
    assert isinstance(keys, list)
    assert sorted(key["alg"] for key in keys) == sorted(_listed(discovery, "id_token_signing_alg_values_supported"))
    for key in keys:
        assert key["use"] == "sig"
        assert key["kid"]
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key), "a private part"


def test_the_ways_of_authentication_in_it_are_those_that_can_be_registered(discovery: dict[str, object]) -> None:
    """`none` stands there because this broker has a public client."""
    ways = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
    assert _listed(discovery, "token_endpoint_auth_methods_supported") == ways


def test_the_claims_of_a_login_are_all_in_it(visitor: Visitor, discovery: dict[str, object]) -> None:
    tokens = visitor.redeem(visitor.code()).json
    given = set(visitor.userinfo(str(tokens["access_token"])).json)
    assert given <= set(_listed(discovery, "claims_supported"))
