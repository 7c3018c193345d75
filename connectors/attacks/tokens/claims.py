"""Signed tokens that say what they may not: another's, for another, at another time, in answer to something else."""

from collections.abc import Iterator, Mapping

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.tokens.jws_text import ABSENT, Change, half_hash
from connectors.attacks.tokens.token_benches import AT_PROVIDER, CLIENT, MAX_AGE, OP, TOKEN_ENDPOINT, US, TokenBench
from connectors.client_assertion import MAX_ASSERTION
from connectors.logout_token import EVENT

# what -> check, claims
Table = Mapping[str, tuple[str, Mapping[str, Change]]]
Values = Mapping[str, Change]
_DAY = 24 * 3600
_LOA = "http://eidas.europa.eu/LoA/"
_OTHER = "https://attacker.example"
_NOT_TEXTS: Values = {"null": None, "empty": "", "a number": 7}
_NO_TEXT: Values = {"absent": ABSENT, **_NOT_TEXTS}
_NOT_TIMES: Values = {"null": None, "a text": "1795600300", "true": True, "negative": -1, "a fraction": 1795600300.5}
_NO_TIME: Values = {"absent": ABSENT, **_NOT_TIMES}


def id_token(bench: TokenBench) -> Iterator[AttackCase]:
    """An id_token: OpenID Connect Core 1.0 §3.1.3.7."""
    spelled = {"of 256 characters": "s" * 256, "with a line end": "nobody\nadmin"}
    subject = _all("sub", "token_subject", spelled) | _all("sub", "claim_sub", _NO_TEXT)
    yield from _refused(bench, "id_token: issuer and subject", {**_issuer(OP), **subject})
    others: Values = {"of another": "another", "in capitals": AT_PROVIDER.upper()}
    authorized = _all("azp", "token_authorized_party", others) | _all("azp", "claim_azp", _NOT_TEXTS)
    yield from _refused(bench, "id_token: audience", {**_audience(AT_PROVIDER), **authorized})
    yield from _refused(bench, "id_token: time", _times(bench, 60, _DAY))
    yield from _refused(bench, "id_token: another request", _request(bench))
    yield from _refused(bench, "id_token: level and age of the authentication", _authentication(bench))


def client_assertion(bench: TokenBench) -> Iterator[AttackCase]:
    """A client assertion: RFC 7523 §3 and rfc7523bis."""
    party: Table = {
        "another client's iss": ("assertion_issuer", {"iss": "another"}),
        "our own iss": ("assertion_issuer", {"iss": US}),
        "iss in capitals": ("assertion_issuer", {"iss": CLIENT.upper()}),
        "another client's sub": ("assertion_subject", {"sub": "another"}),
        **_all("iss", "claim_iss", _NO_TEXT),
        **_all("sub", "claim_sub", _NO_TEXT),
    }
    yield from _refused(bench, "client assertion: client", party)
    yield from _refused(bench, "client assertion: audience injection", _injected_audience())
    yield from _refused(bench, "client assertion: time", _assertion_times(bench))
    long: Values = {"of 257 characters": "j" * 257}
    once = _all("jti", "claim_jti", _NO_TEXT) | _all("jti", "assertion_jti", long)
    yield from _refused(bench, "client assertion: identifier", once)
    large = bench.token(claims={"filler": "x" * MAX_ASSERTION})
    yield bench.refused("client assertion: size", "larger than 8 kib", large, "jws_size")


def client_assertion_by_registration(bench: TokenBench) -> Iterator[AttackCase]:
    """A client assertion where the registration lets it name our token endpoint, and live for ten minutes."""
    now = bench.now
    wrong: Values = {
        "both of us and another, cve-2025-27370": [US, TOKEN_ENDPOINT, f"{_OTHER}/token"],
        "the token endpoint and another, cve-2025-27370": [TOKEN_ENDPOINT, _OTHER],
        "another in a list": [f"{_OTHER}/token"],
        "another server's token endpoint": f"{_OTHER}/token",
        "another address of ours": f"{US}/userinfo",
        "the token endpoint with a slash": f"{TOKEN_ENDPOINT}/",
        "the token endpoint of a longer name": TOKEN_ENDPOINT.replace(US, f"{US}.attacker.example"),
        "both in one text": f"{US} {TOKEN_ENDPOINT}",
    }
    none: Values = {
        "an empty list": [],
        "the token endpoint twice": [TOKEN_ENDPOINT, TOKEN_ENDPOINT],
        "beside an empty text": [TOKEN_ENDPOINT, ""],
        "beside a number": [TOKEN_ENDPOINT, 7],
        **_NO_TEXT,
    }
    ended: Mapping[str, Change] = {"exp": now - 10, "iat": now - 60, "aud": TOKEN_ENDPOINT}
    table: Table = {
        **_all("aud", "assertion_audience", wrong),
        **_all("aud", "claim_aud", none),
        "lives longer than ten minutes": ("assertion_life", {"exp": now + 611}),
        "of another client": ("assertion_issuer", {"iss": "another", "aud": TOKEN_ENDPOINT}),
        "expired, for the token endpoint": ("assertion_expired", ended),
    }
    yield from _refused(bench, "client assertion: by registration", table)


