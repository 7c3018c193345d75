"""Links that anybody may write, to sign-ins and to discovery, and programs that bring a code (ECP)."""

import base64
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote, urlencode

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.messages.parties import ARTIFACT_ACS, PAOS_ACS, SP
from connectors.attacks.metadata_text import IDP
from connectors.formats.artifact import in_envelope
from connectors.wire.names import PAOS
from idp.selftest.live.live_case import Attack, LiveCase, honest, refused
from idp.selftest.live.saml import EVIL, NOTHING, SOAP, VALID, gets, key_of, login_of, tells
from idp.selftest.live.saml_parties import OTHER, PORTAL, RETURNS, TARGET, signed
from idp.selftest.live.visitor import AstrayError, BrokerAnswer, Visitor

LINKS, PROGRAMS = "live: links", "live: programs of services"
UNASKED, DISCOVERY, PROGRAM = "/saml/sso/unsolicited", "/saml/discovery", "/saml/ecp"


def follows(path: str, visitor: Visitor, **said: str) -> Attack:
    """A link that anybody may write, to the address of links of portals or to that of discovery."""
    named = {"providerId": SP, "target": TARGET} if path == UNASKED else {"entityID": SP, "return": RETURNS}
    query = urlencode({**named, **said}, quote_via=quote)
    return lambda: gets(visitor, path, query)


def returns_to(visitor: Visitor, *, stolen: bool = False, **said: str) -> Attack:
    """The way back of a discovery service, in another browser, or with somebody whom nobody offered."""
    fields = {"login": visitor.login(), "entityID": IDP, **said}
    if stolen:
        visitor.jar.clear()
    return lambda: gets(visitor, "/saml/discovered", urlencode(fields))


def chosen_elsewhere(visitor: Visitor) -> Attack:
    """Honest, and nobody's choice: a page of another site sends its visitor to one provider of the list."""
    query = urlencode({"entityID": SP, "return": RETURNS, "remember": "yes"})

    def sent() -> BrokerAnswer:
        answer = gets(visitor, f"{DISCOVERY}/at/{PORTAL}", query)
        if visitor.jar or not answer.headers.get("location", "").startswith(RETURNS):
            raise AstrayError("a choice that nobody made is kept, or leads elsewhere")
        return answer

    return sent


def link_cases() -> Iterable[LiveCase]:
    """A link chooses among what the registration takes, and a browser goes back to addresses of the registration alone."""
    unasked, asked = partial(follows, UNASKED), partial(follows, DISCOVERY)
    cut = "400 request_refused"
    yield from refused(
        LINKS,
        CaseKind.REDIRECT,
        {
            "answered elsewhere": (cut, partial(unasked, shire=f"{EVIL}/acs")),
            "answered at another address of the service": (cut, partial(unasked, shire=ARTIFACT_ACS)),
            "with a target of its own": (cut, partial(unasked, target=EVIL)),
            "for a service that takes none": (cut, partial(unasked, providerId=OTHER)),
            "for nobody": (cut, partial(unasked, providerId=EVIL)),
            "back to another site": (cut, partial(asked, **{"return": EVIL})),
            "back to the beginning of another site": (cut, partial(asked, **{"return": f"{RETURNS}.attacker.example"})),
            "back to a script": (cut, partial(asked, **{"return": "javascript:alert(1)"})),
            "back under a name with a line end": (cut, partial(asked, returnIDParam="x\r\nSet-Cookie: a")),
            "a choice for nobody": (cut, partial(asked, entityID=EVIL)),
            "a choice by an unknown policy": (cut, partial(asked, policy="urn:evil")),
            "chosen in another browser": ("409 login_cookie", partial(returns_to, stolen=True)),
            "chosen, and offered by nobody": (NOTHING, partial(returns_to, entityID=EVIL)),
        },
    )
    kept: Mapping[str, Callable[[Visitor], Attack]] = {
        "a link of a portal": unasked,
        "a wish for a choice": asked,
        "a choice from another site": chosen_elsewhere,
    }
    yield from honest(VALID, kept, releases=False)


# -- programs -------------------------------------------------------------------------------------------------------------


def coded(visitor: Visitor) -> str:
    """The code that a citizen gets in a browser, for a program of the service."""
    picker = gets(visitor, f"{PROGRAM}/begin", urlencode({"providerId": SP})).expect("the beginning of a program")
    return visitor.decides(visitor.question(login_of(picker))).expect("the approval").fields["code"]


def brings_code(
    visitor: Visitor,
    *,
    by: str = "sp",
    issuer: str = SP,
    code: str | None = None,
    before: int = 0,
    ahead: int = 0,
    **said: str | None,
) -> Attack:
    """A program with the request of a service and a code: another's, of nobody, again, late, or for another address."""
    wanted = {"Destination": None, "ProtocolBinding": PAOS, "AssertionConsumerServiceURL": PAOS_ACS, **said}
    given = base64.b64encode(f"anybody:{coded(visitor) if code is None else code}".encode()).decode()
    visitor.stage.clock.ahead = ahead

    def asked() -> BrokerAnswer:
        message = visitor.stage.parties.asks(issuer, **wanted)
        octets = in_envelope(signed(message, key_of(visitor, by)) if by else message.xml)
        return tells(visitor, PROGRAM, octets, {**SOAP, "authorization": f"Basic {given}"})

    for _ in range(before):
        asked().expect("the first")
    return asked


def program_cases() -> Iterable[LiveCase]:
    """A code is for one service, counts once and for minutes, and its answer goes to the address of programs alone."""
    yield from refused(
        PROGRAMS,
        CaseKind.MESSAGE,
        {
            "twice": ("401", partial(brings_code, before=1)),
            "a code of nobody": ("401", partial(brings_code, code="AAAA-" * 5 + "AAAA")),
            "no code": ("401", partial(brings_code, code="")),
            "after five minutes": ("401", partial(brings_code, ahead=301)),
            "by another service": ("500 protocol_binding", partial(brings_code, by="other", issuer=OTHER)),
            "by a stranger": ("500 signature", partial(brings_code, by="stranger")),
            "unsigned": ("500 signature_missing", partial(brings_code, by="")),
            "answered elsewhere": ("500 acs_url", partial(brings_code, AssertionConsumerServiceURL=f"{EVIL}/paos")),
            "of the future": ("500 request_issued", partial(brings_code, IssueInstant="2199-01-01T00:00:00Z")),
        },
    )
    yield from honest(VALID, {"a program with a code": brings_code}, releases=False)


def cases() -> Iterable[LiveCase]:
    """All of them."""
    yield from link_cases()
    yield from program_cases()
