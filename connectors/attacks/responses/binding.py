"""For us, now, for this request, from whom we asked: answers that are signed and well-formed, and meant otherwise."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.metadata_text import NODE
from connectors.attacks.responses import parties
from connectors.attacks.responses.recipes import confirmed, each, outermost, said, sent, signed, throughout
from connectors.attacks.responses.response_draft import ResponseDraft, audience, fresh
from connectors.attacks.responses.response_judges import came
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, accepted, refused
from connectors.attacks.xml_signer import Edit, before, in_lines
from connectors.wire.names import ENTITY, PERSISTENT

RECIPIENT, UNSOLICITED, PROVIDER, TIME = "wrong recipient", "unsolicited", "another identity provider", "time"
_EVIL = "https://evil.selftest.example"
# Addresses and names that are nearly the right one
_NEARLY: dict[str, Edit] = {
    "of-somebody-else": lambda _: f"{_EVIL}/saml/acs",
    "with-a-slash-more": lambda url: f"{url}/",
    "with-a-letter-less": lambda url: url[:-1],
    "with-a-host-in-capitals": lambda url: url.replace("selftest.example", "SELFTEST.EXAMPLE"),
    "that-begins-with-it": lambda url: f"{url}.evil.selftest.example",
    "that-ends-with-it": lambda url: f"{_EVIL}/{url}",
    "that-is-empty": lambda _: "",
}
_OTHER_REQUESTS: dict[str, Edit] = {
    "another-request": lambda _: fresh("q"),
    "an-empty-request": lambda _: "",
    "a-request-with-a-blank": lambda request: f"{request} ",
}


def recipients(world: ResponseWorld) -> Iterator[AttackCase]:
    """Destination, Recipient and Audience, sign by sign: some libraries looked for the beginning (CVE-2026-1190)."""
    some = (world.response, world.assertion, world.eidas)
    for what, edit in _NEARLY.items():
        # Nobody signed what is around a signed assertion: it may be absent there, and neither empty nor another
        destination = said(destination=lambda _, answer, edit=edit: edit(answer.destination))
        recipient = confirmed(recipient=lambda _, confirmation, edit=edit: edit(confirmation.recipient))
        audiences = said(audiences=lambda setting, _, edit=edit: audience(edit(_us(setting))))
        table: Table = {"destination": {f"destination-{what}": destination}, "audience": {f"audience-{what}": audiences}}
        yield from refused(RECIPIENT, some, table)
        yield from refused(RECIPIENT, world.each, {"recipient": {f"recipient-{what}": recipient}})
    absent = {"no-destination": said(destination=None)}
    yield from refused(RECIPIENT, (world.response, world.both, world.encrypted), {"destination": absent})
    yield from refused(RECIPIENT, (world.eidas,), {"missing_attribute": absent})
    yield from refused(RECIPIENT, world.all, _NOBODY)


def unsolicited(world: ResponseWorld) -> Iterator[AttackCase]:
    """The answer to another request, or to none; what nobody signed counts for nothing (CVE-2026-49284)."""
    for what, edit in _OTHER_REQUESTS.items():
        answering = said(in_response_to=lambda _, answer, edit=edit: edit(answer.in_response_to))
        yield from refused(UNSOLICITED, (*world.each, world.both), {"in_response_to": {what: answering}})
        inside = confirmed(in_response_to=lambda _, confirmation, edit=edit: edit(confirmation.in_response_to))
        yield from refused(UNSOLICITED, world.each, {"subject_confirmation_in_response_to": {f"{what}-inside": inside}})
    none = said(in_response_to=None)
    yield from refused(UNSOLICITED, (*world.plain, world.encrypted), {"in_response_to": {"no-request-cve-2026-3047": none}})
    yield from refused(UNSOLICITED, (world.eidas,), {"missing_attribute": {"no-request": none}})
    none_inside = {"no-request-inside-cve-2026-49284": confirmed(in_response_to=None)}
    yield from refused(UNSOLICITED, world.all, {"subject_confirmation_in_response_to": none_inside})
    yield from refused(UNSOLICITED, world.plain, _AT_A_LANDING, entrance=world.entrances["landing"])


def providers(world: ResponseWorld) -> Iterator[AttackCase]:
    """One whom we trust speaks for another (CVE-2026-49283)."""
    for what, edit in {**_NEARLY, "of-the-second": _second}.items():
        outer = {f"response-{what}": _issuer(edit, inner=False)}
        yield from refused(PROVIDER, (world.response, world.assertion, world.eidas), {"issuer": outer})
        inner = {f"assertion-{what}": _issuer(edit, outer=False)}
        yield from refused(PROVIDER, (world.response, world.encrypted, world.eidas), {"issuer": inner})
    yield from refused(PROVIDER, world.all, {"issuer": {"both-of-the-second": _issuer(_second)}})

    def by_second(setting: Setting) -> Make:
        # A node's key is no shorter than the profile wants
        return throughout(holder=world.keys.stranger if setting.eidas else world.keys.second)

    def in_its_name(setting: Setting) -> bytes:
        second = _second(setting.template.assertion_issuer)
        named = replace(setting.template, issuer=second, assertion_issuer=second)
        return by_second(setting)(replace(setting, template=named))

    by_the_second: Table = {
        "signature": {
            "by-the-second-in-its-own-name-cve-2026-49283": in_its_name,
            "by-the-second-in-the-name-of-the-first": lambda setting: by_second(setting)(setting),
        }
    }
    yield from refused(PROVIDER, world.all, by_the_second)
    mixed: Table = {
        "signature": {
            "assertion-of-the-second-in-a-response-of-the-first": signed(holder=world.keys.second),
            "assertion-of-the-first-in-a-response-of-the-second": outermost(holder=world.keys.second),
        }
    }
    yield from refused(PROVIDER, (world.both, world.both_encrypted), mixed)
    yield from refused(PROVIDER, (world.response, world.both, world.encrypted, world.eidas), _UNNAMED)
    yield from refused(PROVIDER, world.each, _FORMATS)


def times(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every time of an answer, a second beyond what the profile lets pass, and times that are none."""
    yield from refused(TIME, world.all, _BEYOND)
    yield from refused(TIME, world.nodes, _WITHOUT_ENDS)
    for what, text in _SPELLED.items():
        spelled = {f"{what}-in-the-response": said(issued=text), f"{what}-in-the-authentication": said(authenticated=text)}
        yield from refused(TIME, (world.response, world.eidas), {"time": spelled})
    stale = {"authn_instant_stale": {"authenticated-before-it-was-forced": authenticated(-60 - 181)}}
    settings = (world.response, world.assertion)
    yield from refused(TIME, settings, stale, entrance=world.entrances["forced"])
    yield from refused(TIME, (world.eidas,), stale, entrance=world.entrances["eidas login"])
    old = {"authn_instant_stale": {"authenticated-before-max-age": authenticated(-60 - 600 - 181)}}
    yield from refused(TIME, settings, old, entrance=world.entrances["max age"])


