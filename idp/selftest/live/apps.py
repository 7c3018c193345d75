"""Public clients: apps in a browser or on a device, which have no secret, and whoever would pass for one."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, urlencode

from connectors.attacks.case import Kind
from idp.selftest.live.played import Attack, LiveCase, named, refused
from idp.selftest.live.stage import APP, LOOPBACK, OTHER_APP, SCHEME
from idp.selftest.live.visitor import DIRECT, Answer, AstrayError, Visitor

FAMILY, ADDRESSES, VALID = "live: apps", "live: addresses of apps", "live: apps in a browser and on a device"
ON_A_PORT = LOOPBACK.replace("/done", ":51004/done")
NOBODYS = "https://evil.example"
# As a browser sends it for a page's script
FETCHED: Mapping[str, str | None] = {**DIRECT, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
ALLOWED = "access-control-allow-origin"


def _redeem(
    visitor: Visitor, given: str, redirect: str, headers: Mapping[str, str | None] = DIRECT, **changes: str | None
) -> Answer:
    wanted: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": redirect,
        "code_verifier": visitor.verifier,
        "client_id": APP,
        **changes,
    }
    fields = {name: value for name, value in wanted.items() if value is not None}
    return visitor.go("POST", "/token", fields=fields, headers=headers, jar={})


def on_a_device(redirect: str, **changes: str | None) -> Callable[[Visitor], Attack]:
    """A code that came to this address, redeemed by an app on a device, but for `changes`."""

    def prepare(visitor: Visitor) -> Attack:
        code = visitor.code(client_id=APP, redirect_uri=redirect)
        return lambda: _redeem(visitor, code, redirect, DIRECT, **changes)

    return prepare


def in_a_page(of: str | None = None, /, **headers: str | None) -> Callable[[Visitor], Attack]:
    """A code redeemed by a page of this origin, None for the app's own, but for `headers`."""

    def prepare(visitor: Visitor) -> Attack:
        redirect, own = visitor.redirect_uri(APP), visitor.stage.origin_of(APP)
        code = visitor.code(client_id=APP)
        at = own if of is None else visitor.stage.origin_of(OTHER_APP) if of == OTHER_APP else of
        sent = {**FETCHED, "origin": at, **headers}

        def attack() -> Answer:
            answer = _redeem(visitor, code, redirect, sent)
            if answer.headers.get(ALLOWED, own) != own or "access-control-allow-credentials" in answer.headers:
                raise AstrayError("a page of another origin may read the answer")
            return answer

        return attack

    return prepare


def reads_in_a_page(origin: str) -> Callable[[Visitor], Attack]:
    """The app's access token, brought by a page of this origin."""

    def prepare(visitor: Visitor) -> Attack:
        code = visitor.code(client_id=APP)
        token = str(_redeem(visitor, code, visitor.redirect_uri(APP)).expect("the redemption").json["access_token"])
        found = visitor.stage.origin_of(OTHER_APP) if origin == OTHER_APP else origin
        headers = {**FETCHED, "origin": found, "authorization": f"Bearer {token}"}
        return lambda: visitor.go("GET", "/userinfo", headers=headers, jar={})

    return prepare


def of_a_service_with_a_secret(visitor: Visitor) -> Attack:
    """A thief of its code and verifier says to be the public client."""
    code = visitor.code()
    return lambda: _redeem(visitor, code, visitor.redirect_uri())


def answered_at(redirect: str) -> Callable[[Visitor], Attack]:
    """A request that would be answered at another address than is registered."""

    def prepare(visitor: Visitor) -> Attack:
        wanted = {
            "response_type": "code",
            "client_id": APP,
            "redirect_uri": redirect,
            "scope": "openid purpose:resident-parking",
            "code_challenge": "A" * 43,
            "code_challenge_method": "S256",
        }
        return lambda: visitor.go("GET", f"/authorize?{urlencode(wanted, quote_via=quote)}")

    return prepare


def cases() -> Iterable[LiveCase]:
    """All of them."""
    grant, client, foreign = "400 invalid_grant", "401 invalid_client", "403 invalid_request"
    honest = {
        "in a page of its own origin": in_a_page(),
        "at a loopback address": on_a_device(LOOPBACK),
        "at a loopback address with a port": on_a_device(ON_A_PORT),
        "at its scheme": on_a_device(SCHEME),
    }
    yield from (LiveCase(named(VALID, what), VALID, Kind.VALID, None, case, releases=True) for what, case in honest.items())
    yield from refused(
        FAMILY,
        Kind.JWT,
        {
            "in a page of another app": (foreign, in_a_page(OTHER_APP)),
            "in a page of nobody": (foreign, in_a_page(NOBODYS)),
            "in a sandboxed page": (foreign, in_a_page("null")),
            "in a page that names no origin": (foreign, in_a_page(None, origin=None)),
            "in a page of another app without fetch metadata": (
                foreign,
                in_a_page(OTHER_APP, **{"sec-fetch-site": None, "sec-fetch-mode": None}),
            ),
            "userinfo in a page of another app": (foreign, reads_in_a_page(OTHER_APP)),
            "userinfo in a page of nobody": (foreign, reads_in_a_page(NOBODYS)),
            "without a verifier": (grant, on_a_device(SCHEME, code_verifier=None)),
            "with another verifier": (grant, on_a_device(SCHEME, code_verifier="A" * 43)),
            "with a verifier of 16 characters": (grant, on_a_device(SCHEME, code_verifier="A" * 16)),
            "with a secret": (client, on_a_device(SCHEME, client_secret=NOBODYS)),
            "as another app": (grant, on_a_device(SCHEME, client_id=OTHER_APP)),
            "as a service with a secret": (client, on_a_device(SCHEME, client_id="parking")),
            "the code of a service with a secret": (grant, of_a_service_with_a_secret),
            "at another port than asked": (grant, on_a_device(ON_A_PORT, redirect_uri=LOOPBACK)),
        },
    )
    nowhere = {
        "localhost": LOOPBACK.replace("127.0.0.1", "localhost"),
        "another path": f"{LOOPBACK}/",
        "a query": f"{ON_A_PORT}?x=y",
        "a port that there is not": LOOPBACK.replace("/done", ":65536/done"),
        "a user before the host": LOOPBACK.replace("/done", ":80@evil.example/done"),
        "another spelling of the host": LOOPBACK.replace("127.0.0.1", "127.1"),
        "https": ON_A_PORT.replace("http:", "https:"),
        "another scheme": SCHEME.replace("app", "other"),
        "the scheme in capitals": SCHEME.upper(),
        "a script": "javascript:alert(1)",
    }
    yield from refused(
        ADDRESSES,
        Kind.REDIRECT,
        {f"answered at {what}": ("400 request_refused", answered_at(uri)) for what, uri in nowhere.items()},
    )
