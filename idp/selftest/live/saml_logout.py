"""Sessions that services and providers of SAML end, and that nobody else may.

A logout that must end nothing is looked for in the database, as a release is.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.messages.parties import SP
from connectors.attacks.metadata_text import IDP
from connectors.attacks.xml_signer import swap
from connectors.formats.artifact import in_envelope
from connectors.wire.names import SUCCESS, saml
from idp.selftest.live.live_case import Attack, LiveCase, honest, refused
from idp.selftest.live.saml import (
    CROSS,
    EVIL,
    NOTHING,
    SIGNATURE,
    SOAP,
    SSO,
    VALID,
    by_way,
    gets,
    key_of,
    login_of,
    tells,
    twice,
)
from idp.selftest.live.saml_parties import OTHER, PORTAL, asked_by, form_of, posted, query_of, response_in, signed
from idp.selftest.live.visitor import AstrayError, BrokerAnswer, Visitor

LOGOUT, UPSTREAM, ANSWERS = "live: logout by services", "live: logout by providers", "live: answers to our logout"
SLO, TOLD = "/saml/idp/logout", "/saml/logout"


def signs_in(visitor: Visitor, provider: str = "", *, ours: bool = True) -> str:
    """A session of the group, begun for the service: the name that it got of it, or that the `portal` gave (not `ours`)."""
    parties, given = visitor.stage.parties, ""
    picker = by_way(visitor, SSO, "redirect", parties.asks(), "sp").expect("the service's request")
    if provider:
        login = login_of(picker)
        answer = parties.answers("/saml/acs", asked_by(visitor.asked(login, provider)))
        given = _name_in(posted(answer)["SAMLResponse"])
        page = visitor.returns(posted(answer, login)).expect("the answer of the portal")
    else:
        page = visitor.question(login_of(picker))
    name = _name_in(visitor.decides(page).expect("the approval").fields["SAMLResponse"])
    return name if ours else given


def _name_in(text: str) -> str:
    return str(response_in(text).findtext(f".//{saml('NameID')}"))


def ends(
    visitor: Visitor,
    *,
    way: str = "redirect",
    by: str = "sp",
    issuer: str = SP,
    name: str = "",
    session: str | None = None,
    edit: Callable[[str], str] | None = None,
    headers: Mapping[str, str | None] | None = None,
    stolen: bool = False,
    **said: str | None,
) -> Attack:
    """A service's word that a session ends: another's, of another, elsewhere, late, unsigned, or changed on its way."""
    found, soap = signs_in(visitor), way == "soap"
    path = f"{SLO}/soap" if soap else SLO
    message = visitor.stage.parties.ends(name or found, path, issuer, session, **said)
    if soap:
        text = in_envelope(signed(message, key_of(visitor, by)) if by else message.xml).decode()
        return lambda: tells(visitor, path, (edit or str)(text).encode(), headers or SOAP)
    if way == "post":
        return lambda: _posted(visitor, form_of(message, key_of(visitor, by)), stolen=stolen)
    query = query_of(message, key_of(visitor, by) if by else None)
    return lambda: gets(visitor, path, (edit or str)(query))


def _posted(visitor: Visitor, fields: Mapping[str, str], *, stolen: bool) -> BrokerAnswer:
    """A cross-site form comes without the cookies of sessions, and the browser comes again by itself."""
    answer = visitor.go("POST", SLO, fields=fields, headers=CROSS, jar={})
    if stolen:
        visitor.jar = {name: value for name, value in visitor.jar.items() if "logout-asked" not in name}
    return visitor.go("GET", SLO) if answer.status == 303 else answer  # noqa: PLR2004 - RFC 9110 §15.4.4


def ends_again(visitor: Visitor) -> Attack:
    """A request that ended one session, once the citizen has signed in again: it lies in the browser's history."""
    query = query_of(visitor.stage.parties.ends(signs_in(visitor), SLO), key_of(visitor, "sp"))
    gets(visitor, SLO, query).expect("the logout")
    signs_in(visitor)
    return lambda: gets(visitor, SLO, query)