def logout_token(bench: TokenBench) -> Iterator[AttackCase]:
    """A logout token: OpenID Connect Back-Channel Logout 1.0 §2.6; forgery as in CVE-2026-18569."""
    yield from _refused(bench, "logout token: issuer and audience", {**_issuer(OP), **_audience(AT_PROVIDER)})
    yield from _refused(bench, "logout token: time", _times(bench, 60, 300))
    yield from _refused(bench, "logout token: subject and session", _sessions())
    yield from _refused(bench, "logout token: event", _events())


def _refused(bench: TokenBench, family: str, table: Table) -> Iterator[AttackCase]:
    for what, (check, changes) in table.items():
        yield bench.refused(family, what, bench.token(claims=changes), check)


def _all(claim: str, check: str, values: Values) -> dict[str, tuple[str, Mapping[str, Change]]]:
    """One claim with each of these values."""
    return {f"{claim} {what}": (check, {claim: value}) for what, value in values.items()}


def _issuer(issuer: str) -> Table:
    spelled: Values = {
        "of another": _OTHER,
        "with a slash after it": f"{issuer}/",
        "in capitals": issuer.upper(),
        "over http": issuer.replace("https", "http"),
        "as the beginning of another": f"{issuer}.attacker.example",
        "in other letters": issuer.replace("o", "ο"),  # noqa: RUF001 - that is the attack
    }
    return _all("iss", "token_issuer", spelled) | _all("iss", "claim_iss", {**_NO_TEXT, "in a list": [issuer]})


def _audience(audience: str) -> Table:
    wrong: Values = {
        "of another": "another",
        "of another, in a list": ["another"],
        "in capitals": audience.upper(),
        "as the beginning of another": f"{audience}-2",
        "with others in one text": f"{audience} another",
        "beside another": [audience, "another"],
        "a star": "*",
        "our address": US,
    }
    none: Values = {
        **_NO_TEXT,
        "an empty list": [],
        "a list of an empty text": [""],
        "twice in a list": [audience, audience],
        "beside a number": [audience, 7],
    }
    return _all("aud", "token_audience", wrong) | _all("aud", "claim_aud", none)


def _times(bench: TokenBench, skew: int, life: int) -> Table:
    now = bench.now
    return {
        "expired": ("token_expired", {"exp": now - skew, "iat": now - skew - 60}),
        "exp of 1970": ("token_expired", {"exp": 0, "iat": 0}),
        "issued in the future": ("token_issued", {"iat": now + skew + 1, "exp": now + skew + 120}),
        "not yet": ("token_not_before", {"nbf": now + skew + 1}),
        "a beginning at its end": ("token_not_before", {"nbf": now + 5, "exp": now + 5}),
        "ends before it was issued": ("token_life", {"iat": now + 30, "exp": now + 10}),
        "ends when it was issued": ("token_life", {"iat": now, "exp": now}),
        "lives a second too long": ("token_life", {"iat": now, "exp": now + life + 1}),
        "times in milliseconds": ("token_life", {"exp": now * 1000}),
        **_all("exp", "claim_exp", _NO_TIME),
        **_all("iat", "claim_iat", _NO_TIME),
        **_all("nbf", "claim_nbf", _NOT_TIMES),
    }


def _request(bench: TokenBench) -> Table:
    nonce, token_hash = bench.claims()["nonce"], bench.claims()["at_hash"]
    if not isinstance(nonce, str) or not isinstance(token_hash, str):
        raise TypeError("a bench whose tokens answer no login")  # nothing else could be tried
    nonces: Values = {
        # A nonce was made, and never looked at
        "absent, cve-2026-42206": ABSENT,
        "of another": "another",
        "in other case": nonce.swapcase(),
        "cut off": nonce[:-1],
    }
    hashes: Values = {
        "of another access token": half_hash("another", bench.key.alg),
        "cut off": token_hash[:8],
        "of the whole hash": token_hash * 2,
    }
    return {
        **_all("nonce", "token_nonce", nonces),
        **_all("nonce", "claim_nonce", _NOT_TEXTS),
        **_all("at_hash", "token_access_token", hashes),
        **_all("at_hash", "claim_at_hash", _NOT_TEXTS),
    }


