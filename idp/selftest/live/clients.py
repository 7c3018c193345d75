"""Services whose registration asks for what their library needs: what it lets through, and nothing beside it."""

from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import quote, urlencode

from connectors.attacks.attack_case import CaseKind
from idp.selftest.live.live_case import Attack, LiveCase, honest, refused
from idp.selftest.live.stage import APP, IN_FORM, LOOPBACK, OTHER_APP, SCHEME, WITHOUT_PKCE
from idp.selftest.live.visitor import DIRECT, AstrayError, BrokerAnswer, Visitor

FAMILY, VALID = "live: clients", "live: clients as they come"


def _code(visitor: Visitor, service: str, *, pkce: bool) -> str:
    """A whole login at a service: its code, with a challenge or without."""
    left_out = {} if pkce else {"code_challenge": None, "code_challenge_method": None}
    return visitor.code(client_id=service, **left_out)


def without_pkce(visitor: Visitor, *, challenged: bool, verified: bool) -> Attack:
    """A code of the service without PKCE: asked for with a challenge or not, redeemed with a verifier or not."""
    code = _code(visitor, WITHOUT_PKCE, pkce=challenged)
    changes = {} if verified else {"code_verifier": None}
    return lambda: visitor.redeem(code, changes, service=WITHOUT_PKCE)


def in_form(service: str, secret: str | None, visitor: Visitor) -> Attack:
    """A code redeemed with the secret in the form."""
    code = _code(visitor, service, pkce=True)
    proof = {"client_id": service, "client_secret": secret or visitor.stage.secrets[service]}
    return lambda: visitor.redeem(code, proof, service=service)


def in_both(visitor: Visitor) -> Attack:
    """RFC 6749 §2.3: one method a request."""
    code = _code(visitor, IN_FORM, pkce=True)
    proof = {"client_id": IN_FORM, "client_secret": visitor.stage.secrets[IN_FORM]}
    headers = {**DIRECT, "authorization": visitor.basic(IN_FORM)}
    return lambda: visitor.redeem(code, proof, service=IN_FORM, headers=headers)


def in_header(visitor: Visitor) -> Attack:
    """The method is the registration's, and not the request's."""
    code = _code(visitor, IN_FORM, pkce=True)
    return lambda: visitor.redeem(code, service=IN_FORM)


def cases() -> Iterable[LiveCase]:
    """All of them."""
    grant, client = "400 invalid_grant", "401 invalid_client"
    valid = {
        "a nonce in place of pkce": partial(without_pkce, challenged=False, verified=False),
        "pkce though it may do without": partial(without_pkce, challenged=True, verified=True),
        "a secret in the form": partial(in_form, IN_FORM, None),
    }
    yield from honest(VALID, valid)
    yield from refused(
        FAMILY,
        CaseKind.JWT,
        {
            "a verifier without a challenge": (grant, partial(without_pkce, challenged=False, verified=True)),
            "a challenge without a verifier": (grant, partial(without_pkce, challenged=True, verified=False)),
            "a secret in the form of a service of the header": (client, partial(in_form, "parking", None)),
            "another secret in the form": (client, partial(in_form, IN_FORM, "another")),
            "a secret in the header of a service of the form": (client, in_header),
            "a secret in both": ("400 invalid_request", in_both),
        },
    )


