"""Services whose registration asks for what their library needs: what it lets through, and nothing beside it."""

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from connectors.attacks.case import Kind
from idp.selftest.live.played import Attack, LiveCase, named, refused
from idp.selftest.live.stage import IN_FORM, WITHOUT_PKCE
from idp.selftest.live.visitor import DIRECT, Visitor

FAMILY, VALID = "live: clients", "live: clients as they come"


def _code(visitor: Visitor, service: str, *, pkce: bool) -> str:
    """A whole login at a service: its code, with a challenge or without."""
    left_out = {} if pkce else {"code_challenge": None, "code_challenge_method": None}
    return visitor.code(client_id=service, **left_out)


def without_pkce(*, challenged: bool, verified: bool) -> Callable[[Visitor], Attack]:
    """A code of the service without PKCE: asked for with a challenge or not, redeemed with a verifier or not."""

    def prepare(visitor: Visitor) -> Attack:
        code = _code(visitor, WITHOUT_PKCE, pkce=challenged)
        changes = {} if verified else {"code_verifier": None}
        return lambda: visitor.redeem(code, changes, service=WITHOUT_PKCE)

    return prepare


def in_form(service: str, secret: str | None = None) -> Callable[[Visitor], Attack]:
    """A code redeemed with the secret in the form."""

    def prepare(visitor: Visitor) -> Attack:
        code = _code(visitor, service, pkce=True)
        proof = {"client_id": service, "client_secret": secret or visitor.stage.secrets[service]}
        return lambda: visitor.redeem(code, proof, service=service)

    return prepare


def in_both(visitor: Visitor) -> Attack:
    """RFC 6749 §2.3: one method a request."""
    fields = {
        "grant_type": "authorization_code",
        "code": _code(visitor, IN_FORM, pkce=True),
        "redirect_uri": visitor.redirect_uri(IN_FORM),
        "code_verifier": visitor.verifier,
        "client_id": IN_FORM,
        "client_secret": visitor.stage.secrets[IN_FORM],
    }
    headers = {**DIRECT, "authorization": visitor.basic(IN_FORM)}
    return lambda: visitor.go("POST", "/token", body=urlencode(fields).encode(), headers=headers, jar={})


def in_header(visitor: Visitor) -> Attack:
    """The method is the registration's, and not the request's."""
    code = _code(visitor, IN_FORM, pkce=True)
    return lambda: visitor.redeem(code, service=IN_FORM)


def cases() -> Iterable[LiveCase]:
    """All of them."""
    grant, client = "400 invalid_grant", "401 invalid_client"
    honest = {
        "a nonce in place of pkce": without_pkce(challenged=False, verified=False),
        "pkce though it may do without": without_pkce(challenged=True, verified=True),
        "a secret in the form": in_form(IN_FORM),
    }
    yield from (LiveCase(named(VALID, what), VALID, Kind.VALID, None, case, releases=True) for what, case in honest.items())
    yield from refused(
        FAMILY,
        Kind.JWT,
        {
            "a verifier without a challenge": (grant, without_pkce(challenged=False, verified=True)),
            "a challenge without a verifier": (grant, without_pkce(challenged=True, verified=False)),
            "a secret in the form of a service of the header": (client, in_form("parking")),
            "another secret in the form": (client, in_form(IN_FORM, "another")),
            "a secret in the header of a service of the form": (client, in_header),
            "a secret in both": ("400 invalid_request", in_both),
        },
    )
