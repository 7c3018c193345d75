"""Discovery and JWKS: each entry is held against what the provider really does."""

import json
from dataclasses import replace
from typing import cast

import pytest

from policies.catalogue import STANDARD
from policies.parties import Rule
from policies.registrations.openid_client import OpenIDClient
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    SOURCE,
    City,
    accepted,
    asserted,
    assertion,
    grant,
    key_party,
    party,
    posted,
)

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"]
ENCRYPTION = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "RSA-OAEP-256"]


def listed(name: str, city: City | None = None) -> list[str]:
    return cast(list[str], (city or City()).provider.discovery().body[name])  # a test that finds no list fails


@pytest.mark.spec("RFC 9449 §5.1")
def test_the_document_says_exactly_this() -> None:
    document = dict(City().provider.discovery().body)
    claims = document.pop("claims_supported")
    assert document.pop("claims_in_verified_claims_supported")
    assert document == {
        "issuer": ISSUER,
        "authorization_endpoint": ISSUER + "/authorize",
        "token_endpoint": ISSUER + "/token",
        "userinfo_endpoint": ISSUER + "/userinfo",
        "jwks_uri": ISSUER + "/jwks",
        "scopes_supported": [
            "openid",
            "address",
            "email",
            "phone",
            "profile",
            "purpose:budget",
            "purpose:fare",
            "purpose:parking",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post", "jwt", "query.jwt", "form_post.jwt"],
        "grant_types_supported": ["authorization_code"],
        "acr_values_supported": [f"http://eidas.europa.eu/LoA/{level}" for level in ("low", "substantial", "high")],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "id_token_encryption_alg_values_supported": ENCRYPTION,
        "id_token_encryption_enc_values_supported": ["A128GCM", "A256GCM"],
        "userinfo_signing_alg_values_supported": ["ES256", "RS256"],
        "userinfo_encryption_alg_values_supported": ENCRYPTION,
        "userinfo_encryption_enc_values_supported": ["A128GCM", "A256GCM"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint": ISSUER + "/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint": ISSUER + "/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_signing_alg_values_supported": ["ES256", "RS256"],
        "dpop_signing_alg_values_supported": ["RS256", "ES256", "ES384", "PS256", "EdDSA", "Ed25519"],
        "prompt_values_supported": ["consent", "login", "select_account"],
        "end_session_endpoint": f"{ISSUER}/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
        "authorization_signing_alg_values_supported": ["ES256", "RS256"],
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": ["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"],
        "verified_claims_supported": True,
        "trust_frameworks_supported": ["eidas"],
        "evidence_supported": [],
        "request_uri_parameter_supported": False,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    assert isinstance(claims, list)
    assert {"sub", "acr", "auth_time", "given_name", "age_over_18", "resident_of"} <= set(map(str, claims))


@pytest.mark.spec("OpenID Connect Core §11")
def test_refresh_tokens_are_named_once_a_client_has_them() -> None:
    city = City(party(openid=OpenIDClient(grant_types=("authorization_code", "refresh_token"))))
    assert listed("grant_types_supported", city) == ["authorization_code", "refresh_token"]
    assert "offline_access" in listed("scopes_supported", city)


_BY_SORT = {
    "Storkhaven": ("resident_of", "legal_address_resident_of", "represented_address_resident_of"),
    "18,25": ("age_in", "represented_birthdate_age_in"),
    "EE,LV": ("nationality_in", "nationalities_only"),
    "tax": ("mandate_may_act",),
    "5000 EUR": ("mandate_limit_at_least",),
}
ASKED_BY_VALUE = {claim: value for value, claims in _BY_SORT.items() for claim in claims}


def test_every_claim_that_is_listed_is_known() -> None:
    for name in listed("claims_supported"):
        value = ASKED_BY_VALUE.get(name, "")
        asked = STANDARD.asked_by_claim(name, value)
        # A parameter has to be named by the registration
        rules = {asked.name: Rule(asked.form, SOURCE)} if asked else {}
        city = City(replace(party(), attributes={**party().attributes, **rules}))
        wish = {"value": value} if value else None
        assert accepted(city, claims=json.dumps({"userinfo": {name: wish}})).unknown == ()


def test_every_algorithm_of_client_assertions_that_is_listed_authenticates() -> None:
    for alg in listed("token_endpoint_auth_signing_alg_values_supported"):
        city = City(key_party(alg=alg))
        assert city.provider.token(posted(asserted(city.code(grant("fare")), assertion(alg=alg)), ""), NOW).status == 200