def confirms_elsewhere(visitor: Visitor) -> Attack:
    """The form that signs a citizen out of everything, posted by another site."""
    query = query_of(visitor.stage.parties.ends(signs_in(visitor), SLO), key_of(visitor, "sp"))
    return lambda: visitor.go("POST", f"{SLO}/confirm", fields={"query": query}, headers=CROSS)


_FETCHED = {**SOAP, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": EVIL}
_MUST = '<s:Header><x xmlns="urn:x" s:mustUnderstand="1"/></s:Header><s:Body>'


def logout_cases() -> Iterable[LiveCase]:
    """Nobody ends a session but the service that got its name, once, and to our own address."""
    past, future = {"IssueInstant": "2001-01-01T00:00:00Z"}, {"IssueInstant": "2199-01-01T00:00:00Z"}
    wrong: dict[str, tuple[str, Callable[[Visitor], Attack]]] = {}
    for way in ("redirect", "post", "soap"):
        told = partial(ends, way=way)
        wrong |= {
            f"{way}, by a stranger": (SIGNATURE, partial(told, by="stranger")),
            f"{way}, by another service in its name": (SIGNATURE, partial(told, by="other")),
            f"{way}, by another service": (NOTHING, partial(told, by="other", issuer=OTHER)),
            f"{way}, of another name": (NOTHING, partial(told, name="_another", session="_another")),
            f"{way}, of another session": (NOTHING, partial(told, session="_another")),
            f"{way}, to another address": ("400 destination", partial(told, Destination=f"{EVIL}/slo")),
            f"{way}, of the past": ("400 logout_issued", partial(told, **past)),
            f"{way}, of the future": ("400 logout_issued", partial(told, **future)),
            f"{way}, after its end": ("400 logout_expired", partial(told, NotOnOrAfter="2001-01-01T00:00:00Z")),
        }
    soap = partial(ends, way="soap")
    wrong |= {
        # A page asks, and what it asks ends nothing by itself
        "redirect, unsigned": (NOTHING, partial(ends, by="")),
        "redirect, another relay state": (SIGNATURE, partial(ends, edit=swap("shelf", "evil"))),
        "redirect, a message twice": ("400 parameters", partial(ends, edit=twice)),
        "soap, unsigned": ("400 signature_missing", partial(soap, by="")),
        "soap, a header that must be understood": ("400 soap", partial(soap, edit=swap("<s:Body>", _MUST))),
        "soap, two messages": ("400 soap", partial(soap, edit=swap("</s:Body>", "<x/></s:Body>"))),
        "soap, by a browser": ("403 request_refused", partial(soap, headers=_FETCHED)),
        "post, in another browser than it came": (NOTHING, partial(ends, way="post", stolen=True)),
        "again, after a new sign-in": (NOTHING, ends_again),
        "confirmed by another site": ("403 other_site", confirms_elsewhere),
    }
    yield from refused(LOGOUT, CaseKind.MESSAGE, wrong)
    yield from honest(VALID, {f"a logout by {way}": partial(ends, way=way) for way in ("redirect", "post", "soap")})


def answers(
    path: str,
    visitor: Visitor,
    *,
    by: str = "",
    stolen: bool = False,
    at: str = "",
    status: str = SUCCESS,
    **said: str | None,
) -> Attack:
    """The answer of another service, or of the provider, to which the browser was led: forged, elsewhere, a failure."""
    parties, upstream = visitor.stage.parties, path == TOLD
    if upstream:
        found = signs_in(visitor, PORTAL)
    else:
        found = signs_in(visitor)
        page = by_way(visitor, SSO, "redirect", parties.asks(OTHER), "other").expect("the other service's request")
        visitor.decides(page).expect("the approval for the other service")
    gets(visitor, SLO, query_of(parties.ends(found, SLO), key_of(visitor, "sp"))).expect("the logout", 303)
    leading = visitor.go("POST", "/logout/onward", fields={"place": "1"}).expect("the way on")
    issuer, key = (IDP, "idp") if upstream else (OTHER, "other")
    message = parties.has_ended(asked_by(leading.back), path, issuer, **said).swapped(SUCCESS, status)
    query = query_of(message, key_of(visitor, by or key))
    if stolen:
        visitor.jar.clear()

    def attack() -> BrokerAnswer:
        answer = gets(visitor, at or path, query)
        return visitor.go("GET", "/logout/services") if answer.status == 303 else answer  # noqa: PLR2004 - as above

    return attack


def believed(path: str, visitor: Visitor) -> Attack:
    """Honest: it ended, and the citizen reads so."""
    attack = answers(path, visitor)

    def read() -> BrokerAnswer:
        answer = attack()
        if "ended" not in answer.found("//li/@data-outcome"):
            raise AstrayError("an answer that says that a session ended is not believed")
        return answer

    return read


def answer_cases() -> Iterable[LiveCase]:
    """A session is said to have ended where its holder says so, to our request, in the browser that brought it."""
    wrong: dict[str, tuple[str, Callable[[Visitor], Attack]]] = {}
    for who, path in (("", SLO), ("upstream, ", TOLD)):
        here = partial(answers, path)
        wrong |= {
            f"{who}by a stranger": ("200 signature", partial(here, by="stranger")),
            f"{who}by another service in its name": ("200 signature", partial(here, by="sp")),
            f"{who}to another request": ("200 in_response_to", partial(here, InResponseTo="_another")),
            f"{who}to another address": ("200 destination", partial(here, Destination=f"{EVIL}/slo")),
            f"{who}where others answer": ("200 destination", partial(here, at=TOLD if path == SLO else SLO)),
            f"{who}of the past": ("200 logout_issued", partial(here, IssueInstant="2001-01-01T00:00:00Z")),
            f"{who}of a failure": (NOTHING, partial(here, status=f"{SUCCESS[:-7]}Responder")),
            f"{who}in another browser": (NOTHING, partial(here, stolen=True)),
        }
    yield from refused(ANSWERS, CaseKind.MESSAGE, wrong)
    kept = {"an answer to our logout": partial(believed, SLO), "an answer to our logout upstream": partial(believed, TOLD)}
    yield from honest(VALID, kept, releases=False)


def told(
    visitor: Visitor,
    *,
    way: str = "redirect",
    by: str = "idp",
    issuer: str = IDP,
    name: str = "",
    session: str = "_s",
    **said: str | None,
) -> Attack:
    """A provider's word that a session of its ended, on which one of ours rests."""
    parties, path = visitor.stage.parties, f"{TOLD}/soap" if way == "soap" else TOLD
    found = signs_in(visitor, PORTAL, ours=False)
    message = parties.ends(name or found, path, issuer, session, **said)
    if not by:
        return lambda: gets(visitor, path, query_of(message, None))
    return lambda: by_way(visitor, path, way, message, by)


def upstream_cases() -> Iterable[LiveCase]:
    """Nobody but the provider itself ends what rests on a session of its."""
    wrong: dict[str, tuple[str, Callable[[Visitor], Attack]]] = {}
    for way in ("redirect", "post", "soap"):
        here = partial(told, way=way)
        wrong |= {
            f"{way}, by a stranger": (SIGNATURE, partial(here, by="stranger")),
            f"{way}, by a service in its name": (SIGNATURE, partial(here, by="sp")),
            f"{way}, by a service": ("400 issuer", partial(here, by="sp", issuer=SP)),
            f"{way}, to another address": ("400 destination", partial(here, Destination=f"{EVIL}/slo")),
            f"{way}, of the past": ("400 logout_issued", partial(here, IssueInstant="2001-01-01T00:00:00Z")),
        }
    wrong["redirect, unsigned"] = (NOTHING, partial(told, by=""))
    yield from refused(UPSTREAM, CaseKind.MESSAGE, wrong)
    yield from honest(
        VALID, {f"a logout upstream by {way}": partial(told, way=way) for way in ("redirect", "post", "soap")}
    )
    others = {"of another name": partial(told, name="_another"), "of another session": partial(told, session="_another")}
    nothing = {f"a logout upstream {what}": case for what, case in others.items()}
    yield from honest(VALID, nothing, releases=False)


def cases() -> Iterable[LiveCase]:
    """All of them."""
    yield from logout_cases()
    yield from answer_cases()
    yield from upstream_cases()