def _authentication(bench: TokenBench) -> Table:
    now = bench.now
    unknown: Values = {
        "absent": ABSENT,
        "of nobody": f"{_OTHER}/LoA/high",
        "in capitals": f"{_LOA}HIGH",
        "not notified": "http://eidas.europa.eu/NotNotified/LoA/high",
        "of two": f"{_LOA}low {_LOA}high",
        "higher than high": f"{_LOA}highest",
    }
    return {
        **_all("acr", "acr_unknown", unknown),
        "acr low": ("acr_too_low", {"acr": f"{_LOA}low"}),
        **_all("acr", "claim_acr", {**_NOT_TEXTS, "in a list": [f"{_LOA}high"]}),
        "auth_time absent": ("authentication_time", {"auth_time": ABSENT}),
        "auth_time too long ago": ("authentication_stale", {"auth_time": now - MAX_AGE - 61}),
        "auth_time in the future": ("authentication_future", {"auth_time": now + 61}),
        **_all("auth_time", "claim_auth_time", _NOT_TIMES),
    }


def _injected_audience() -> Table:
    """Another server told the client to write our names into what it sends there (CVE-2025-27370 and CVE-2025-27371)."""
    wrong: Values = {
        "the token endpoint, cve-2025-27370": TOKEN_ENDPOINT,
        "another server's issuer, cve-2025-27371": _OTHER,
        "with a slash after it": f"{US}/",
        "in capitals": US.upper(),
        "as the beginning of another": f"{US}.attacker.example",
        "of two in one text": f"{US} {_OTHER}",
    }
    lists: Values = {
        "in a list, cve-2025-27371": [US],
        "beside another server, cve-2025-27370": [US, _OTHER],
        "an empty list": [],
        **_NO_TEXT,
    }
    return _all("aud", "assertion_audience", wrong) | _all("aud", "claim_aud", lists)


def _assertion_times(bench: TokenBench) -> Table:
    now = bench.now
    return {
        "expired": ("assertion_expired", {"exp": now - 10, "iat": now - 60}),
        "lives longer than five minutes": ("assertion_life", {"exp": now + 311}),
        "times in milliseconds": ("assertion_life", {"exp": now * 1000}),
        "issued in the future": ("assertion_issued", {"iat": now + 11}),
        "not yet": ("assertion_not_before", {"nbf": now + 11}),
        "a beginning at its end": ("assertion_not_before", {"nbf": now + 5, "exp": now + 5}),
        "issued at its end": ("assertion_life", {"iat": now + 5, "exp": now + 5}),
        "ends before it was issued": ("assertion_life", {"iat": now + 5, "exp": now + 1}),
        **_all("exp", "claim_exp", _NO_TIME),
        **_all("iat", "claim_iat", _NOT_TIMES),
        **_all("nbf", "claim_nbf", _NOT_TIMES),
    }


def _sessions() -> Table:
    odd: Values = {"of 256 characters": "s" * 256, "with a line end": "one\ntwo"}
    return {
        "neither sub nor sid": ("logout_subject", {"sub": ABSENT, "sid": ABSENT}),
        **_all("sub", "claim_sub", _NOT_TEXTS),
        **_all("sub", "token_subject", {"with a line end": "nobody\nadmin"}),
        **_all("sid", "claim_sid", {**_NOT_TEXTS, "in a list": ["one", "two"]}),
        **_all("sid", "logout_session", odd),
    }


def _events() -> Table:
    wrong: Values = {
        "absent": ABSENT,
        "null": None,
        "a text": EVENT,
        "a list": [EVENT],
        "of something else": {"https://schemas.openid.net/secevent/risc/event-type/account-enabled": {}},
        "in other case": {EVENT.upper(): {}},
        "beside something else": {EVENT: {}, f"{_OTHER}/event": {}},
        "of a null": {EVENT: None},
        "of a list": {EVENT: []},
    }
    odd: Values = {"of 256 characters": "j" * 256, "with a line end": "one\ntwo"}
    return {
        **_all("events", "logout_events", wrong),
        "a nonce": ("logout_nonce", {"nonce": "n"}),
        "a nonce of null": ("logout_nonce", {"nonce": None}),
        **_all("jti", "claim_jti", _NO_TEXT),
        **_all("jti", "logout_jti", odd),
    }
