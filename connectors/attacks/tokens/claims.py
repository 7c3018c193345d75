"""Signed tokens that say what they may not: another's, for another, at another time, in answer to something else."""

from collections.abc import Iterator, Mapping

from connectors.attacks.case import Case
from connectors.attacks.tokens.bench import ABSENT, Bench, Change
from connectors.attacks.tokens.benches import AT_PROVIDER, CLIENT, MAX_AGE, OP, TOKEN_ENDPOINT, US
from connectors.attacks.tokens.making import half_hash
from connectors.client_assertion import MAX_ASSERTION
from connectors.logout_token import EVENT
from connectors.wire.claims import Json

# family -> what -> check, claims
Table = Mapping[str, tuple[str, Mapping[str, Change]]]
_DAY = 24 * 3600
_LOA = "http://eidas.europa.eu/LoA/"
_NOT_TEXTS: Mapping[str, Change] = {"absent": ABSENT, "null": None, "empty": "", "a number": 7, "an object": {"x": "y"}}
_NOT_TIMES: Mapping[str, Change] = {
    "absent": ABSENT,
    "null": None,
    "a text": "1795600300",
    "true": True,
    "an object": {},
    "negative": -1,
    "a fraction": 1795600300.5,
    "a list": [1795600300],
}


def id_token(bench: Bench) -> Iterator[Case]:
    """An id_token: OpenID Connect Core 1.0 §3.1.3.7."""
    yield from _refused(bench, "id_token: issuer and subject", {**_issuer(OP), **_subject()})
    yield from _refused(bench, "id_token: audience", {**_audience(AT_PROVIDER), **_authorized_party()})
    yield from _refused(bench, "id_token: time", _times(bench, 60, _DAY, "token"))
    yield from _refused(bench, "id_token: another request", _request(bench))
    yield from _refused(bench, "id_token: level and age of the authentication", _authentication(bench))


def client_assertion(bench: Bench) -> Iterator[Case]:
    """A client assertion: RFC 7523 §3 and rfc7523bis."""
    party: dict[str, tuple[str, Mapping[str, Change]]] = {
        "another client's iss": ("assertion_issuer", {"iss": "another"}),
        "our own iss": ("assertion_issuer", {"iss": US}),
        "iss in capitals": ("assertion_issuer", {"iss": CLIENT.upper()}),
        "another client's sub": ("assertion_subject", {"sub": "another"}),
        "sub with a blank": ("assertion_subject", {"sub": f"{CLIENT} "}),
        **{f"iss {what}": ("claim_iss", {"iss": value}) for what, value in _NOT_TEXTS.items()},
        **{f"sub {what}": ("claim_sub", {"sub": value}) for what, value in _NOT_TEXTS.items()},
    }
    yield from _refused(bench, "client assertion: client", party)
    yield from _refused(bench, "client assertion: audience injection", _injected_audience())
    yield from _refused(bench, "client assertion: time", _assertion_times(bench))
    once: dict[str, tuple[str, Mapping[str, Change]]] = {
        **{f"jti {what}": ("claim_jti", {"jti": value}) for what, value in _NOT_TEXTS.items()},
        "jti of 257 characters": ("assertion_jti", {"jti": "j" * 257}),
    }
    yield from _refused(bench, "client assertion: identifier", once)
    long = bench.token(claims={"filler": "x" * MAX_ASSERTION})
    yield bench.refused("client assertion: size", "larger than 8 kib", long, "jws_size")


def client_assertion_by_registration(bench: Bench) -> Iterator[Case]:
    """A client assertion where the registration lets it name our token endpoint, and live for ten minutes."""
    family = "client assertion: by registration"
    now, other = bench.now, "https://attacker.example"
    wrong: dict[str, Change] = {
        "both of us and another, cve-2025-27370": [US, TOKEN_ENDPOINT, f"{other}/token"],
        "the token endpoint and another, cve-2025-27370": [TOKEN_ENDPOINT, other],
        "us and another": [US, other],
        "another in a list": [f"{other}/token"],
        "another server's token endpoint": f"{other}/token",
        "another address of ours": f"{US}/userinfo",
        "the token endpoint with a slash": f"{TOKEN_ENDPOINT}/",
        "the token endpoint with a query": f"{TOKEN_ENDPOINT}?as=a",
        "the token endpoint in capitals": TOKEN_ENDPOINT.upper(),
        "the token endpoint over http": TOKEN_ENDPOINT.replace("https", "http"),
        "the token endpoint of a longer name": TOKEN_ENDPOINT.replace(US, f"{US}.attacker.example"),
        "both in one text": f"{US} {TOKEN_ENDPOINT}",
        "the client": CLIENT,
    }
    none: dict[str, Change] = {
        "an empty list": [],
        "the token endpoint twice": [TOKEN_ENDPOINT, TOKEN_ENDPOINT],
        "beside an empty text": [TOKEN_ENDPOINT, ""],
        "beside a number": [TOKEN_ENDPOINT, 7],
        "a list in a list": [[TOKEN_ENDPOINT]],
        **_NOT_TEXTS,
    }
    yield from _refused(
        bench,
        family,
        {
            **{f"aud {what}": ("assertion_audience", {"aud": value}) for what, value in wrong.items()},
            **{f"aud {what}": ("claim_aud", {"aud": value}) for what, value in none.items()},
            "lives longer than ten minutes": ("assertion_life", {"exp": now + 611}),
            "of another client": ("assertion_issuer", {"iss": "another", "aud": TOKEN_ENDPOINT}),
            "about another client": ("assertion_subject", {"sub": "another", "aud": [US, TOKEN_ENDPOINT]}),
            "expired, for the token endpoint": (
                "assertion_expired",
                {"exp": now - 10, "iat": now - 60, "aud": TOKEN_ENDPOINT},
            ),
        },
    )