APPS, ADDRESSES, VALID_APPS = "live: apps", "live: addresses of apps", "live: apps in a browser and on a device"
ON_A_PORT = LOOPBACK.replace("/done", ":51004/done")
NOBODYS = "https://evil.example"
# As a browser sends it for a page's script
FETCHED: Mapping[str, str | None] = {**DIRECT, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
ALLOWED = "access-control-allow-origin"


def _redeem(
    visitor: Visitor, given: str, redirect: str, headers: Mapping[str, str | None] = DIRECT, **changes: str | None
) -> BrokerAnswer:
    return visitor.redeem(given, {"redirect_uri": redirect, "client_id": APP, **changes}, headers=headers)


def on_a_device(redirect: str, visitor: Visitor, **changes: str | None) -> Attack:
    """A code that came to this address, redeemed by an app on a device, but for `changes`."""
    code = visitor.code(client_id=APP, redirect_uri=redirect)
    return lambda: _redeem(visitor, code, redirect, DIRECT, **changes)


def in_a_page(of: str | None, headers: Mapping[str, str | None], visitor: Visitor) -> Attack:
    """A code redeemed by a page of this origin, None for the app's own, but for `headers`."""
    redirect, own = visitor.redirect_uri(APP), visitor.stage.origin_of(APP)
    code = visitor.code(client_id=APP)
    at = own if of is None else visitor.stage.origin_of(OTHER_APP) if of == OTHER_APP else of
    sent = {**FETCHED, "origin": at, **headers}

    def attack() -> BrokerAnswer:
        answer = _redeem(visitor, code, redirect, sent)
        if answer.headers.get(ALLOWED, own) != own or "access-control-allow-credentials" in answer.headers:
            raise AstrayError("a page of another origin may read the answer")
        return answer

    return attack


def reads_in_a_page(origin: str, visitor: Visitor) -> Attack:
    """The app's access token, brought by a page of this origin."""
    code = visitor.code(client_id=APP)
    token = str(_redeem(visitor, code, visitor.redirect_uri(APP)).expect("the redemption").json["access_token"])
    found = visitor.stage.origin_of(OTHER_APP) if origin == OTHER_APP else origin
    headers = {**FETCHED, "origin": found, "authorization": f"Bearer {token}"}
    return lambda: visitor.go("GET", "/userinfo", headers=headers, jar={})


def of_a_service_with_a_secret(visitor: Visitor) -> Attack:
    """A thief of its code and verifier says to be the public client."""
    code = visitor.code()
    return lambda: _redeem(visitor, code, visitor.redirect_uri())


def answered_at(redirect: str, visitor: Visitor) -> Attack:
    """A request that would be answered at another address than is registered."""
    wanted = {
        "response_type": "code",
        "client_id": APP,
        "redirect_uri": redirect,
        "scope": "openid purpose:resident-parking",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    return lambda: visitor.go("GET", f"/authorize?{urlencode(wanted, quote_via=quote)}")


def app_cases() -> Iterable[LiveCase]:
    """All of them."""
    grant, client, foreign = "400 invalid_grant", "401 invalid_client", "403 invalid_request"
    valid = {
        "in a page of its own origin": partial(in_a_page, None, {}),
        "at a loopback address": partial(on_a_device, LOOPBACK),
        "at a loopback address with a port": partial(on_a_device, ON_A_PORT),
        "at its scheme": partial(on_a_device, SCHEME),
    }
    yield from honest(VALID_APPS, valid)
    yield from refused(
        APPS,
        CaseKind.JWT,
        {
            "in a page of another app": (foreign, partial(in_a_page, OTHER_APP, {})),
            "in a page of nobody": (foreign, partial(in_a_page, NOBODYS, {})),
            "in a sandboxed page": (foreign, partial(in_a_page, "null", {})),
            "in a page that names no origin": (foreign, partial(in_a_page, None, {"origin": None})),
            "in a page of another app without fetch metadata": (
                foreign,
                partial(in_a_page, OTHER_APP, {"sec-fetch-site": None, "sec-fetch-mode": None}),
            ),
            "userinfo in a page of another app": (foreign, partial(reads_in_a_page, OTHER_APP)),
            "without a verifier": (grant, partial(on_a_device, SCHEME, code_verifier=None)),
            "with another verifier": (grant, partial(on_a_device, SCHEME, code_verifier="A" * 43)),
            "with a secret": (client, partial(on_a_device, SCHEME, client_secret=NOBODYS)),
            "as another app": (grant, partial(on_a_device, SCHEME, client_id=OTHER_APP)),
            "as a service with a secret": (client, partial(on_a_device, SCHEME, client_id="parking")),
            "the code of a service with a secret": (grant, of_a_service_with_a_secret),
            "at another port than asked": (grant, partial(on_a_device, ON_A_PORT, redirect_uri=LOOPBACK)),
        },
    )
    nowhere = {
        "localhost": LOOPBACK.replace("127.0.0.1", "localhost"),
        "another path": f"{LOOPBACK}/",
        "a port that there is not": LOOPBACK.replace("/done", ":65536/done"),
        "a user before the host": LOOPBACK.replace("/done", ":80@evil.example/done"),
        "another scheme": SCHEME.replace("app", "other"),
        "a script": "javascript:alert(1)",
    }
    yield from refused(
        ADDRESSES,
        CaseKind.REDIRECT,
        {f"answered at {what}": ("400 request_refused", partial(answered_at, uri)) for what, uri in nowhere.items()},
    )
