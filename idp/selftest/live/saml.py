"""Services and providers that speak SAML: requests by each binding, artifacts and landings."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.messages.drafts import MessageDraft
from connectors.attacks.messages.parties import ARTIFACT_ACS, SP
from connectors.attacks.metadata_text import IDP
from connectors.attacks.responses.parties import SECOND_IDP
from connectors.attacks.xml_signer import swap
from connectors.formats.artifact import in_envelope
from connectors.formats.grammar import written
from connectors.wire.names import ARTIFACT
from idp.selftest.live.live_case import Attack, LiveCase, honest, refused
from idp.selftest.live.saml_parties import (
    DISTANT,
    OTHER,
    PORTAL,
    asked_by,
    form_of,
    named_by_distant,
    posted,
    query_of,
    response_in,
    signed,
    simple_form,
)
from idp.selftest.live.visitor import DIRECT, BrokerAnswer, Visitor

CROSS: Mapping[str, str | None] = {"origin": "https://sp.selftest.example", "sec-fetch-site": "cross-site"}
SOAP: Mapping[str, str | None] = {**DIRECT, "content-type": "text/xml"}
REQUESTS, ARTIFACTS, FETCHED = "live: requests of services", "live: artifacts of ours", "live: artifacts of providers"
LANDINGS = "live: landings"
VALID = "live: saml as it comes"
SSO, RESOLUTION = "/saml/sso", "/saml/artifact"
NOTHING, SIGNATURE = "200", "400 signature"
EVIL = "https://attacker.example"


def posts(visitor: Visitor, path: str, fields: Mapping[str, str]) -> BrokerAnswer:
    """A form from another site."""
    return visitor.go("POST", path, fields=fields, headers=CROSS)


def gets(visitor: Visitor, path: str, query: str) -> BrokerAnswer:
    """A link from another site."""
    return visitor.go("GET", f"{path}?{query}", headers={"sec-fetch-site": "cross-site"})


def tells(visitor: Visitor, path: str, octets: bytes, headers: Mapping[str, str | None] = SOAP) -> BrokerAnswer:
    """A server's own connection: no browser and no cookie."""
    return visitor.go("POST", path, body=octets, headers=headers, jar={})


def key_of(visitor: Visitor, whose: str) -> KeyHolder:
    """The key of `sp`, of the `other` service, of `idp`, or of a `stranger`."""
    parties = visitor.stage.parties
    return {"idp": parties.idp, "other": parties.keys.node}.get(whose) or getattr(parties.keys, whose)


def by_way(visitor: Visitor, path: str, way: str, message: MessageDraft, whose: str) -> BrokerAnswer:
    """A message by Redirect, POST, POST-SimpleSign or SOAP, signed by `whose` key."""
    key = key_of(visitor, whose)
    if way == "redirect":
        return gets(visitor, path, query_of(message, key))
    if way == "soap":
        return tells(visitor, path, in_envelope(signed(message, key)))
    return posts(visitor, path, (form_of if way == "post" else simple_form)(message, key))


# -- requests of services -------------------------------------------------------------------------------------------------


def asks(way: str, visitor: Visitor, *, by: str = "sp", ahead: int = 0, **said: str | None) -> Attack:
    """A request that says something else, or is signed by another's key."""
    message = visitor.stage.parties.asks(**said)
    if ahead:
        message = message.said(IssueInstant=written(visitor.stage.clock() + ahead))
    return lambda: by_way(visitor, SSO, way, message, by)


def twice(query: str) -> str:
    """The message in it stands twice."""
    return f"{query.partition('&')[0]}&{query}"


def respelled(edit: Callable[[str], str], visitor: Visitor) -> Attack:
    """A signed query that is changed on its way."""
    query = edit(query_of(visitor.stage.parties.asks(), key_of(visitor, "sp"), state="a/b shelf"))
    return lambda: gets(visitor, SSO, query)


def reformed(visitor: Visitor, **changes: str) -> Attack:
    """A form by POST-SimpleSign of which a field is exchanged."""
    fields = {**simple_form(visitor.stage.parties.asks(), key_of(visitor, "sp")), **changes}
    return lambda: posts(visitor, SSO, fields)


def unsigned(visitor: Visitor) -> Attack:
    """A query that nobody signed."""
    return lambda: gets(visitor, SSO, query_of(visitor.stage.parties.asks(), None))


def login_of(picker: BrokerAnswer) -> str:
    """The login of a page that lists countries."""
    return picker.found("//form[@method='post']/@action")[0].split("/")[2]


