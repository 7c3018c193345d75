"""Statuses, versions, and everything else that a closed grammar does not know, signed by the genuine key."""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.binding import restricted
from connectors.attacks.responses.recipes import alone, also, confirmed, said, sent, spelled
from connectors.attacks.responses.response_draft import attribute
from connectors.attacks.responses.settings import Make, ResponseWorld, Setting, Table, refused
from connectors.attacks.responses.wrapping import assertion_of
from connectors.attacks.xml_signer import after, before, instead, serialised, swap, without
from connectors.eidas_checks import NO_AUTHN_CONTEXT
from connectors.formats.eidas.registry import AUTHN_FAILED, LEVEL_NOT_REACHED, REQUEST_DENIED, REQUESTER, RESPONDER
from connectors.wire.names import SUCCESS

STATUS, CLOSED = "status and version", "closed grammar"


def statuses(world: ResponseWorld) -> Iterator[AttackCase]:
    """A failure brings nobody in, whatever comes along with it; some libraries took one."""
    settings = (*world.plain, world.encrypted, world.eidas)
    accompanied = {f"{what}-with-an-assertion": said(status=status) for what, status in _FAILURES.items()}
    yield from refused(STATUS, settings, {"status_with_assertion": accompanied})
    failed = {f"{what}-alone": alone(status=status) for what, status in _FAILURES.items()}
    yield from refused(STATUS, (world.response, world.encrypted, world.eidas), {"status": failed})
    yield from refused(STATUS, settings, _STATUSES)
    yield from refused(STATUS, (world.response, world.encrypted, world.eidas), _ALONE)
    yield from refused(STATUS, (world.eidas,), _TOLD, entrance=world.entrances["eidas told"])
    versions = {f"response-of-version-{what}": said(version=version) for what, version in _VERSIONS.items()}
    versions |= {f"assertion-of-version-{what}": said(assertion_version=text) for what, text in _VERSIONS.items()}
    yield from refused(STATUS, (world.response, world.assertion, world.eidas), {"version": versions})


def closed(world: ResponseWorld) -> Iterator[AttackCase]:
    """A grammar takes what it names: an element, an attribute or a text more may lead a reader astray."""
    yield from refused(CLOSED, (world.response, world.assertion, world.eidas), _MORE)
    yield from refused(CLOSED, (world.response, world.assertion, world.encrypted), _ATTRIBUTES_OF_PROVIDERS)
    yield from refused(CLOSED, (world.response, world.both, world.encrypted, world.eidas), _RESPONSES)
    yield from refused(CLOSED, (world.assertion,), {"structure": {"assertion-before-everything": _first}})


def _code(status: str) -> str:
    return f'<samlp:StatusCode Value="{status}"/>'


def _message(text: str) -> str:
    return f"<samlp:StatusMessage>{text}</samlp:StatusMessage>"


_DETAIL = "<samlp:StatusDetail><x/></samlp:StatusDetail>"
_FAILURES = {"responder": RESPONDER, "success-in-capitals": SUCCESS.upper(), "empty": ""}
_STATUSES: Table = {
    "status_with_assertion": {"success-within-a-failure": said(status=RESPONDER, status_inside=_code(SUCCESS))},
    "status_detail": {"detail-beside-success": said(status_after=_DETAIL)},
    "unknown_element": {
        "two-codes": said(status_after=_code(RESPONDER)),
        "code-of-three-levels": said(status_inside=_code(SUCCESS).replace("/>", f">{_code(SUCCESS)}</samlp:StatusCode>")),
        "second-status": sent(framed=before("</samlp:Response>", f"<samlp:Status>{_code(RESPONDER)}</samlp:Status>")),
        "two-second-codes": said(status_inside=_code(RESPONDER) * 2),
    },
    "missing_element": {
        "no-status": sent(framed=without("samlp:Status")),
        "status-without-code": sent(framed=instead("samlp:Status", lambda _: "<samlp:Status></samlp:Status>")),
    },
    "missing_attribute": {"code-without-value": sent(framed=swap(f' Value="{SUCCESS}"', ""))},
    "unknown_attribute": {"attribute-of-the-status": sent(framed=after("<samlp:Status", ' Level="x"'))},
}
_ALONE: Table = {
    "status": {
        "citizen-who-stopped": alone(status=RESPONDER, status_inside=_code(AUTHN_FAILED)),
        "citizen-who-refused": alone(status=REQUESTER, status_inside=_code(REQUEST_DENIED), status_after=_message("m")),
        "detail-of-a-failure": alone(status=RESPONDER, status_after=_DETAIL),
    },
    "one_assertion": {"success-alone": alone(status=SUCCESS)},
}
_TOLD: Table = {
    "assurance_too_low": {
        "told-that-the-level-was-not-reached": alone(status=RESPONDER, status_after=_message(LEVEL_NOT_REACHED)),
        "told-that-no-level-was-reached": alone(status=RESPONDER, status_inside=_code(NO_AUTHN_CONTEXT)),
    },
    "authentication_failed": {
        "told-of-another-failure": alone(status=RESPONDER, status_inside=_code(AUTHN_FAILED), status_after=_message("m"))
    },
}
_VERSIONS = {"1-1": "1.1", "2": "2", "none": ""}


def _method(name: str) -> Make:
    return confirmed(method=f"urn:oasis:names:tc:SAML:2.0:cm:{name}")


