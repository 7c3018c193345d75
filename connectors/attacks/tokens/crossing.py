"""Tokens of one kind where another is expected (RFC 8725 §2.8 and §3.11 to §3.12): the right key signed each of them."""

import secrets
from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.tokens.token_benches import AT_PROVIDER, CLIENT, OP, US, TokenBench, TokenWorld
from connectors.wire.claims import Json

ANOTHER_KIND = "token: another kind"
Members = dict[str, Json]


def another_kind(world: TokenWorld) -> Iterator[Case]:
    """At each judge the tokens that the same party signs for something else, with their own type and with a vague one."""
    id_token, assertion, logout = world.id_token("ES256"), world.client_assertion("ES256"), world.logout_token("ES256")
    id_claims, logout_claims = world.id_token_claims("ES256"), world.logout_token_claims()
    of_provider: dict[str, tuple[str, Members, str]] = {
        "logout token": ("logout+jwt", logout_claims, "token_nonce"),
        "client assertion": ("client-authentication+jwt", _assertion_of(world, CLIENT), "token_issuer"),
        "access token": ("at+jwt", {**_access_token(world), "aud": AT_PROVIDER}, "token_nonce"),
        "userinfo": ("userinfo+jwt", {"iss": OP, "sub": _nobody(), "aud": AT_PROVIDER}, "claim_iat"),
        "request object": ("oauth-authz-req+jwt", _request_object(world), "token_issuer"),
    }
    yield from _at(id_token, of_provider, "JWT")
    of_client: dict[str, tuple[str, Members, str]] = {
        "id_token": ("id+jwt", id_claims, "assertion_issuer"),
        "logout token": ("logout+jwt", logout_claims, "assertion_issuer"),
        # RFC 9101 §4 has no `sub` in it for this very reason
        "request object": ("oauth-authz-req+jwt", _request_object(world), "claim_sub"),
        "access token": ("at+jwt", {**_access_token(world), "iss": CLIENT}, "assertion_subject"),
        "userinfo": ("userinfo+jwt", {"iss": CLIENT, "sub": CLIENT, "aud": US}, "claim_exp"),
    }
    yield from _at(assertion, of_client, "JWT")
    # As short a life as a logout token's, so that the kind alone can tell
    id_claims["exp"] = world.now + 120
    at_logout: dict[str, tuple[str, Members, str]] = {
        "id_token": ("JWT", id_claims, "logout_events"),
        "id_token with the event": ("id+jwt", {**id_claims, "events": logout_claims["events"]}, "logout_nonce"),
        "client assertion": ("client-authentication+jwt", _assertion_of(world, CLIENT), "token_issuer"),
        "access token": ("at+jwt", {**_access_token(world), "aud": AT_PROVIDER}, "logout_events"),
    }
    yield from _at(logout, at_logout, "logout+jwt")
    untyped = logout.signed({"alg": logout.key.alg, "kid": logout.key.kid}, id_claims)
    yield logout.refused(ANOTHER_KIND, "id_token as it comes", untyped, "jws_typ")


def _at(bench: TokenBench, kinds: dict[str, tuple[str, Members, str]], vague: str) -> Iterator[Case]:
    for what, (typ, claims, check) in kinds.items():
        octets = bench.signed(bench.header(typ=typ), claims)
        yield bench.refused(ANOTHER_KIND, f"{what} as {typ}", octets, "jws_typ")
        octets = bench.signed(bench.header(typ=vague), {**claims, "jti": _new()})
        yield bench.refused(ANOTHER_KIND, f"{what} called {vague}", octets, check)


def _assertion_of(world: TokenWorld, client: str) -> Members:
    return {**world.client_assertion_claims(), "iss": client, "sub": client}


def _access_token(world: TokenWorld) -> Members:
    """RFC 9068 §2.2."""
    now, jti = world.now, _new()
    lives: Members = {"iat": now, "exp": now + 300, "jti": jti}
    return {"iss": OP, "sub": _nobody(), "aud": "https://api.example", "client_id": AT_PROVIDER, "scope": "openid", **lives}


def _request_object(world: TokenWorld) -> Members:
    """RFC 9101 §4."""
    lives: Members = {"iat": world.now, "exp": world.now + 60, "jti": _new()}
    return {"iss": CLIENT, "aud": US, "client_id": CLIENT, "response_type": "code", "scope": "openid", **lives}


def _nobody() -> str:
    return f"nobody-{secrets.token_hex(8)}"


def _new() -> str:
    return secrets.token_urlsafe(16)