def logout_token(bench: Bench) -> Iterator[Case]:
    """A logout token: OpenID Connect Back-Channel Logout 1.0 §2.6; forgery as in CVE-2026-18569."""
    yield from _refused(bench, "logout token: issuer and audience", {**_issuer(OP), **_audience(AT_PROVIDER)})
    yield from _refused(bench, "logout token: time", _times(bench, 60, 300, "token"))
    yield from _refused(bench, "logout token: subject and session", _sessions())
    yield from _refused(bench, "logout token: event", _events())


def _refused(bench: Bench, family: str, table: Table) -> Iterator[Case]:
    for what, (check, changes) in table.items():
        yield bench.refused(family, what, bench.token(claims=changes), check)


def _issuer(issuer: str) -> Table:
    spelled = {
        "of another": "https://attacker.example",
        "with a slash after it": f"{issuer}/",
        "in capitals": issuer.upper(),
        "without its scheme": issuer.removeprefix("https://"),
        "over http": issuer.replace("https", "http"),
        "with a path": f"{issuer}/tenant",
        "with its port": f"{issuer}:443",
        "as the beginning of another": f"{issuer}.attacker.example",
        "with a blank before it": f" {issuer}",
        "with a nul after it": f"{issuer}\x00",
        "in other letters": issuer.replace("o", "ο"),  # noqa: RUF001 - that is the attack
    }
    return {
        **{f"iss {what}": ("token_issuer", {"iss": value}) for what, value in spelled.items()},
        **{f"iss {what}": ("claim_iss", {"iss": value}) for what, value in _NOT_TEXTS.items()},
        "iss in a list": ("claim_iss", {"iss": [issuer]}),
    }


def _subject() -> Table:
    spelled = {"of 256 characters": "s" * 256, "with a line end": "nobody\nadmin", "in cyrillic": "аdmin"}  # noqa: RUF001 - that is the attack
    return {
        **{f"sub {what}": ("token_subject", {"sub": value}) for what, value in spelled.items()},
        "sub with a nul": ("token_subject", {"sub": "nobody\x00"}),
        **{f"sub {what}": ("claim_sub", {"sub": value}) for what, value in _NOT_TEXTS.items()},
    }


def _audience(audience: str) -> Table:
    wrong: Mapping[str, Json] = {
        "of another": "another",
        "of another, in a list": ["another"],
        "in capitals": audience.upper(),
        "as the beginning of another": f"{audience}-2",
        "with a blank": f"{audience} ",
        "with others in one text": f"{audience} another",
        "beside another": [audience, "another"],
        "after another": ["another", audience],
        "a star": "*",
        "our address": US,
    }
    none: Mapping[str, Change] = {
        **_NOT_TEXTS,
        "an empty list": [],
        "a list of an empty text": [""],
        "twice in a list": [audience, audience],
        "a list in a list": [[audience]],
        "beside a number": [audience, 7],
        "true": True,
    }
    return {
        **{f"aud {what}": ("token_audience", {"aud": value}) for what, value in wrong.items()},
        **{f"aud {what}": ("claim_aud", {"aud": value}) for what, value in none.items()},
    }


def _authorized_party() -> Table:
    return {
        "azp of another": ("token_authorized_party", {"azp": "another"}),
        "azp in capitals": ("token_authorized_party", {"azp": AT_PROVIDER.upper()}),
        **{f"azp {what}": ("claim_azp", {"azp": value}) for what, value in _NOT_TEXTS.items() if value is not ABSENT},
        "azp a list": ("claim_azp", {"azp": [AT_PROVIDER]}),
    }


