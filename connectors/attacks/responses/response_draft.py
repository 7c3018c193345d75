"""A response as data: every part is a field, so that a case changes exactly one. Nothing here is signed or encrypted.

Texts are XML as it goes out: whoever changes one may write what no identity provider would.
"""

import secrets
from dataclasses import dataclass, field, replace

from connectors.formats.grammar import XSI, written
from connectors.wire.names import BEARER, SAML, SAMLP, SUCCESS

XS = "http://www.w3.org/2001/XMLSchema"
NAMESPACES = f' xmlns:saml="{SAML}" xmlns:xs="{XS}" xmlns:xsi="{XSI}"'


def fresh(kind: str) -> str:
    """A new identifier (xs:ID) that nobody can know."""
    return f"_{kind}{secrets.token_hex(16)}"


def audience(*entity_ids: str) -> str:
    """An AudienceRestriction."""
    inner = "".join(f"<saml:Audience>{entity_id}</saml:Audience>" for entity_id in entity_ids)
    return f"<saml:AudienceRestriction>{inner}</saml:AudienceRestriction>"


def attributed(**values: str | None) -> str:
    """XML attributes in this order, without those that are None."""
    return "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A SubjectConfirmation; what is None is left out."""

    recipient: str | None
    in_response_to: str | None
    not_on_or_after: str | None
    not_before: str | None = None
    method: str = BEARER
    inside: str = ""
    more: str = ""  # XML attributes of its data

    def xml(self) -> str:
        """The element."""
        said = attributed(
            Recipient=self.recipient,
            InResponseTo=self.in_response_to,
            NotBefore=self.not_before,
            NotOnOrAfter=self.not_on_or_after,
        )
        data = f"<saml:SubjectConfirmationData{said}{self.more}>{self.inside}</saml:SubjectConfirmationData>"
        return f'<saml:SubjectConfirmation Method="{self.method}">{data}</saml:SubjectConfirmation>'


@dataclass(frozen=True, slots=True)
class ResponseDraft:
    """One Response with one Assertion. What is None is left out; times are xs:dateTime; `*_end` stands last where it is."""

    destination: str | None
    in_response_to: str | None
    issuer: str | None
    issued: str
    assertion_issuer: str
    assertion_issued: str
    name_id: str = field(repr=False)
    name_id_attributes: str | None
    confirmation: Confirmation
    not_before: str | None
    not_on_or_after: str | None
    audiences: str
    authenticated: str
    context: str
    attributes: tuple[str, ...] = field(repr=False)
    response_id: str = field(default_factory=lambda: fresh("r"))
    assertion_id: str = field(default_factory=lambda: fresh("a"))
    version: str = "2.0"
    assertion_version: str = "2.0"
    response_more: str = ""  # XML attributes
    assertion_more: str = ""
    issuer_more: str = ""
    assertion_issuer_more: str = ""
    issuer_after: str = ""
    status: str = SUCCESS
    status_inside: str = ""
    status_after: str = ""
    subject_begin: str = ""
    subject_end: str = ""
    advice: str = ""
    authn_more: str = ""
    session_until: str | None = None
    context_inside: str = ""
    statements: str | None = None  # in place of the AuthnStatement
    statement_end: str = ""
    assertion_end: str = ""
    response_end: str = ""
    declared: str = NAMESPACES
    response_declared: str = f' xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"'

    def assertion(self) -> str:
        """The Assertion alone: it declares every namespace that it uses."""
        name = ""
        if self.name_id_attributes is not None:
            name = f"<saml:NameID{self.name_id_attributes}>{self.name_id}</saml:NameID>"
        times = attributed(NotBefore=self.not_before, NotOnOrAfter=self.not_on_or_after)
        statements = self.authn_statement() if self.statements is None else self.statements
        return (
            f'<saml:Assertion{self.declared} ID="{self.assertion_id}" Version="{self.assertion_version}"'
            f' IssueInstant="{self.assertion_issued}"{self.assertion_more}>'
            f"<saml:Issuer{self.assertion_issuer_more}>{self.assertion_issuer}</saml:Issuer>"
            f"<saml:Subject>{self.subject_begin}{name}{self.confirmation.xml()}{self.subject_end}</saml:Subject>"
            f"<saml:Conditions{times}>{self.audiences}</saml:Conditions>{self.advice}{statements}"
            f"<saml:AttributeStatement>{''.join(self.attributes)}{self.statement_end}</saml:AttributeStatement>"
            f"{self.assertion_end}</saml:Assertion>"
        )

    def authn_statement(self, context: str = "") -> str:
        """The AuthnStatement, or another that says `context`."""
        said = attributed(AuthnInstant=self.authenticated, SessionIndex="_s", SessionNotOnOrAfter=self.session_until)
        return (
            f"<saml:AuthnStatement{said}{self.authn_more}><saml:AuthnContext>"
            f"<saml:AuthnContextClassRef>{context or self.context}</saml:AuthnContextClassRef>{self.context_inside}"
            "</saml:AuthnContext></saml:AuthnStatement>"
        )

    def response(self, body: str) -> str:
        """The Response around a body: an assertion, an encrypted one, or nothing."""
        issuer = "" if self.issuer is None else f"<saml:Issuer{self.issuer_more}>{self.issuer}</saml:Issuer>"
        said = attributed(Destination=self.destination, InResponseTo=self.in_response_to)
        return (
            f'<samlp:Response{self.response_declared} ID="{self.response_id}" Version="{self.version}"'
            f' IssueInstant="{self.issued}"{said}{self.response_more}>{issuer}{self.issuer_after}'
            f'<samlp:Status><samlp:StatusCode Value="{self.status}">{self.status_inside}</samlp:StatusCode>'
            f"{self.status_after}</samlp:Status>{body}{self.response_end}</samlp:Response>"
        )

    def again(self) -> "ResponseDraft":
        """The same with identifiers of its own."""
        return replace(self, response_id=fresh("r"), assertion_id=fresh("a"))


def clock(seconds: int) -> str:
    """Seconds since the epoch as xs:dateTime."""
    return written(seconds)


def attribute(name: str, *values: str, more: str = "", typed: str = ' xsi:type="xs:string"') -> str:
    """An Attribute under a URI; each value is XML."""
    inner = "".join(f"<saml:AttributeValue{typed}>{value}</saml:AttributeValue>" for value in values)
    uri = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
    return f'<saml:Attribute Name="{name}" NameFormat="{uri}"{more}>{inner}</saml:Attribute>'