def _cut(name: str) -> Make:
    """An assertion without one of its elements."""
    return sent(spelled=without(f"saml:{name}"))


def _more_of(tag: str, attribute: str) -> Make:
    """An assertion with an attribute more of the first element that begins so."""
    return spelled(tag, f"{tag.rstrip('>')} {attribute}{'>' if tag.endswith('>') else ''}")


def _first(setting: Setting) -> bytes:
    """The assertion stands where a Response has its Issuer; nobody signed the Response."""
    root = setting.tree()
    root.insert(0, assertion_of(root))
    return serialised(root)


_AUTHN_END, _DATA = "</saml:AuthnStatement>", "<saml:SubjectConfirmationData"
_FOREIGN = '<evil xmlns="urn:selftest:evil">victim</evil>'
_ADVICE = "<saml:Advice><saml:AssertionIDRef>_victim</saml:AssertionIDRef></saml:Advice>"
_DECISION = '<saml:AuthzDecisionStatement Resource="urn:x" Decision="Permit"/>'
_MORE: Table = {
    "advice": {"advice": said(advice=_ADVICE)},
    "encrypted_attribute": {"encrypted-attribute": said(statement_end="<saml:EncryptedAttribute/>")},
    "proxy_restriction": {"proxy-restriction": restricted('<saml:ProxyRestriction Count="0"/>')},
    "encrypted_id": {"encrypted-name-in-a-confirmation": spelled(_DATA, f"<saml:EncryptedID/>{_DATA}")},
    "missing_element": {"no-conditions": _cut("Conditions"), "no-subject": _cut("Subject")},
    "subject_confirmation_missing": {
        "no-confirmation": _cut("SubjectConfirmation"),
        "confirmation-by-holder-of-key": _method("holder-of-key"),
    },
    "unknown_element": {
        "decision-statement": said(assertion_end=_DECISION),
        "foreign-element-in-a-statement": said(statement_end=_FOREIGN),
        "foreign-element-behind-the-context": spelled(_AUTHN_END, f"{_FOREIGN}{_AUTHN_END}"),
        "condition-of-an-extension": restricted('<saml:Condition xsi:type="xs:string"/>'),
        "foreign-element-in-the-assertion": said(assertion_end=_FOREIGN),
        "foreign-element-in-a-confirmation": confirmed(inside=_FOREIGN),
        "foreign-element-in-the-context": said(context_inside=_FOREIGN),
        "foreign-element-in-a-condition": restricted(f"<saml:OneTimeUse>{_FOREIGN}</saml:OneTimeUse>"),
        "name-in-a-confirmation": spelled(_DATA, f"<saml:NameID>victim</saml:NameID>{_DATA}"),
    },
    "unknown_attribute": {
        "attribute-of-the-response": said(response_more=' AssertionConsumerServiceURL="x"'),
        "attribute-of-the-assertion": said(assertion_more=' Recipient="x"'),
        "attribute-of-the-authentication": said(authn_more=' Level="high"'),
        "foreign-attribute-of-a-confirmation": confirmed(more=' xmlns:e="urn:evil" e:Recipient="x"'),
        "attribute-of-a-restriction": _more_of("<saml:AudienceRestriction>", 'Level="x"'),
        "attribute-of-the-context": _more_of("<saml:AuthnContext>", 'Level="high"'),
        "attribute-of-a-statement": _more_of("<saml:AttributeStatement>", 'Level="x"'),
        "type-of-a-confirmation": confirmed(more=' xsi:type="saml:KeyInfoConfirmationDataType"'),
    },
    "text": {
        "text-in-the-response": said(issuer_after="victim"),
        "text-in-the-assertion": said(advice="victim"),
        "text-in-the-subject": said(subject_begin="victim"),
        "text-in-a-confirmation": confirmed(inside="victim"),
        "text-in-the-context": said(context_inside="victim"),
    },
}
_RESPONSES: Table = {
    "extensions": {"extensions": said(issuer_after="<samlp:Extensions/>")},
    "unknown_element": {"foreign-element-in-the-response": said(response_end=_FOREIGN)},
}


def _valued(inside: str, attributes: str = "") -> Make:
    """An attribute that nobody asked for, with a value (XML)."""
    return also(attribute("urn:selftest:x", inside, typed=attributes))


_NAME = "<saml:NameID>x</saml:NameID>"
_ATTRIBUTES_OF_PROVIDERS: Table = {
    "unknown_attribute": {
        "nil-in-a-way-of-its-own": _valued("", ' xsi:nil="maybe"'),
        "attribute-of-a-value": _valued("", ' Name="x"'),
        "attribute-of-an-attribute": also(attribute("urn:selftest:x", "x", more=' Other="x"')),
    },
    "text": {
        "nil-with-a-value": _valued("victim", ' xsi:nil="true"'),
        "elements-in-a-value": _valued(f"x{_FOREIGN}"),
        "text-beside-a-name-in-a-value": _valued(f"{_NAME}victim"),
        "element-alone-in-a-value": _valued(_FOREIGN),
    },
    "unknown_element": {
        "foreign-element-in-an-attribute": also(attribute("urn:selftest:x").replace("></", f">{_FOREIGN}</")),
        "element-behind-a-name-in-a-value": _valued(f"{_NAME}{_FOREIGN}"),
    },
    "missing_attribute": {
        "attribute-without-name": also(attribute("urn:selftest:x", "x").replace(' Name="urn:selftest:x"', ""))
    },
}
