"""Tokens that must be accepted: each algorithm, and whatever the standards leave open and honest parties do."""

from collections.abc import Iterator, Mapping

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.tokens.jws_text import ABSENT, ALGORITHMS, Change, signer, written
from connectors.attacks.tokens.signatures import the_other_s
from connectors.attacks.tokens.token_benches import (
    AT_PROVIDER,
    MAX_AGE,
    TOKEN_ENDPOINT,
    US,
    TokenBench,
    TokenKeys,
    TokenWorld,
)
from connectors.client_assertion import MAX_ASSERTION
from connectors.id_token import judge_id_token
from policies.errors import AssertionRejected

ID_TOKENS = "valid id_tokens"
ASSERTIONS = "valid client assertions"
LOGOUT_TOKENS = "valid logout tokens"
Claims = Mapping[str, Mapping[str, Change]]
# Levels of JSON that are taken, the object itself counted
_LEVELS = 64


def valid_tokens(world: TokenWorld) -> Iterator[AttackCase]:
    """All kinds."""
    for alg in ALGORITHMS:
        yield world.id_token(alg).accepted(ID_TOKENS, "plain", world.id_token(alg).token())
        yield world.client_assertion(alg).accepted(ASSERTIONS, "plain", world.client_assertion(alg).token())
        yield world.logout_token(alg).accepted(LOGOUT_TOKENS, "plain", world.logout_token(alg).token())
    yield from _of_any_kind(world.id_token("ES256"), world.id_token("RS256", alone=True), ID_TOKENS)
    yield from _of_any_kind(world.client_assertion("ES256"), world.client_assertion("PS256", alone=True), ASSERTIONS)
    yield from _of_any_kind(world.logout_token("ES256"), world.logout_token("ES384", alone=True), LOGOUT_TOKENS)
    yield from _id_tokens(world)
    yield from _assertions(world)
    yield from _assertions_by_registration(world)
    yield from _logout_tokens(world)


def _of_any_kind(bench: TokenBench, alone: TokenBench, family: str) -> Iterator[AttackCase]:
    """Headers and spellings, that every kind of token may have."""
    other_s = the_other_s(bench)
    if other_s is not None:
        yield bench.accepted(family, "the other s of ecdsa", other_s)
    yield alone.accepted(family, "without kid, one key alone", alone.token(header={"kid": ABSENT}))
    hinted = bench.header(**{"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA", "x5t#S256": "A" * 43})
    yield bench.accepted(family, "with thumbprints", bench.signed(hinted, bench.claims()))
    turned = dict(reversed(bench.header().items()))
    yield bench.accepted(family, "members in another order", bench.signed(turned, dict(reversed(bench.claims().items()))))
    airy = (written(part).replace(b",", b" ,\n\t").replace(b'":', b'" : ') for part in (bench.header(), bench.claims()))
    yield bench.accepted(family, "white space in its json", bench.signed(next(airy), next(airy)))
    escaped = written(bench.header()).replace(b'"kid"', b'"\\u006bid"')
    yield bench.accepted(family, "a member's name escaped", bench.signed(escaped, bench.claims()))
    deep = written(bench.claims())[:-1] + b',"x":' + b"[" * (_LEVELS - 1) + b"0" + b"]" * (_LEVELS - 1) + b"}"
    yield bench.accepted(family, "claims of 64 levels", bench.signed(bench.header(), deep))
    unknown: Mapping[str, Change] = {"x": {"y": [1, 2.5, True, None, "𐍈"]}, "long": "ö" * 2000, "": "empty"}
    yield bench.accepted(family, "claims that nobody knows", bench.token(claims=unknown))


