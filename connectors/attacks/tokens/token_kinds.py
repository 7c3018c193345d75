"""Tokens of one kind where another is expected (RFC 8725 §2.8 and §3.11 to §3.12): the right key signed each of them."""

import secrets
from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.tokens.jwe_text import JweKey, encrypted
from connectors.attacks.tokens.token_benches import AT_PROVIDER, CLIENT, OP, US, Judge, TokenBench, TokenWorld
from connectors.logout_token import ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey
from connectors.wire.claims import Json

ANOTHER_KIND = "token: another kind"
Members = dict[str, Json]


def another_kind(world: TokenWorld) -> Iterator[AttackCase]:
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


def _at(bench: TokenBench, kinds: dict[str, tuple[str, Members, str]], vague: str) -> Iterator[AttackCase]:
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


UNFINISHED = "token: nothing is registered"


def unfinished_registrations(world: TokenWorld) -> Iterator[AttackCase]:
    """Good tokens, each at a registration that is none."""
    bench, published = world.logout_token("ES256"), world.provider.jwks.decode()
    keys, others = keys_from_jwks(published, "ES256"), keys_from_jwks(published, "ES384")
    # Prepared under a name that nobody else knows: the judge of the header must know it too
    renamed = [VerificationKey(key.kid, "ES512", key.prepared) for key in keys]
    registered: dict[str, tuple[str, Sequence[VerificationKey]]] = {
        "no key": ("ES256", ()),
        "a key of another algorithm": ("ES256", (*keys, *others)),
        "an algorithm that we do not have": ("ES512", renamed),
    }
    for what, (alg, held) in registered.items():
        here = world.judged_by(f"logout token with {what}", _with_keys(world, alg, held), bench)
        yield here.refused(UNFINISHED, what, bench.token(header={"alg": alg}), "jws_keys")
    yield from _encrypted(world)


def _with_keys(world: TokenWorld, alg: str, held: Sequence[VerificationKey]) -> Judge:
    expected = ExpectedLogoutToken(OP, AT_PROVIDER, alg)
    return lambda token, _: judge_logout_token(token, held, expected, world.now)


def _encrypted(world: TokenWorld) -> Iterator[AttackCase]:
    key, on_p384 = JweKey(), JweKey(generate_private_key(SECP384R1()), "p-384")
    wrapped = "ECDH-ES+A256KW"
    registered = {
        "no key": (TokenEncryption((), "A256GCM"), "ECDH-ES"),
        "a key on another curve": (TokenEncryption((key.ours, on_p384.ours), "A256GCM"), "ECDH-ES"),
        "another agreement": (TokenEncryption((key.ours,), "A256GCM", wrapped), wrapped),
        "another content encryption": (TokenEncryption((key.ours,), "A192GCM"), "ECDH-ES"),
    }
    for what, (encryption, alg) in registered.items():
        bench = world.id_token_expecting(f"encrypted id_token with {what}", encrypted=encryption)
        jwe = encrypted(bench.token(), key.public, {"kid": key.key_id, "alg": alg}, encryption.enc)
        yield bench.refused(UNFINISHED, f"encrypted, {what}", jwe.octets, "jwe_keys")
