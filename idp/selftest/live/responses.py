"""Answers of a country that come again, in another browser, to another login, late, unasked or in another envelope."""

from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlencode

from connectors.attacks.attack_case import CaseKind
from idp.selftest.live.live_case import Attack, LiveCase, refused
from idp.selftest.live.stage import FIRST, SECOND
from idp.selftest.live.visitor import Visitor
from idp.web.login_cookies import STRICT

FAMILY = "live: replay"
CHOICES = ("approve", "refuse", "cancel")
LOGIN_LIFE = 15 * 60


def after(choice: str, visitor: Visitor) -> Attack:
    """Back and reload after the decision: the same octets in the same browser."""
    fields = visitor.response()
    visitor.decides(visitor.returns(fields), choice).expect(f"to {choice}")
    return lambda: visitor.returns(fields)


def after_with_kept_cookies(choice: str, visitor: Visitor) -> Attack:
    """A browser that kept the login's cookie sees the question again, and decides nothing."""
    fields = visitor.response()
    question = visitor.returns(fields)
    kept = {name: value for name, value in visitor.jar.items() if not name.startswith(STRICT)}
    visitor.decides(question, choice).expect(f"to {choice}")
    visitor.jar |= kept
    again = visitor.returns(fields).expect("the response again")
    other = "approve" if choice != "approve" else "refuse"
    return lambda: visitor.decides(again, other)


def comes(
    visitor: Visitor,
    *,
    provider: str = FIRST,
    stolen: bool = False,
    into: str | None = None,
    ahead: int = 0,
    path: str = "/saml/acs",
    dest: str = "document",
    **changes: str | None,
) -> Attack:
    """A response to a browser that never began its login (`stolen`), late, or with other fields, or without some.

    `into` is a provider that another login of the browser has asked: the response is brought to that; "" has asked nobody.
    """
    fields = visitor.response(provider=provider)
    if stolen:
        visitor.jar.clear()
    if into is not None:
        changes["RelayState"] = other = visitor.login()
        if into:
            visitor.asked(other, into)
    visitor.stage.clock.ahead = ahead
    sent = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return lambda: visitor.returns(sent, path=path, **{"sec-fetch-dest": dest})


def older_request(visitor: Visitor) -> Attack:
    """The login asked once more since: what answers the older question is late."""
    login = visitor.login()
    fields = visitor.response(login)
    visitor.asked(login)
    return lambda: visitor.returns(fields)


def repeated(name: str, visitor: Visitor) -> Attack:
    """One field twice: two readers may take one each."""
    fields = visitor.response()
    body = urlencode([*fields.items(), (name, fields[name])]).encode()
    headers = {"origin": visitor.stage.country_base, "sec-fetch-site": "cross-site"}
    return lambda: visitor.go("POST", "/saml/acs", body=body, headers=headers)


def by_get(visitor: Visitor) -> Attack:
    """A response in an address, where no response is read."""
    fields = urlencode(visitor.response())
    return lambda: visitor.go("GET", f"/saml/acs?{fields}")


def beside_a_query(visitor: Visitor) -> Attack:
    """A second response beside the posted one."""
    fields = visitor.response()
    return lambda: visitor.returns(fields, path=f"/saml/acs?{urlencode(fields)}")


def cases() -> Iterable[LiveCase]:
    """All of them; the name of the check is the first that stands in the way."""
    return refused(
        FAMILY,
        CaseKind.RESPONSE,
        {
            **{f"again after {choice}": ("409 login_cookie", partial(after, choice)) for choice in CHOICES},
            **{
                f"kept cookies after {choice}": ("409 decided", partial(after_with_kept_cookies, choice))
                for choice in CHOICES
            },
            "in another browser": ("409 login_cookie", partial(comes, stolen=True)),
            # Login CSRF
            "in another browser's login": ("403 in_response_to", partial(comes, stolen=True, into=FIRST)),
            "in another login of the same browser": ("403 in_response_to", partial(comes, into=FIRST)),
            "to an older request of the same login": ("403 in_response_to", older_request),
            "to a login that has asked nobody": ("409 not_asked", partial(comes, into="")),
            "unsolicited": ("409 login_cookie", partial(comes, stolen=True, RelayState=None)),
            "after the login's end": ("409 login_ended", partial(comes, ahead=LOGIN_LIFE)),
            "without relaystate": ("409 login_cookie", partial(comes, RelayState=None)),
            "another relaystate": ("409 login_cookie", partial(comes, RelayState="A" * 22)),
            "relaystate twice": ("400 request_refused", partial(repeated, "RelayState")),
            "response twice": ("400 request_refused", partial(repeated, "SAMLResponse")),
            "request beside the response": ("403 parameters", partial(comes, SAMLRequest="PHg+")),
            "without a response": ("403 parameters", partial(comes, SAMLResponse=None)),
            "by get": ("405 request_refused", by_get),
            "beside a query": ("400 request_refused", beside_a_query),
            "at the address of another protocol": ("400 request_refused", partial(comes, path="/eidas/acs")),
            # In a frame nobody sees what is decided
            "in a frame": ("403 request_refused", partial(comes, dest="iframe")),
        },
    )


MIXUP = "live: mix-up"


def answered_by_another(asked: str, visitor: Visitor) -> Attack:
    """The question went to one provider and is answered by another, to the letter: all but the issuer fits."""
    question = visitor.asked(visitor.login(), asked)
    other = visitor.stage.second.base if asked == FIRST else visitor.stage.country_base
    fields = visitor.answered(question, at=other)
    return lambda: visitor.returns(fields)


def asked_another_since(first: str, second: str, visitor: Visitor) -> Attack:
    """One login: the answer of the first provider comes when the second has been asked."""
    login = visitor.login()
    fields = visitor.response(login, first)
    visitor.asked(login, second)
    return lambda: visitor.returns(fields)


def mixup_cases() -> Iterable[LiveCase]:
    """Each both ways. All but the key of the signature fits."""
    found: dict[str, Callable[[Visitor], Attack]] = {}
    for one, other in ((FIRST, SECOND), (SECOND, FIRST)):
        # Two logins, one at each provider, in one browser or in two: the answer to one goes to the other
        into = partial(comes, provider=one, into=other)
        found |= {
            f"{one} was asked, {other} answers": partial(answered_by_another, one),
            f"{one} answers, {other} was asked since": partial(asked_another_since, one, other),
            f"{one} answers into a login at {other}": into,
            f"{one} answers into another browser's login at {other}": partial(into, stolen=True),
        }
    return refused(MIXUP, CaseKind.RESPONSE, {what: ("403 signature", case) for what, case in found.items()})
