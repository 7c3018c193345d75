"""Statuses, versions, and everything else that a closed grammar does not know, signed by the genuine key."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.eidas_checks import NO_AUTHN_CONTEXT
from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
    VERSION_MISMATCH,
)
from connectors.formats.names import SUCCESS
from idp.selftest.case import Case
from idp.selftest.responses.answer import attribute
from idp.selftest.responses.binding import Change, confirmed, said
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.signing import Edit, serialised, swap
from idp.selftest.responses.wrapping import assertion_of

STATUS, CLOSED = "status and version", "closed grammar"


def statuses(world: World) -> Iterator[Case]:
    """A failure brings nobody in, whatever comes along with it; some libraries took one."""
    settings = (world.response, world.assertion, world.both, world.encrypted, world.eidas)
    for what, status in _FAILURES.items():
        yield from refused(STATUS, settings, (f"{what}-with-an-assertion", "status_with_assertion", _status(status)))
        row: Row = (f"{what}-alone", "status", _alone(status))
        yield from refused(STATUS, (world.response, world.encrypted, world.eidas), row)
    yield from refused(STATUS, settings, *_STATUSES)
    yield from refused(STATUS, (world.response, world.encrypted, world.eidas), *_ALONE)
    yield from refused(STATUS, (world.eidas,), *_TOLD, entrance=world.entrances.eidas_told)
    for what, version in _VERSIONS.items():
        row = (f"response-of-version-{what}", "version", said(_versions(version, outer=True)))
        yield from refused(STATUS, (world.response, world.assertion, world.eidas), row)
        row = (f"assertion-of-version-{what}", "version", said(_versions(version, outer=False)))
        yield from refused(STATUS, (world.response, world.assertion, world.eidas), row)


def closed(world: World) -> Iterator[Case]:
    """What we do not name, we do not take: an element, an attribute or a text more is where a reader may be led astray."""
    settings = (world.response, world.assertion, world.eidas)
    yield from refused(CLOSED, settings, *_ELEMENTS, *_ATTRIBUTES, *_TEXTS)
    yield from refused(CLOSED, (world.response, world.assertion, world.encrypted), *_ATTRIBUTES_OF_PROVIDERS)
    yield from refused(CLOSED, (world.response, world.both, world.encrypted, world.eidas), *_RESPONSES)
    yield from refused(CLOSED, (world.assertion,), ("assertion-before-everything", "structure", _first))


# -- status ----------------------------------------------------------------------------------------------------------------


def _status(status: str, inside: str = "", after: str = "") -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, status=status, status_inside=inside, status_after=after))


def _alone(status: str, inside: str = "", after: str = "") -> Callable[[Setting], bytes]:
    """Without an assertion, and signed."""
    return lambda setting: setting.around(
        "", replace(setting.good, status=status, status_inside=inside, status_after=after)
    )


def _code(status: str) -> str:
    return f'<samlp:StatusCode Value="{status}"/>'


def _message(text: str) -> str:
    return f"<samlp:StatusMessage>{text}</samlp:StatusMessage>"


def _framed(edit: Edit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(framed=edit)


def _without_status(text: str) -> str:
    end = "</samlp:Status>"
    return text[: text.index("<samlp:Status>")] + text[text.index(end) + len(end) :]


def _second_status(text: str) -> str:
    status = f"<samlp:Status>{_code(RESPONDER)}</samlp:Status>"
    return swap("</samlp:Response>", f"{status}</samlp:Response>")(text)


def _no_code(text: str) -> str:
    begin = text.index("<samlp:Status>") + len("<samlp:Status>")
    return text[:begin] + text[text.index("</samlp:Status>") :]


_FAILURES = {
    "responder": RESPONDER,
    "requester": REQUESTER,
    "version-mismatch": VERSION_MISMATCH,
    "success-in-capitals": SUCCESS.upper(),
    "success-with-a-blank": f"{SUCCESS} ",
    "last-word-alone": "Success",
    "empty": "",
}
_STATUSES: tuple[Row, ...] = (
    ("success-within-a-failure", "status_with_assertion", _status(RESPONDER, _code(SUCCESS))),
    ("two-codes", "unknown_element", _status(SUCCESS, after=_code(RESPONDER))),
    ("detail-beside-success", "status_detail", _status(SUCCESS, after="<samlp:StatusDetail><x/></samlp:StatusDetail>")),
    (
        "code-of-three-levels",
        "unknown_element",
        _status(SUCCESS, _code(SUCCESS).replace("/>", f">{_code(SUCCESS)}</samlp:StatusCode>")),
    ),
    ("no-status", "missing_element", _framed(_without_status)),
    ("second-status", "unknown_element", _framed(_second_status)),
    ("status-without-code", "missing_element", _framed(_no_code)),
    ("code-without-value", "missing_attribute", _framed(swap(f' Value="{SUCCESS}"', ""))),
    ("two-second-codes", "unknown_element", _status(SUCCESS, _code(RESPONDER) * 2)),
    ("attribute-of-the-status", "unknown_attribute", _framed(swap("<samlp:Status>", '<samlp:Status Level="x">'))),
    ("attribute-of-a-code", "unknown_attribute", _framed(swap("<samlp:StatusCode ", '<samlp:StatusCode Level="x" '))),
)
_ALONE: tuple[Row, ...] = (
    ("citizen-who-stopped", "status", _alone(RESPONDER, _code(AUTHN_FAILED))),
    (
        "citizen-who-refused",
        "status",
        _alone(REQUESTER, _code(REQUEST_DENIED), "<samlp:StatusMessage>m</samlp:StatusMessage>"),
    ),
    ("success-alone", "one_assertion", _alone(SUCCESS)),
    ("detail-of-a-failure", "status", _alone(RESPONDER, after="<samlp:StatusDetail><x/></samlp:StatusDetail>")),
)
_TOLD: tuple[Row, ...] = (
    ("told-that-the-level-was-not-reached", "assurance_too_low", _alone(RESPONDER, after=_message(LEVEL_NOT_REACHED))),
    ("told-that-no-level-was-reached", "assurance_too_low", _alone(RESPONDER, _code(NO_AUTHN_CONTEXT))),
    ("told-of-another-failure", "authentication_failed", _alone(RESPONDER, _code(AUTHN_FAILED), _message("m"))),
)


_VERSIONS = {"1-1": "1.1", "2-1": "2.1", "2": "2", "2-0-with-a-blank": "2.0 ", "none": ""}


def _versions(version: str, *, outer: bool) -> Change:
    return lambda _, answer: replace(answer, version=version) if outer else replace(answer, assertion_version=version)


# -- closed ----------------------------------------------------------------------------------------------------------------


def _said(**texts: str) -> Callable[[Setting], bytes]:
    """An answer of which fields of text say something else."""
    return said(lambda _, answer: replace(answer, **texts))  # type: ignore[arg-type] # the names of such fields


def _inside(xml: str) -> Callable[[Setting], bytes]:
    return confirmed(lambda _, confirmation: replace(confirmation, inside=xml))


def _of_confirmation(attributes: str) -> Callable[[Setting], bytes]:
    return confirmed(lambda _, confirmation: replace(confirmation, more=attributes))


def _method(name: str) -> Callable[[Setting], bytes]:
    method = f"urn:oasis:names:tc:SAML:2.0:cm:{name}"
    return confirmed(lambda _, confirmation: replace(confirmation, method=method))


def _conditioned(xml: str) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, audiences=answer.audiences + xml))


def _cut(name: str) -> Callable[[Setting], bytes]:
    """An assertion without one of its elements."""

    def edit(text: str) -> str:
        begin, end = text.index(f"<saml:{name}"), f"</saml:{name}>"
        return text[:begin] + text[text.index(end) + len(end) :]

    return lambda setting: setting.sent(spelled=edit)


def _spelled(old: str, new: str) -> Callable[[Setting], bytes]:
    """An assertion that is spelled otherwise before it is signed."""
    return lambda setting: setting.sent(spelled=swap(old, new))


def _first(setting: Setting) -> bytes:
    """The assertion stands where a Response has its Issuer; nobody signed the Response."""
    root = setting.tree()
    root.insert(0, assertion_of(root))
    return serialised(root)


_AUTHN_END, _DATA, _DATA_END = "</saml:AuthnStatement>", "<saml:SubjectConfirmationData", "</saml:SubjectConfirmationData>"
_RESTRICTED, _CONTEXT, _STATEMENT = "<saml:AudienceRestriction>", "<saml:AuthnContext>", "<saml:AttributeStatement>"
_DECISION = '<saml:AuthzDecisionStatement Resource="urn:x" Decision="Permit"/>'
_FOREIGN = '<evil xmlns="urn:selftest:evil">victim</evil>'
_ADVICE = "<saml:Advice><saml:AssertionIDRef>_victim</saml:AssertionIDRef></saml:Advice>"
_PROXY = '<saml:ProxyRestriction Count="0"/>'
_ELEMENTS: tuple[Row, ...] = (
    ("advice", "advice", _said(advice=_ADVICE)),
    ("decision-statement", "unknown_element", _said(assertion_end=_DECISION)),
    ("statement-of-an-extension", "unknown_element", _said(assertion_end='<saml:Statement xsi:type="xs:string"/>')),
    ("foreign-element-in-the-assertion", "unknown_element", _said(assertion_end=_FOREIGN)),
    ("foreign-element-in-the-subject", "unknown_element", _said(subject_end=_FOREIGN)),
    ("second-subject", "unknown_element", _said(assertion_end="<saml:Subject/>")),
    ("second-conditions", "unknown_element", _said(assertion_end="<saml:Conditions/>")),
    ("foreign-element-in-a-confirmation", "unknown_element", _inside(_FOREIGN)),
    ("encrypted-attribute", "encrypted_attribute", _said(statement_end="<saml:EncryptedAttribute/>")),
    ("foreign-element-in-a-statement", "unknown_element", _said(statement_end=_FOREIGN)),
    ("proxy-restriction", "proxy_restriction", _conditioned(_PROXY)),
    ("condition-of-an-extension", "unknown_element", _conditioned('<saml:Condition xsi:type="xs:string"/>')),
    ("foreign-element-in-the-context", "unknown_element", _said(context_inside=_FOREIGN)),
    ("foreign-element-behind-the-context", "unknown_element", _spelled(_AUTHN_END, f"{_FOREIGN}{_AUTHN_END}")),
    ("foreign-element-in-a-condition", "unknown_element", _conditioned(f"<saml:OneTimeUse>{_FOREIGN}</saml:OneTimeUse>")),
    ("audience-in-use-once", "unknown_element", _conditioned("<saml:OneTimeUse><saml:Audience/></saml:OneTimeUse>")),
    ("encrypted-name-in-a-confirmation", "encrypted_id", _spelled(_DATA, f"<saml:EncryptedID/>{_DATA}")),
    ("name-in-a-confirmation", "unknown_element", _spelled(_DATA, f"<saml:NameID>victim</saml:NameID>{_DATA}")),
    ("second-data-of-a-confirmation", "unknown_element", _spelled(_DATA_END, f"{_DATA_END}{_DATA}/>")),
    ("no-conditions", "missing_element", _cut("Conditions")),
    ("no-subject", "missing_element", _cut("Subject")),
    ("no-confirmation", "subject_confirmation_missing", _cut("SubjectConfirmation")),
    ("confirmation-by-holder-of-key", "subject_confirmation_missing", _method("holder-of-key")),
    ("confirmation-by-sender", "subject_confirmation_missing", _method("sender-vouches")),
)
_ATTRIBUTES: tuple[Row, ...] = (
    ("attribute-of-the-response", "unknown_attribute", _said(response_more=' AssertionConsumerServiceURL="x"')),
    ("attribute-of-the-assertion", "unknown_attribute", _said(assertion_more=' Recipient="x"')),
    ("attribute-of-the-authentication", "unknown_attribute", _said(authn_more=' Level="high"')),
    ("foreign-attribute-of-a-confirmation", "unknown_attribute", _of_confirmation(' xmlns:e="urn:evil" e:Recipient="x"')),
    ("attribute-of-the-subject", "unknown_attribute", _spelled("<saml:Subject>", '<saml:Subject Level="x">')),
    ("attribute-of-a-restriction", "unknown_attribute", _spelled(_RESTRICTED, f'{_RESTRICTED[:-1]} Level="x">')),
    ("attribute-of-the-context", "unknown_attribute", _spelled(_CONTEXT, f'{_CONTEXT[:-1]} Level="high">')),
    ("attribute-of-a-statement", "unknown_attribute", _spelled(_STATEMENT, f'{_STATEMENT[:-1]} Level="x">')),
    ("type-of-a-confirmation", "unknown_attribute", _of_confirmation(' xsi:type="saml:KeyInfoConfirmationDataType"')),
)
_TEXTS: tuple[Row, ...] = (
    ("text-in-the-response", "text", _said(issuer_after="victim")),
    ("text-in-the-assertion", "text", _said(advice="victim")),
    ("text-in-the-subject", "text", _said(subject_begin="victim")),
    ("text-in-a-confirmation", "text", _inside("victim")),
    ("text-in-the-conditions", "text", _conditioned("victim")),
    ("text-in-a-condition", "text", _conditioned("<saml:OneTimeUse>victim</saml:OneTimeUse>")),
    ("text-in-the-context", "text", _said(context_inside="victim")),
    ("text-in-the-statement", "text", _said(statement_end="victim")),
    ("elements-in-the-issuer", "text", _said(assertion_issuer="https://x.example<saml:x/>")),
)
_RESPONSES: tuple[Row, ...] = (
    ("extensions", "extensions", _said(issuer_after="<samlp:Extensions/>")),
    ("foreign-element-in-the-response", "unknown_element", _said(response_end=_FOREIGN)),
    ("artifact-beside", "unknown_element", _said(response_end="<samlp:Artifact>x</samlp:Artifact>")),
)


def _valued(xml: str) -> Callable[[Setting], bytes]:
    """An attribute that nobody asked for, with a value (XML)."""
    made = attribute("urn:selftest:x", "@").replace(
        '<saml:AttributeValue xsi:type="xs:string">@</saml:AttributeValue>', xml
    )
    return said(lambda _, answer: replace(answer, attributes=(*answer.attributes, made)))


def _attributed(more: str) -> Callable[[Setting], bytes]:
    made = attribute("urn:selftest:x", "x", more=more)
    return said(lambda _, answer: replace(answer, attributes=(*answer.attributes, made)))


def _nameless(setting: Setting) -> bytes:
    made = swap(' Name="urn:selftest:x"', "")(attribute("urn:selftest:x", "x"))
    answer = setting.good
    return setting.sent(replace(answer, attributes=(*answer.attributes, made)))


def _named(xml: str) -> str:
    return f"<saml:AttributeValue>{xml}</saml:AttributeValue>"


_ATTRIBUTES_OF_PROVIDERS: tuple[Row, ...] = (
    ("nil-in-a-way-of-its-own", "unknown_attribute", _valued('<saml:AttributeValue xsi:nil="maybe"/>')),
    ("nil-with-a-value", "text", _valued('<saml:AttributeValue xsi:nil="true">victim</saml:AttributeValue>')),
    ("elements-in-a-value", "text", _valued(f"<saml:AttributeValue>x{_FOREIGN}</saml:AttributeValue>")),
    ("attribute-of-a-value", "unknown_attribute", _valued('<saml:AttributeValue Name="x"/>')),
    ("foreign-element-in-an-attribute", "unknown_element", _valued(_FOREIGN)),
    ("element-behind-a-name-in-a-value", "unknown_element", _valued(_named(f"<saml:NameID>x</saml:NameID>{_FOREIGN}"))),
    ("two-names-in-a-value", "unknown_element", _valued(_named("<saml:NameID>x</saml:NameID>" * 2))),
    ("text-beside-a-name-in-a-value", "text", _valued(_named("<saml:NameID>x</saml:NameID>victim"))),
    ("element-alone-in-a-value", "text", _valued(f"<saml:AttributeValue>{_FOREIGN}</saml:AttributeValue>")),
    ("attribute-of-an-attribute", "unknown_attribute", _attributed(' Other="x"')),
    ("attribute-without-name", "missing_attribute", _nameless),
)