def unasked(**fields: Any) -> Make:  # Any: as those of `said`
    """An answer that nobody asked for, and that says so."""
    by_nobody = partial(replace, in_response_to=None)
    return said(in_response_to=None, confirmation=lambda _, answer: by_nobody(answer.confirmation), **fields)


_AT_A_LANDING: Table = {
    "in_response_to": {"answer-to-a-request-at-a-landing": said()},
    "subject_confirmation_in_response_to": {"answer-to-a-request-inside-at-a-landing": said(in_response_to=None)},
    "audience": {"landing-for-somebody-else": unasked(audiences=audience(_EVIL))},
    "destination": {"landing-at-another-address": unasked(destination=f"{_EVIL}/saml/landing")},
    "issuer": {"landing-from-another": unasked(issuer=_EVIL)},
}


def _us(setting: Setting) -> str:
    return parties.OUR_NODE if setting.eidas else parties.SP


def restricted(xml: str) -> Make:
    """One condition more."""
    return said(audiences=lambda _, answer: answer.audiences + xml)


_RESTRICTION_END, _ONCE = "</saml:AudienceRestriction>", "<saml:OneTimeUse/>"
_AND_NOBODY = f"<saml:Audience></saml:Audience>{_RESTRICTION_END}"
_NOBODY: Table = {
    "recipient": {"no-recipient-keycloak-45652": confirmed(recipient=None)},
    "audience": {
        "no-audience": said(audiences=""),
        "audience-of-nobody": said(audiences=audience()),
        "audience-of-us-and-of-another-restriction": restricted(audience("https://evil.example")),
        "audience-of-us-and-one-that-is-empty": said(
            audiences=lambda _, answer: answer.audiences.replace(_RESTRICTION_END, _AND_NOBODY)
        ),
    },
    "unknown_element": {"used-once-twice": restricted(_ONCE * 2)},
}