def question(visitor: Visitor, way: str = "redirect", **said: str | None) -> BrokerAnswer:
    """All the way from a service to the citizen's question."""
    picker = by_way(visitor, SSO, way, visitor.stage.parties.asks(**said), "sp").expect("the service's request")
    return visitor.question(login_of(picker))


def whole(way: str, visitor: Visitor) -> Attack:
    """Honest: a whole sign-in for a service."""
    found = question(visitor, way)

    def decided() -> BrokerAnswer:
        answer = visitor.decides(found)
        response_in(answer.fields["SAMLResponse"])
        return answer

    return decided


def once_more(visitor: Visitor) -> Attack:
    """The same request again, after somebody decided: it lay in the browser's history."""
    message = visitor.stage.parties.asks()
    pages = []
    for _ in range(2):
        picker = by_way(visitor, SSO, "redirect", message, "sp").expect("the service's request")
        pages.append(visitor.question(login_of(picker)))
    visitor.decides(pages[0]).expect("the approval")
    return lambda: visitor.decides(pages[1])


def request_cases() -> Iterable[LiveCase]:
    """Each binding has each attack on who asks, and each its own on what is signed beside."""
    wrong: dict[str, tuple[str, Callable[[Visitor], Attack]]] = {}
    for way in ("redirect", "post", "simplesign"):
        wrong |= {
            f"{way}, by a stranger": (SIGNATURE, partial(asks, way, by="stranger")),
            f"{way}, by another service": (SIGNATURE, partial(asks, way, by="other")),
            f"{way}, to another address": ("400 destination", partial(asks, way, Destination=f"{EVIL}/sso")),
            f"{way}, of the future": ("400 request_issued", partial(asks, way, ahead=600)),
            f"{way}, answered elsewhere": ("400 acs_url", partial(asks, way, AssertionConsumerServiceURL=f"{EVIL}/acs")),
        }
    wrong |= {
        "redirect, unsigned": ("400 signature_missing", unsigned),
        "redirect, another relay state": (SIGNATURE, partial(respelled, swap("shelf", "evil"))),
        "redirect, spelled again": (SIGNATURE, partial(respelled, swap("%2F", "%2f"))),
        "redirect, a message twice": ("400 parameters", partial(respelled, twice)),
        "simplesign, another relay state": (SIGNATURE, partial(reformed, RelayState="evil")),
        "simplesign, an artifact beside": ("400 parameters", partial(reformed, SAMLart="AAQAAA")),
        "again after a decision": ("409 decided", once_more),
    }
    yield from refused(REQUESTS, CaseKind.REDIRECT, wrong)
    yield from honest(VALID, {f"a request by {way}": partial(whole, way) for way in ("redirect", "post", "simplesign")})


# -- artifacts ------------------------------------------------------------------------------------------------------------


def given(visitor: Visitor) -> str:
    """A whole sign-in whose answer is an artifact of ours."""
    by_artifact = {"ProtocolBinding": ARTIFACT, "AssertionConsumerServiceURL": ARTIFACT_ACS}
    return visitor.decides(question(visitor, **by_artifact)).expect("the approval").back["SAMLart"]


def resolves(
    visitor: Visitor,
    *,
    by: str = "sp",
    issuer: str = SP,
    before: int = 0,
    ahead: int = 0,
    guess: str = "",
    **said: str | None,
) -> Attack:
    """A question for our answer: after others, later, by another, for a guessed artifact, or saying something else."""
    parties = visitor.stage.parties
    text = guess or given(visitor)
    for _ in range(before):
        tells(visitor, RESOLUTION, in_envelope(signed(parties.resolves(text), key_of(visitor, "sp")))).expect("the first")
    visitor.stage.clock.ahead = ahead
    message = parties.resolves(text, issuer, **said)
    octets = message.xml if not by else signed(message, key_of(visitor, by))
    return lambda: tells(visitor, RESOLUTION, in_envelope(octets))