def _times(bench: Bench, skew: int, life: int, prefix: str) -> Table:
    now = bench.now
    return {
        "expired": (f"{prefix}_expired", {"exp": now - skew, "iat": now - skew - 60}),
        "expired long ago": (f"{prefix}_expired", {"exp": now - 365 * _DAY, "iat": now - 365 * _DAY - 60}),
        "exp of 1970": (f"{prefix}_expired", {"exp": 0, "iat": 0}),
        "issued in the future": (f"{prefix}_issued", {"iat": now + skew + 1, "exp": now + skew + 120}),
        "not yet": (f"{prefix}_not_before", {"nbf": now + skew + 1}),
        "a beginning at its end": (f"{prefix}_not_before", {"nbf": now + 5, "exp": now + 5}),
        "a beginning after its end": (f"{prefix}_not_before", {"nbf": now + 6, "exp": now + 5}),
        "ends before it was issued": (f"{prefix}_life", {"iat": now + 30, "exp": now + 10}),
        "ends when it was issued": (f"{prefix}_life", {"iat": now, "exp": now}),
        "lives a second too long": (f"{prefix}_life", {"iat": now, "exp": now + life + 1}),
        "times in milliseconds": (f"{prefix}_life", {"exp": now * 1000}),
        "lives until 2^53": (f"{prefix}_life", {"exp": 2**53}),
        **{f"exp {what}": ("claim_exp", {"exp": value}) for what, value in _NOT_TIMES.items()},
        **{f"iat {what}": ("claim_iat", {"iat": value}) for what, value in _NOT_TIMES.items()},
        **{f"nbf {what}": ("claim_nbf", {"nbf": value}) for what, value in _NOT_TIMES.items() if value is not ABSENT},
    }


def _request(bench: Bench) -> Table:
    nonce = bench.claims()["nonce"]
    token_hash = bench.claims()["at_hash"]
    if not isinstance(nonce, str) or not isinstance(token_hash, str):
        raise TypeError("a bench whose tokens answer no login")  # nothing else could be tried
    return {
        # CVE-2026-42206: a nonce was made, and never looked at
        "no nonce, cve-2026-42206": ("token_nonce", {"nonce": ABSENT}),
        "nonce of another": ("token_nonce", {"nonce": "another"}),
        "nonce in other case": ("token_nonce", {"nonce": nonce.swapcase()}),
        "nonce cut off": ("token_nonce", {"nonce": nonce[:-1]}),
        "nonce and more": ("token_nonce", {"nonce": f"{nonce}x"}),
        **{f"nonce {what}": ("claim_nonce", {"nonce": v}) for what, v in _NOT_TEXTS.items() if v is not ABSENT},
        "nonce in a list": ("claim_nonce", {"nonce": [nonce]}),
        "at_hash of another access token": ("token_access_token", {"at_hash": half_hash("another", bench.key.alg)}),
        "at_hash with padding": ("token_access_token", {"at_hash": f"{token_hash}=="}),
        "at_hash cut off": ("token_access_token", {"at_hash": token_hash[:8]}),
        "at_hash of the whole hash": ("token_access_token", {"at_hash": token_hash * 2}),
        **{f"at_hash {what}": ("claim_at_hash", {"at_hash": v}) for what, v in _NOT_TEXTS.items() if v is not ABSENT},
    }


def _authentication(bench: Bench) -> Table:
    now = bench.now
    unknown: Mapping[str, Change] = {
        "absent": ABSENT,
        "of nobody": "https://attacker.example/LoA/high",
        "in capitals": f"{_LOA}HIGH",
        "without its scheme": f"{_LOA}high".removeprefix("http://"),
        "over https": f"{_LOA}high".replace("http", "https"),
        "with a blank": f"{_LOA}high ",
        "not notified": "http://eidas.europa.eu/NotNotified/LoA/high",
        "of two": f"{_LOA}low {_LOA}high",
        "higher than high": f"{_LOA}highest",
    }
    return {
        **{f"acr {what}": ("acr_unknown", {"acr": value}) for what, value in unknown.items()},
        "acr low": ("acr_too_low", {"acr": f"{_LOA}low"}),
        **{f"acr {what}": ("claim_acr", {"acr": v}) for what, v in _NOT_TEXTS.items() if v is not ABSENT},
        "acr in a list": ("claim_acr", {"acr": [f"{_LOA}high"]}),
        "auth_time absent": ("authentication_time", {"auth_time": ABSENT}),
        "auth_time too long ago": ("authentication_stale", {"auth_time": now - MAX_AGE - 61}),
        "auth_time of 1970": ("authentication_stale", {"auth_time": 0}),
        "auth_time in the future": ("authentication_future", {"auth_time": now + 61}),
        **{f"auth_time {what}": ("claim_auth_time", {"auth_time": v}) for what, v in _NOT_TIMES.items() if v is not ABSENT},
    }