def _second(entity_id: str) -> str:
    return parties.SECOND_NODE if entity_id == NODE else parties.SECOND_IDP


def _issuer(edit: Edit, *, outer: bool = True, inner: bool = True) -> Make:
    def change(_: Setting, answer: ResponseDraft) -> ResponseDraft:
        told = edit(answer.assertion_issuer)
        answer = replace(answer, issuer=told) if outer else answer
        return replace(answer, assertion_issuer=told) if inner else answer

    return said(change)


_UNNAMED: Table = {
    "signature_place": {"no-issuer": said(issuer=None)},
    "missing_element": {"two-issuers": said(issuer_after=lambda _, answer: f"<saml:Issuer>{answer.issuer}</saml:Issuer>")},
}
_FORMATS: Table = {
    "issuer_format": {"issuer-of-a-person": said(assertion_issuer_more=f' Format="{PERSISTENT}"')},
    "unknown_attribute": {"issuer-that-is-qualified": said(assertion_issuer_more=f' Format="{ENTITY}" NameQualifier="x"')},
}


def authenticated(seconds: int) -> Make:
    """Authenticated so many seconds from now."""
    return said(authenticated=lambda setting, _: setting.at(seconds))


_BEYOND: Table = {
    "response_issued": {
        "response-too-old": said(issued=lambda setting, _: setting.at(-setting.oldest - 1)),
        "response-from-the-future": said(issued=lambda setting, _: setting.at(setting.skew + 1)),
    },
    "assertion_issued": {
        "assertion-too-old": said(assertion_issued=lambda setting, _: setting.at(-setting.oldest - 1)),
        "assertion-from-the-future": said(assertion_issued=lambda setting, _: setting.at(setting.skew + 1)),
    },
    "subject_confirmation_expired": {
        "confirmation-ended": confirmed(not_on_or_after=lambda setting, _: setting.at(-setting.skew)),
        "confirmation-without-end-keycloak-45652": confirmed(not_on_or_after=None),
    },
    "conditions_not_before": {
        "conditions-that-begin-later": said(not_before=lambda setting, _: setting.at(setting.skew + 1)),
        "conditions-that-begin-when-they-end": said(not_on_or_after=lambda setting, _: setting.at(0)),
    },
    "conditions_expired": {
        "conditions-that-ended": said(
            not_before=lambda setting, _: setting.at(-setting.skew - 60),
            not_on_or_after=lambda setting, _: setting.at(-setting.skew),
        )
    },
    "authn_instant_future": {
        "authenticated-in-the-future": said(authenticated=lambda setting, _: setting.at(setting.skew + 1))
    },
    "session_expired": {"session-that-ended": said(session_until=lambda setting, _: setting.at(-setting.skew))},
}
_WITHOUT_ENDS: Table = {
    "missing_attribute": {
        "conditions-without-begin": said(not_before=None),
        "conditions-without-end": said(not_on_or_after=None),
    }
}
_SPELLED = {
    "no-zone": "2026-11-25T12:00:00",
    "no-such-day": "2026-02-30T12:00:00Z",
    "leap-second": "2026-06-30T23:59:60Z",
    "zone-of-15-hours": "2026-11-25T12:00:00+15:00",
    "digits-of-another-script": "٢٠٢٦-11-25T12:00:00Z",
    "empty": "",
}


