"""Codes, client assertions and access tokens: twice, late, in other hands, at another tenant, or taken for each other."""

import secrets
from collections.abc import Iterable
from functools import partial
from urllib.parse import urlencode

from connectors.attacks.attack_case import CaseKind
from connectors.signatures.jws import sign
from connectors.wire.claims import Json
from idp.selftest.live.live_case import Attack, LiveCase, refused
from idp.selftest.live.visitor import DIRECT, Visitor

FAMILY = "live: tokens"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = 60
# design: 60 seconds for a code, five minutes for an access token
CODE_LIFE, TOKEN_LIFE = 60, 300


def code_again(visitor: Visitor) -> Attack:
    """RFC 6749 §4.1.2: a code once."""
    code = visitor.code()
    visitor.redeem(code).expect("the redemption")
    return lambda: visitor.redeem(code)


def token_of_a_code_used_twice(visitor: Visitor) -> Attack:
    """RFC 6749 §10.5: a code that comes twice takes its token with it."""
    code = visitor.code()
    token = str(visitor.redeem(code).expect("the redemption").json["access_token"])
    visitor.redeem(code).expect("the second redemption", 400)
    return lambda: visitor.userinfo(token)


def code_with(
    visitor: Visitor,
    *,
    ahead: int = 0,
    service: str = "parking",
    address_of: str = "",
    elsewhere: bool = False,
    **changes: str | None,
) -> Attack:
    """A redemption so many seconds later, by another service, with its address, at another tenant, or with other fields."""
    code = visitor.code()
    visitor.stage.clock.ahead = ahead
    if address_of:
        changes["redirect_uri"] = visitor.redirect_uri(address_of)
    port = visitor.stage.neighbour_port if elsewhere else None
    return lambda: visitor.redeem(code, changes, service=service, port=port)


def code_without_authentication(visitor: Visitor) -> Attack:
    """A thief of the code and the verifier is not the service yet."""
    code = visitor.code()
    return lambda: visitor.redeem(code, {"client_id": "parking"}, headers=DIRECT)


def code_twice_in_one_form(visitor: Visitor) -> Attack:
    """Two codes in one request."""
    code = visitor.code()
    body = urlencode([("grant_type", "authorization_code"), ("code", code), ("code", code)]).encode()
    return lambda: visitor.redeem(code, body=body)


def code_by_get(visitor: Visitor) -> Attack:
    """A code in an address, which proxies log."""
    asked = urlencode({"grant_type": "authorization_code", "code": visitor.code(), "code_verifier": visitor.verifier})
    headers = {**DIRECT, "authorization": visitor.basic("parking")}
    return lambda: visitor.go("GET", f"/token?{asked}", headers=headers, jar={})


def assertion(visitor: Visitor, **changes: Json) -> str:
    """A client assertion of the service that has a key (RFC 7523 §3), but for `changes`."""
    now = visitor.stage.clock()
    claims: dict[str, Json] = {
        "iss": "fares",
        "sub": "fares",
        "aud": visitor.stage.issuer,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + ASSERTION_LIFE,
        **changes,
    }
    return sign(claims, visitor.stage.fares, alg="ES256", typ="JWT")


def by_assertion(visitor: Visitor, code: str, signed: str) -> Attack:
    """The redemption of that service."""
    proof = {"client_assertion_type": JWT_BEARER, "client_assertion": signed}
    return lambda: visitor.redeem(code, proof, service="fares")


def fares_code(visitor: Visitor) -> str:
    """A whole login at that service: its code."""
    return visitor.code(client_id="fares", scope="openid purpose:concession-fare")


def assertion_again(visitor: Visitor) -> Attack:
    """RFC 7523 §3: a `jti` once, even for a code that is fresh."""
    signed = assertion(visitor)
    by_assertion(visitor, fares_code(visitor), signed)().expect("the redemption")
    return by_assertion(visitor, fares_code(visitor), signed)


def assertion_with(visitor: Visitor, *, ahead: int = 0, **changes: Json) -> Attack:
    """An assertion that was made some time ago, or says something else."""
    signed = assertion(visitor, **changes)
    visitor.stage.clock.ahead = ahead
    return by_assertion(visitor, fares_code(visitor), signed)


def token_with(visitor: Visitor, *, ahead: int = 0, elsewhere: bool = False) -> Attack:
    """A token so many seconds later, or at the broker of another tenant, whose tables are the same."""
    token = visitor.token()
    visitor.stage.clock.ahead = ahead
    return lambda: visitor.userinfo(token, visitor.stage.neighbour_port if elsewhere else None)


def token_in_the_address(visitor: Visitor) -> Attack:
    """RFC 6750 §5.3: no token in an address."""
    token = visitor.token()
    return lambda: visitor.go("GET", f"/userinfo?access_token={token}", headers=DIRECT, jar={})


def code_for_a_token(visitor: Visitor) -> Attack:
    """A code where an access token is asked for."""
    code = visitor.code()
    return lambda: visitor.userinfo(code)


def id_token_for_a_token(visitor: Visitor) -> Attack:
    """An id_token where an access token is asked for."""
    signed = str(visitor.redeem(visitor.code()).expect("the redemption").json["id_token"])
    return lambda: visitor.userinfo(signed)


def token_for_a_code(visitor: Visitor) -> Attack:
    """An access token where a code is asked for."""
    token = visitor.token()
    return lambda: visitor.redeem(token)


def cases() -> Iterable[LiveCase]:
    """All of them. A program is told the OAuth error alone (RFC 6749 §5.2, RFC 6750 §3.1)."""
    grant, client, token = "400 invalid_grant", "401 invalid_client", "401 invalid_token"
    return refused(
        FAMILY,
        CaseKind.JWT,
        {
            "code again": (grant, code_again),
            "token of a code used twice": (token, token_of_a_code_used_twice),
            "code with another verifier": (grant, partial(code_with, code_verifier="A" * 43)),
            "code without a verifier": (grant, partial(code_with, code_verifier=None)),
            "code of another service": (grant, partial(code_with, service="budget")),
            # RFC 6749 §4.1.3: the redirect address of the request
            "code at another address": (grant, partial(code_with, address_of="budget")),
            "code without an address": (grant, partial(code_with, redirect_uri=None)),
            "code without authentication": (client, code_without_authentication),
            "code after its minute": (grant, partial(code_with, ahead=CODE_LIFE + 1)),
            "code at another tenant": (grant, partial(code_with, elsewhere=True)),
            "code twice in one form": ("400 invalid_request", code_twice_in_one_form),
            "code by get": ("405 request_refused", code_by_get),
            "client assertion again": (client, assertion_again),
            "client assertion for another audience": (client, partial(assertion_with, aud="https://other.example")),
            "client assertion of another client": (client, partial(assertion_with, iss="parking", sub="parking")),
            "client assertion after its end": (client, partial(assertion_with, ahead=TOKEN_LIFE)),
            "access token after its end": (token, partial(token_with, ahead=TOKEN_LIFE + 1)),
            "access token at another tenant": (token, partial(token_with, elsewhere=True)),
            "access token in the address": ("400 invalid_request", token_in_the_address),
            "code as an access token": (token, code_for_a_token),
            "id_token as an access token": (token, id_token_for_a_token),
            "access token as a code": (grant, token_for_a_code),
        },
    )