def _injected_audience() -> Table:
    """Another server told the client to write our names into what it sends there (CVE-2025-27370 and CVE-2025-27371)."""
    wrong = {
        "the token endpoint, cve-2025-27370": TOKEN_ENDPOINT,
        "another server's issuer, cve-2025-27371": "https://attacker.example",
        "another server's token endpoint": "https://attacker.example/token",
        "with a slash after it": f"{US}/",
        "in capitals": US.upper(),
        "over http": US.replace("https", "http"),
        "as the beginning of another": f"{US}.attacker.example",
        "of two in one text": f"{US} https://attacker.example",
        "the client": CLIENT,
        "with a blank": f"{US} ",
    }
    lists: Mapping[str, Change] = {
        "the token endpoint in a list": [TOKEN_ENDPOINT],
        "in a list, cve-2025-27371": [US],
        "beside another server, cve-2025-27370": [US, "https://attacker.example"],
        "with the token endpoint": [US, TOKEN_ENDPOINT],
        "an empty list": [],
        **_NOT_TEXTS,
    }
    return {
        **{f"aud {what}": ("assertion_audience", {"aud": value}) for what, value in wrong.items()},
        **{f"aud {what}": ("claim_aud", {"aud": value}) for what, value in lists.items()},
    }


def _assertion_times(bench: Bench) -> Table:
    now = bench.now
    return {
        "expired": ("assertion_expired", {"exp": now - 10, "iat": now - 60}),
        "expired long ago": ("assertion_expired", {"exp": now - _DAY, "iat": now - _DAY - 60}),
        "exp of 1970": ("assertion_expired", {"exp": 0, "iat": 0}),
        "lives longer than five minutes": ("assertion_life", {"exp": now + 311}),
        "lives a year": ("assertion_life", {"exp": now + 365 * _DAY}),
        "times in milliseconds": ("assertion_life", {"exp": now * 1000}),
        "issued in the future": ("assertion_issued", {"iat": now + 11}),
        "not yet": ("assertion_not_before", {"nbf": now + 11}),
        "a beginning at its end": ("assertion_not_before", {"nbf": now + 5, "exp": now + 5}),
        "issued at its end": ("assertion_life", {"iat": now + 5, "exp": now + 5}),
        "ends before it was issued": ("assertion_life", {"iat": now + 5, "exp": now + 1}),
        **{f"exp {what}": ("claim_exp", {"exp": value}) for what, value in _NOT_TIMES.items()},
        **{f"iat {what}": ("claim_iat", {"iat": value}) for what, value in _NOT_TIMES.items() if value is not ABSENT},
        **{f"nbf {what}": ("claim_nbf", {"nbf": value}) for what, value in _NOT_TIMES.items() if value is not ABSENT},
    }


def _sessions() -> Table:
    return {
        "neither sub nor sid": ("logout_subject", {"sub": ABSENT, "sid": ABSENT}),
        **{f"sub {what}": ("claim_sub", {"sub": v}) for what, v in _NOT_TEXTS.items() if v is not ABSENT},
        **{f"sid {what}": ("claim_sid", {"sid": v}) for what, v in _NOT_TEXTS.items() if v is not ABSENT},
        "sub with a line end": ("token_subject", {"sub": "nobody\nadmin"}),
        "sid of 256 characters": ("logout_session", {"sid": "s" * 256}),
        "sid with a line end": ("logout_session", {"sid": "one\ntwo"}),
        "sid in a list": ("claim_sid", {"sid": ["one", "two"]}),
    }


def _events() -> Table:
    wrong: Mapping[str, Change] = {
        "absent": ABSENT,
        "null": None,
        "a text": EVENT,
        "a list": [EVENT],
        "empty": {},
        "of something else": {"https://schemas.openid.net/secevent/risc/event-type/account-enabled": {}},
        "in other case": {EVENT.upper(): {}},
        "over https": {EVENT.replace("http", "https"): {}},
        "beside something else": {EVENT: {}, "https://attacker.example/event": {}},
        "of a null": {EVENT: None},
        "of a text": {EVENT: "{}"},
        "of a list": {EVENT: []},
    }
    return {
        **{f"events {what}": ("logout_events", {"events": value}) for what, value in wrong.items()},
        "a nonce": ("logout_nonce", {"nonce": "n"}),
        "a nonce of null": ("logout_nonce", {"nonce": None}),
        **{f"jti {what}": ("claim_jti", {"jti": value}) for what, value in _NOT_TEXTS.items()},
        "jti of 256 characters": ("logout_jti", {"jti": "j" * 256}),
        "jti with a line end": ("logout_jti", {"jti": "one\ntwo"}),
    }