COMING, VALID = "binding and parameters", "valid parameters"


def coming(world: ResponseWorld) -> Iterator[AttackCase]:
    """A POST with one SAMLResponse, to the address of whom the login had asked."""
    yield from refused(COMING, _settings(world), _OTHERWISE)


def valid_coming(world: ResponseWorld) -> Iterator[AttackCase]:
    """Parameters that may stand beside it."""
    yield from accepted(VALID, _settings(world), _BESIDE)


def _settings(world: ResponseWorld) -> tuple[Setting, ...]:
    """The entrances to which a case says how it came."""
    eidas = replace(world.eidas, entrance=world.entrances["eidas came"])
    return (*(replace(plain, entrance=world.entrances["came"]) for plain in world.plain), eidas)


def _text(setting: Setting) -> str:
    return base64.b64encode(setting.sent()).decode()


def _by(binding: str) -> Make:
    return lambda setting: came({"SAMLResponse": _text(setting)}, binding=binding)


def _asked(provider: str) -> Make:
    return lambda setting: came({"SAMLResponse": _text(setting)}, provider=provider)


def _under(*names: str) -> Make:
    """The message under each of these names."""
    return lambda setting: came({name: _text(setting) for name in names})


_BINDINGS = {"redirect": "redirect", "post-in-capitals": "POST", "artifact": "artifact", "no-binding": ""}
_OTHERWISE: Table = {
    "binding": each(_by, _BINDINGS),
    "parameters": {
        "no-parameter": _under("RelayState"),
        "as-a-request": _under("SAMLRequest"),
        "beside-a-request": _under("SAMLResponse", "SAMLRequest"),
        "name-in-small-letters": _under("samlresponse"),
    },
    "provider": {"asked-another": _asked("another"), "asked-nobody": _asked("")},
}
_BESIDE: Makes = {
    "alone": _under("SAMLResponse"),
    "beside-a-relay-state": _under("SAMLResponse", "RelayState"),
    "beside-what-nobody-knows": _under("SAMLResponse", "tracking"),
    "from-whom-was-asked": _asked("selftest"),
    "in-lines": lambda setting: came({"SAMLResponse": in_lines(76, "\r\n")(_text(setting))}),
}


PROXIES = "proxies"
_STRANGER = "https://stranger.selftest.example/idp"


def signed_in_by(*authorities: str) -> Make:
    """An answer that names these, in the schema's place."""
    named = "".join(f"<saml:AuthenticatingAuthority>{one}</saml:AuthenticatingAuthority>" for one in authorities)
    return sent(spelled=before("</saml:AuthnContext>", named))


def proxies(world: ResponseWorld) -> Iterator[AttackCase]:
    """The registration names one home organisation, and the question takes two proxies at the most."""
    home = parties.HOME
    table: Table = {
        "authority": {
            "nobody": sent(),
            "a-stranger": signed_in_by(_STRANGER),
            "a-stranger-beside-the-right-one": signed_in_by(home, _STRANGER),
            "with-a-slash-more": signed_in_by(f"{home}/"),
            "in-capitals": signed_in_by(home.upper()),
        },
        "authority_loop": {
            "ourselves": signed_in_by(parties.SP),
            "ourselves-behind-another": signed_in_by(home, parties.SP),
        },
        "authority_count": {"three-where-two-are-asked": signed_in_by(*[home] * 3), "one-without-a-name": signed_in_by("")},
    }
    yield from refused(PROXIES, (*world.plain, world.encrypted), table, entrance=world.entrances["proxy"])