def artifact_cases() -> Iterable[LiveCase]:
    """One answer for the service of the sign-in, once, and within a minute: for all others there is none."""
    yield from refused(
        ARTIFACTS,
        CaseKind.MESSAGE,
        {
            "twice": (NOTHING, partial(resolves, before=1)),
            "by another service": (NOTHING, partial(resolves, by="other", issuer=OTHER)),
            "guessed": (NOTHING, partial(resolves, guess=named_by_distant())),
            "after its minute": (NOTHING, partial(resolves, ahead=61)),
            "unsigned": ("500 signature_missing", partial(resolves, by="")),
            "by a stranger": ("500 signature", partial(resolves, by="stranger")),
            "by another service in its name": ("500 signature", partial(resolves, by="other")),
            "at another address": ("500 destination", partial(resolves, Destination=f"{EVIL}/artifact")),
            "of the past": ("500 request_issued", partial(resolves, IssueInstant="2001-01-01T00:00:00Z")),
        },
    )
    yield from honest(VALID, {"an answer by artifact": partial(resolves, before=0)}, releases=False)


def brings(
    visitor: Visitor,
    *,
    stolen: bool = False,
    before: int = 0,
    text: str = "",
    to: str | None = None,
    by: str = "idp",
    carried: str = "idp",
    known: bool = True,
) -> Attack:
    """An artifact of `distant`: in another browser, again, of another spelling, for another request's answer, or forged."""
    parties, login = visitor.stage.parties, visitor.login()
    asked = asked_by(visitor.asked(login, DISTANT))
    message = parties.answers("/saml/acs/artifact", to or asked, SECOND_IDP, key_of(visitor, by)) if known else b""
    parties.fetched = lambda request_id: parties.carries(message, request_id, key_of(visitor, carried))
    query = f"SAMLart={quote(text or named_by_distant(), safe='')}&RelayState={login}"
    for _ in range(before):
        gets(visitor, "/saml/acs/artifact", query).expect("the first")
    if stolen:
        visitor.jar.clear()
    return lambda: gets(visitor, "/saml/acs/artifact", query)


def fetched_cases() -> Iterable[LiveCase]:
    """An artifact names one answer of the provider that was asked, which is judged as a posted one is."""
    yield from refused(
        FETCHED,
        CaseKind.RESPONSE,
        {
            "in another browser": ("409 login_cookie", partial(brings, stolen=True)),
            "twice": ("409 answer_fetched", partial(brings, before=1)),
            "of another provider": ("403 artifact", partial(brings, text=named_by_distant(entity=IDP))),
            "of another index": ("403 artifact_index", partial(brings, text=named_by_distant(2))),
            "guessed": ("403 artifact_unknown", partial(brings, known=False)),
            "for an answer to another request": ("403 in_response_to", partial(brings, to="_another")),
            "for an answer by a stranger": ("403 signature", partial(brings, by="stranger")),
            "in an envelope by a stranger": ("403 signature", partial(brings, carried="stranger")),
        },
    )
    yield from honest(VALID, {"an answer that is fetched": brings}, releases=False)


# -- landings -------------------------------------------------------------------------------------------------------------


def lands(
    visitor: Visitor,
    *,
    state: str = "parking",
    at: str = f"/saml/landing/{PORTAL}",
    to: str | None = None,
    by: str = "idp",
    before: int = 0,
    **said: str,
) -> Attack:
    """An answer that nobody asked for: again, elsewhere, to a request, by another's key, or saying something else."""
    message = visitor.stage.parties.answers(f"/saml/landing/{PORTAL}", to, by=key_of(visitor, by), **said)
    fields = posted(message, state)
    for _ in range(before):
        posts(visitor, at, fields).expect("the first", 303)
    return lambda: posts(visitor, at, fields)


def landing_cases() -> Iterable[LiveCase]:
    """It leads to a service's own sign-in, once, by an address of our file, and signs nobody in."""
    yield from refused(
        LANDINGS,
        CaseKind.RESPONSE,
        {
            "twice": ("409 decided", partial(lands, before=1)),
            "to an address of its own": ("400 request_refused", partial(lands, state=EVIL)),
            "without relaystate": ("400 request_refused", partial(lands, state="")),
            "to a request": ("403 in_response_to", partial(lands, to="_another")),
            "by a stranger": ("403 signature", partial(lands, by="stranger")),
            "for another service provider": ("403 audience", partial(lands, audiences="")),
            "at another address": ("403 destination", partial(lands, destination=f"{EVIL}/landing")),
            "at a provider without landings": ("404 not_found", partial(lands, at=f"/saml/landing/{DISTANT}")),
            "where logins are answered": ("409 login_cookie", partial(lands, at="/saml/acs")),
        },
    )
    yield from honest(VALID, {"an answer that nobody asked for": lands}, releases=False)


def cases() -> Iterable[LiveCase]:
    """All of them."""
    for part in (request_cases, artifact_cases, fetched_cases, landing_cases):
        yield from part()