def _id_tokens(world: TokenWorld) -> Iterator[AttackCase]:
    bench, now = world.id_token("ES256"), world.now
    variants: Claims = {
        "aud in a list": {"aud": [AT_PROVIDER]},
        "azp that is us": {"azp": AT_PROVIDER},
        "nbf": {"nbf": now},
        "no at_hash": {"at_hash": ABSENT},
        "a higher level": {"acr": "http://eidas.europa.eu/LoA/high"},
        "a clock that is behind": {"iat": now - 120, "exp": now - 59},
        "a clock that is ahead": {"iat": now + 60, "exp": now + 360, "nbf": now + 60, "auth_time": now + 60},
        "a life of a day": {"iat": now, "exp": now + 24 * 3600},
        "an authentication just lately enough": {"auth_time": now - MAX_AGE - 60},
        "a subject of 255 characters": {"sub": "s" * 255},
        "other claims of the protocol": {"amr": ["pwd", "hwk"], "sid": "one", "c_hash": "x", "s_hash": "y", "jti": "z"},
    }
    yield from bench.all_accepted(ID_TOKENS, {what: bench.token(claims=changes) for what, changes in variants.items()})
    yield bench.accepted(ID_TOKENS, "type jwt", bench.token(header={"typ": "JWT"}))
    next_key = world.provider.next_key
    rolled = bench.signed(bench.header(kid=next_key.kid), bench.claims(), next_key.sign)
    yield bench.accepted(ID_TOKENS, "the next key of a rollover", rolled)
    bare = world.id_token_without_login()
    nothing: Mapping[str, Change] = {"nonce": ABSENT, "acr": ABSENT, "auth_time": ABSENT, "at_hash": ABSENT}
    yield bare.accepted(ID_TOKENS, "to no login that we know", bare.token())
    yield bare.accepted(ID_TOKENS, "to no login, and it says of none", bare.token(claims=nothing))
    yield bare.accepted(ID_TOKENS, "of a level that nobody knows", bare.token(claims={"acr": "urn:x:strong"}))
    trusting = world.id_token_expecting("id_token trusted audience", trusted_audiences=frozenset({"partner"}))
    several = trusting.token(claims={"aud": ["partner", AT_PROVIDER], "azp": AT_PROVIDER})
    yield trusting.accepted(ID_TOKENS, "several audiences, all of them trusted", several)
    partner = trusting.token(claims={"aud": ["partner"]})
    yield trusting.refused("id_token: audience", "whom we trust, and not us", partner, "token_audience")
    binding = _binding(world)
    yield binding.accepted(ID_TOKENS, "bound to the access token", binding.token())
    unbound = binding.token(claims={"at_hash": ABSENT})
    yield binding.refused("id_token: access token", "not bound to it", unbound, "token_access_token")


def _assertions(world: TokenWorld) -> Iterator[AttackCase]:
    bench, now = world.client_assertion("ES256"), world.now
    variants: Claims = {
        "no iat": {"iat": ABSENT},
        "nbf": {"nbf": now},
        "a clock that is behind": {"iat": now - 60, "exp": now - 9},
        "a clock that is ahead": {"iat": now + 10, "nbf": now + 10, "exp": now + 310},
        "nearly 8 kib": {"filler": "x" * (MAX_ASSERTION * 3 // 4 - 1024)},
        "the longest jti": {"jti": f"{bench.claims()['jti']}".ljust(256, "j")},
    }
    yield from bench.all_accepted(ASSERTIONS, {what: bench.token(claims=changes) for what, changes in variants.items()})
    yield bench.accepted(ASSERTIONS, "type jwt", bench.token(header={"typ": "JWT"}))
    yield bench.accepted(ASSERTIONS, "no type", bench.token(header={"typ": ABSENT}))
    next_key = world.client.next_key
    rolled = bench.signed(bench.header(kid=next_key.kid), bench.claims(), signer(next_key.private, next_key.alg))
    yield bench.accepted(ASSERTIONS, "the next key of a rollover", rolled)


def _assertions_by_registration(world: TokenWorld) -> Iterator[AttackCase]:
    """Deployed libraries send these. A registration that lets them takes them; any other refuses each."""
    bench, now = world.client_assertion_by_registration("ES256"), world.now
    variants: Claims = {
        "the token endpoint": {"aud": TOKEN_ENDPOINT},
        "the token endpoint in a list": {"aud": [TOKEN_ENDPOINT]},
        "our issuer and the token endpoint": {"aud": [US, TOKEN_ENDPOINT]},
        "our issuer": {"aud": US},
        "a life of ten minutes": {"exp": now + 600, "aud": [TOKEN_ENDPOINT]},
    }
    yield from bench.all_accepted(ASSERTIONS, {what: bench.token(claims=changes) for what, changes in variants.items()})


def _logout_tokens(world: TokenWorld) -> Iterator[AttackCase]:
    bench, now = world.logout_token("ES256"), world.now
    variants: Claims = {
        "a subject alone": {"sid": ABSENT},
        "a session alone": {"sub": ABSENT},
        "aud in a list": {"aud": [AT_PROVIDER]},
        "nbf": {"nbf": now},
        "an event with members": {"events": {"http://schemas.openid.net/event/backchannel-logout": {"reason": "x"}}},
        "a life of five minutes": {"iat": now, "exp": now + 300},
        "a clock that is behind": {"iat": now - 120, "exp": now - 59},
        "a clock that is ahead": {"iat": now + 60, "exp": now + 120},
    }
    yield from bench.all_accepted(LOGOUT_TOKENS, {what: bench.token(claims=changes) for what, changes in variants.items()})


def _binding(world: TokenWorld) -> TokenBench:
    """Where it matters whether a token says which access token it belongs to: it may leave that out, and we must know."""
    expected = world.expected_id_token("ES256")

    def judge(token: str, keys: TokenKeys) -> None:
        if not judge_id_token(token, keys, expected, world.now).bound_to_access_token:
            raise AssertionRejected("token_access_token", "a token that is bound to no access token")

    return world.judged_by("id_token bound", judge, world.id_token("ES256"))
