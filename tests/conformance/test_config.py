"""The plan oidcc-config-certification-test-plan: what discovery has to have, and the keys behind it."""

import pytest

from connectors.signatures.jws import from_base64url
from tests.conformance.suite import Suite
from tests.idp.web.visitor import DIRECT

REQUIRED = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "scopes_supported",
    "claims_supported",
)
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.spec(
    "Config OP oidcc-discovery-endpoint-verification; OpenID Connect Discovery §3; OpenID Connect Discovery §4"
)
@pytest.mark.spec(
    "RFC 8414 §2; RFC 9207 §3; RFC 9700 §2.6; RFC 7636 §7.2; RFC 9700 §2.1.2; RFC 9700 §2.4; OpenID Connect Core §5.6"
)
def test_discovery_endpoint_verification(suite: Suite) -> None:
    found = suite.discovery()
    assert all(found.get(name) for name in REQUIRED)
    assert found["issuer"] == suite.issuer
    for name, value in found.items():
        if name.endswith(("_endpoint", "_uri")):
            assert str(value).startswith(f"{suite.issuer}/"), name
    lists = {name: value for name, value in found.items() if isinstance(value, list)}
    assert lists["response_types_supported"] == ["code"], "no implicit and no hybrid flow"
    assert "RS256" in lists["id_token_signing_alg_values_supported"]
    assert "authorization_code" in lists["grant_types_supported"]
    assert not {"implicit", "password"} & set(map(str, lists["grant_types_supported"]))
    assert lists["subject_types_supported"] == ["pairwise"]
    assert lists["claim_types_supported"] == ["normal"]
    assert lists["code_challenge_methods_supported"] == ["S256"]
    assert "openid" in lists["scopes_supported"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert "none" not in [alg for name, values in lists.items() if "_alg_" in name for alg in values]


@pytest.mark.spec(
    "Config OP oidcc-discovery-endpoint-verification; FAPI 2.0 Security Profile §5.4.2; FAPI 2.0 Security Profile §5.4.3"
)
def test_each_key_is_public_large_enough_and_has_a_name_of_its_own(suite: Suite) -> None:
    keys = suite.visitor.go("GET", "/jwks", headers=DIRECT).json["keys"]
    assert isinstance(keys, list)
    assert keys
    found = [key for key in keys if isinstance(key, dict)]
    assert len({key["kid"] for key in found}) == len(keys)
    for key in found:
        assert not PRIVATE & set(key)
        assert key["kty"] == "EC" or len(from_base64url(str(key["n"]))) >= 2048 // 8
