"""For us, now, for this request, from whom we asked: answers that are signed and well-formed, and meant otherwise."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.formats.names import ENTITY, PERSISTENT
from idp.selftest.case import Case
from idp.selftest.responses import parties
from idp.selftest.responses.answer import Answer, Confirmation, audience, fresh
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.signing import Edit

RECIPIENT, UNSOLICITED, PROVIDER, TIME = "wrong recipient", "unsolicited", "another identity provider", "time"
Change = Callable[[Setting, Answer], Answer]


def said(change: Change) -> Callable[[Setting], bytes]:
    """An answer that says something else, signed as it says it."""
    return lambda setting: setting.sent(change(setting, setting.good))


def confirmed(change: Callable[[Setting, Confirmation], Confirmation]) -> Callable[[Setting], bytes]:
    """The same, of its bearer confirmation."""
    return said(lambda setting, answer: replace(answer, confirmation=change(setting, answer.confirmation)))


def recipients(world: World) -> Iterator[Case]:
    """Destination, Recipient and Audience, sign by sign: some libraries looked for the beginning (CVE-2026-1190)."""
    for what, edit in _NEARLY.items():
        row: Row = (f"destination-{what}", "destination", _destination(edit))
        yield from refused(RECIPIENT, (world.response, world.assertion, world.eidas), row)
        yield from refused(RECIPIENT, world.each, (f"recipient-{what}", "recipient", _recipient(edit)))
    for what, edit in {**_NEARLY, "of-the-address": _address_of_broker}.items():
        row = (f"audience-{what}", "audience", _audience(edit))
        yield from refused(RECIPIENT, (world.response, world.assertion, world.eidas), row)
    absent = said(lambda _, answer: replace(answer, destination=None))
    yield from refused(RECIPIENT, (world.response, world.both, world.encrypted), ("no-destination", "destination", absent))
    yield from refused(RECIPIENT, (world.eidas,), ("no-destination", "missing_attribute", absent))
    yield from refused(RECIPIENT, world.all, *_NOBODY)


def unsolicited(world: World) -> Iterator[Case]:
    """The answer to another request, or to none; what nobody signed counts for nothing (CVE-2026-49284)."""
    for what, edit in _OTHER_REQUESTS.items():
        yield from refused(UNSOLICITED, (*world.each, world.both), (what, "in_response_to", _answering(edit)))
        row: Row = (f"{what}-inside", "subject_confirmation_in_response_to", _confirming(edit))
        yield from refused(UNSOLICITED, world.each, row)
    none = said(lambda _, answer: replace(answer, in_response_to=None))
    saml = (world.response, world.assertion, world.both, world.encrypted)
    yield from refused(UNSOLICITED, saml, ("no-request-cve-2026-3047", "in_response_to", none))
    yield from refused(UNSOLICITED, (world.eidas,), ("no-request", "missing_attribute", none))
    inside = confirmed(lambda _, confirmation: replace(confirmation, in_response_to=None))
    row = ("no-request-inside-cve-2026-49284", "subject_confirmation_in_response_to", inside)
    yield from refused(UNSOLICITED, world.all, row)


def providers(world: World) -> Iterator[Case]:
    """One whom we trust speaks for another (CVE-2026-49283)."""
    for what, edit in {**_NEARLY, "of-the-second": _second}.items():
        row: Row = (f"response-{what}", "issuer", _issuer(edit, outer=True, inner=False))
        yield from refused(PROVIDER, (world.response, world.assertion, world.eidas), row)
        row = (f"assertion-{what}", "issuer", _issuer(edit, outer=False, inner=True))
        yield from refused(PROVIDER, (world.response, world.encrypted, world.eidas), row)
    yield from refused(PROVIDER, world.all, ("both-of-the-second", "issuer", _issuer(_second, outer=True, inner=True)))
    yield from refused(PROVIDER, world.all, *_signed_by_second(world))
    mixed = replace(world.both.how, holder=world.keys.second)
    yield from refused(
        PROVIDER,
        (world.both, world.both_encrypted),
        ("assertion-of-the-second-in-a-response-of-the-first", "signature", lambda setting: setting.sent(how=mixed)),
        ("assertion-of-the-first-in-a-response-of-the-second", "signature", lambda setting: setting.outermost(mixed)),
    )
    yield from refused(PROVIDER, (world.response, world.both, world.encrypted, world.eidas), *_UNNAMED)
    yield from refused(PROVIDER, world.each, *_FORMATS)


def times(world: World) -> Iterator[Case]:
    """Every time of an answer, a second beyond what the profile lets pass, and times that are none."""
    yield from refused(TIME, world.all, *_BEYOND)
    yield from refused(TIME, (world.eidas, world.eidas_both), *_WITHOUT_ENDS)
    for what, text in _NO_TIMES.items():
        for where, change in _PLACES.items():
            yield from refused(TIME, (world.response, world.eidas), (f"{what}-{where}", "time", said(change(text))))
    stale: Row = ("authenticated-before-it-was-forced", "authn_instant_stale", _authenticated(-60 - 181))
    settings = (world.response, world.assertion)
    yield from refused(TIME, settings, stale, entrance=world.entrances.forced)
    yield from refused(TIME, (world.eidas,), stale, entrance=world.entrances.eidas_login)
    old: Row = ("authenticated-before-max-age", "authn_instant_stale", _authenticated(-60 - 600 - 181))
    yield from refused(TIME, settings, old, entrance=world.entrances.max_age)


# -- to whom ---------------------------------------------------------------------------------------------------------------


def _upper_host(url: str) -> str:
    return url.replace("selftest.example", "SELFTEST.EXAMPLE")


# Addresses and names that are nearly the right one
_NEARLY: dict[str, Edit] = {
    "of-somebody-else": lambda _: "https://evil.selftest.example/saml/acs",
    "with-a-slash-more": lambda url: f"{url}/",
    "with-a-letter-more": lambda url: f"{url}2",
    "with-a-letter-less": lambda url: url[:-1],
    "with-a-query": lambda url: f"{url}?x=1",
    "with-a-blank-behind": lambda url: f"{url} ",
    "with-a-line-before": lambda url: f"&#10;{url}",
    "with-a-host-in-capitals": _upper_host,
    "that-begins-with-it": lambda url: f"{url}.evil.selftest.example",
    "that-ends-with-it": lambda url: f"https://evil.selftest.example/{url}",
    "without-tls": lambda url: url.replace("https:", "http:"),
    "with-its-port": lambda url: url.replace(".example/", ".example:443/"),
    "that-is-empty": lambda _: "",
}


def _address_of_broker(entity_id: str) -> str:
    return entity_id.replace("/metadata", "/acs")


def _destination(edit: Edit) -> Callable[[Setting], bytes]:
    # Nobody signed what is around a signed assertion: it may be absent there, and neither empty nor another
    def change(_setting: Setting, answer: Answer) -> Answer:
        return replace(answer, destination=edit(answer.destination or ""))

    return said(change)


def _recipient(edit: Edit) -> Callable[[Setting], bytes]:
    return confirmed(lambda _, confirmation: replace(confirmation, recipient=edit(confirmation.recipient or "")))


def _audience(edit: Edit) -> Callable[[Setting], bytes]:
    def change(setting: Setting, answer: Answer) -> Answer:
        ours = parties.OUR_NODE if setting.eidas else parties.SP
        return replace(answer, audiences=audience(edit(ours)))

    return said(change)


def _restricted(xml: str, *, more: bool) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, audiences=(answer.audiences if more else "") + xml))


def _used_once_twice(_setting: Setting, answer: Answer) -> Answer:
    return replace(answer, audiences=f"<saml:OneTimeUse/>{answer.audiences}<saml:OneTimeUse/>")


def _and_an_empty_audience(_setting: Setting, answer: Answer) -> Answer:
    end = "</saml:AudienceRestriction>"
    return replace(answer, audiences=answer.audiences.replace(end, f"<saml:Audience></saml:Audience>{end}"))


_NOBODY: tuple[Row, ...] = (
    (
        "no-recipient-keycloak-45652",
        "recipient",
        confirmed(lambda _, confirmation: replace(confirmation, recipient=None)),
    ),
    ("no-audience", "audience", _restricted("", more=False)),
    ("audience-of-nobody", "audience", _restricted(audience(), more=False)),
    ("audience-of-us-and-of-another-restriction", "audience", _restricted(audience("https://evil.example"), more=True)),
    ("audience-of-us-and-one-that-is-empty", "audience", said(_and_an_empty_audience)),
    ("used-once-twice", "unknown_element", _restricted("<saml:OneTimeUse/><saml:OneTimeUse/>", more=True)),
    ("used-once-before-and-after", "unknown_element", said(_used_once_twice)),
    ("used-once-without-audience", "audience", _restricted("<saml:OneTimeUse/>", more=False)),
)

# -- to what ---------------------------------------------------------------------------------------------------------------

_OTHER_REQUESTS: dict[str, Edit] = {
    "another-request": lambda _: fresh("q"),
    "an-empty-request": lambda _: "",
    "a-request-in-capitals": lambda request: request.upper().replace("_Q", "_q"),
    "a-request-with-a-blank": lambda request: f"{request} ",
    "a-request-cut-off": lambda request: request[:-1],
    "two-requests": lambda request: f"{request} {fresh('q')}",
}


def _answering(edit: Edit) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, in_response_to=edit(answer.in_response_to or "")))


def _confirming(edit: Edit) -> Callable[[Setting], bytes]:
    return confirmed(lambda _, confirmation: replace(confirmation, in_response_to=edit(confirmation.in_response_to or "")))


# -- from whom -------------------------------------------------------------------------------------------------------------


def _second(entity_id: str) -> str:
    return parties.SECOND_NODE if entity_id == parties.NODE else parties.SECOND_IDP


def _issuer(edit: Edit, *, outer: bool, inner: bool) -> Callable[[Setting], bytes]:
    def change(_setting: Setting, answer: Answer) -> Answer:
        told = edit(answer.assertion_issuer)
        if outer:
            answer = replace(answer, issuer=told)
        return replace(answer, assertion_issuer=told) if inner else answer

    return said(change)


def _signed_by_second(world: World) -> tuple[Row, ...]:
    def by(setting: Setting, answer: Answer) -> bytes:
        # A node's key is no shorter than the profile wants
        how = replace(setting.how, holder=world.keys.stranger if setting.eidas else world.keys.second)
        return setting.sent(answer, how=how, response_how=how)

    def in_its_name(setting: Setting) -> bytes:
        answer = setting.good
        second = _second(answer.assertion_issuer)
        return by(setting, replace(answer, issuer=second, assertion_issuer=second))

    return (
        ("by-the-second-in-its-own-name-cve-2026-49283", "signature", in_its_name),
        ("by-the-second-in-the-name-of-the-first", "signature", lambda setting: by(setting, setting.good)),
    )


_UNNAMED: tuple[Row, ...] = (
    ("no-issuer", "signature_place", lambda setting: setting.sent(replace(setting.good, issuer=None))),
    (
        "two-issuers",
        "missing_element",
        said(lambda _, answer: replace(answer, issuer_after=f"<saml:Issuer>{answer.issuer}</saml:Issuer>")),
    ),
)
_FORMATS: tuple[Row, ...] = (
    (
        "issuer-of-a-person",
        "issuer_format",
        said(lambda _, answer: replace(answer, assertion_issuer_more=f' Format="{PERSISTENT}"')),
    ),
    (
        "issuer-that-is-qualified",
        "unknown_attribute",
        said(lambda _, answer: replace(answer, assertion_issuer_more=f' Format="{ENTITY}" NameQualifier="x"')),
    ),
)

# -- when ------------------------------------------------------------------------------------------------------------------


def _authenticated(seconds: int) -> Callable[[Setting], bytes]:
    return said(lambda setting, answer: replace(answer, authenticated=setting.at(seconds)))


def _ended(setting: Setting, answer: Answer) -> Answer:
    return replace(answer, not_before=setting.at(-setting.skew - 60), not_on_or_after=setting.at(-setting.skew))


_BEYOND: tuple[Row, ...] = (
    (
        "response-too-old",
        "response_issued",
        said(lambda setting, answer: replace(answer, issued=setting.at(-setting.oldest - 1))),
    ),
    (
        "response-from-the-future",
        "response_issued",
        said(lambda setting, answer: replace(answer, issued=setting.at(setting.skew + 1))),
    ),
    (
        "assertion-too-old",
        "assertion_issued",
        said(lambda setting, answer: replace(answer, assertion_issued=setting.at(-setting.oldest - 1))),
    ),
    (
        "assertion-from-the-future",
        "assertion_issued",
        said(lambda setting, answer: replace(answer, assertion_issued=setting.at(setting.skew + 1))),
    ),
    (
        "confirmation-ended",
        "subject_confirmation_expired",
        confirmed(lambda setting, confirmation: replace(confirmation, not_on_or_after=setting.at(-setting.skew))),
    ),
    (
        "confirmation-without-end-keycloak-45652",
        "subject_confirmation_expired",
        confirmed(lambda _, confirmation: replace(confirmation, not_on_or_after=None)),
    ),
    (
        "conditions-that-begin-later",
        "conditions_not_before",
        said(lambda setting, answer: replace(answer, not_before=setting.at(setting.skew + 1))),
    ),
    (
        "conditions-that-begin-when-they-end",
        "conditions_not_before",
        said(lambda setting, answer: replace(answer, not_before=setting.at(0), not_on_or_after=setting.at(0))),
    ),
    (
        "conditions-that-begin-after-they-end",
        "conditions_not_before",
        said(lambda setting, answer: replace(answer, not_before=setting.at(2), not_on_or_after=setting.at(1))),
    ),
    (
        "conditions-that-ended",
        "conditions_expired",
        said(_ended),
    ),
    (
        "authenticated-in-the-future",
        "authn_instant_future",
        said(lambda setting, answer: replace(answer, authenticated=setting.at(setting.skew + 1))),
    ),
    (
        "session-that-ended",
        "session_expired",
        said(lambda setting, answer: replace(answer, session_until=setting.at(-setting.skew))),
    ),
)
_WITHOUT_ENDS: tuple[Row, ...] = (
    ("conditions-without-begin", "missing_attribute", said(lambda _, answer: replace(answer, not_before=None))),
    ("conditions-without-end", "missing_attribute", said(lambda _, answer: replace(answer, not_on_or_after=None))),
)
_NO_TIMES = {
    "no-zone": "2026-11-25T12:00:00",
    "no-such-day": "2026-02-30T12:00:00Z",
    "no-such-hour": "2026-11-25T24:00:01Z",
    "leap-second": "2026-06-30T23:59:60Z",
    "small-z": "2026-11-25T12:00:00z",
    "zone-of-15-hours": "2026-11-25T12:00:00+15:00",
    "seconds-since-1970": "1795600000",
    "blank-behind": "2026-11-25T12:00:00Z ",
    "comma": "2026-11-25T12:00:00,5Z",
    "digits-of-another-script": "٢٠٢٦-11-25T12:00:00Z",
    "year-of-five-digits": "12026-11-25T12:00:00Z",
    "empty": "",
}


def _issued_at(text: str) -> Change:
    return lambda _, answer: replace(answer, issued=text)


def _authenticated_at(text: str) -> Change:
    return lambda _, answer: replace(answer, authenticated=text)


_PLACES: dict[str, Callable[[str], Change]] = {
    "in-the-response": _issued_at,
    "in-the-authentication": _authenticated_at,
}
