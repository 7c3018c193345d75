"""The Response between nodes and the Assertion in it (eIDAS Message Format §3.3, Attribute Profile §2), both ways.

```xml
<samlp:Response ID Version="2.0" IssueInstant Destination InResponseTo>
  <saml:Issuer> <ds:Signature> <samlp:Status> [<saml:EncryptedAssertion>: one where the status is success, else none]

<saml:Assertion ID Version="2.0" IssueInstant>                                        (what is encrypted)
  <saml:Issuer> [<ds:Signature>]
  <saml:Subject> <saml:NameID Format> <saml:SubjectConfirmation Method="…:bearer"> <… Recipient InResponseTo NotOnOrAfter>
  <saml:Conditions NotBefore NotOnOrAfter> <saml:AudienceRestriction> <saml:Audience>
  <saml:AuthnStatement AuthnInstant> … <saml:AuthnContextClassRef>
  <saml:AttributeStatement> <saml:Attribute FriendlyName Name NameFormat>…
    <saml:AttributeValue xsi:type="eidas-natural:CurrentFamilyNameType" [eidas-natural:LatinScript="false"]>…
```
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.deviations import NOTHING, Tolerance
from connectors.formats.eidas.registry import (
    FAILURES,
    MAX_NAME_ID,
    NAME_ID_FORMATS,
    NATURAL_PERSON,
    NATURAL_PREFIX,
    SUB_STATUSES,
)
from connectors.formats.eidas.values import EidasValue, read_attributes, write_attributes
from connectors.formats.grammar import XSI, identifier, instant, written
from connectors.formats.saml import attributes_in, read_frame
from connectors.formats.saml_head import opened, read_status
from connectors.formats.saml_message import Authentication, Conditions, NameIdentifier, SubjectConfirmation
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import BEARER, ENTITY, SAML, SAMLP, SUCCESS, saml, samlp
from policies.errors import AssertionRejected

# The children of a Response, and those of an Assertion, stand in this order: Issuer, Signature, ...
RESPONSE_SIGNATURE_PLACE = 1


@dataclass(frozen=True, slots=True)
class EidasAssertion:
    """Our answer about a person to another node. Times are seconds since the epoch; attributes are URIs with values."""

    assertion_id: str
    issue_instant: int
    issuer: str
    name_id: str = field(repr=False)
    name_id_format: str
    recipient: str
    in_response_to: str
    audience: str
    not_before: int
    not_on_or_after: int
    authn_instant: int
    context_class: str
    attributes: tuple[tuple[str, tuple[EidasValue, ...]], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EidasResponse:
    """A Response as it was signed. `encrypted` is the number of its EncryptedAssertions, which are not read here."""

    response_id: str
    issue_instant: int
    issuer: str
    destination: str
    in_response_to: str
    status: str
    sub_status: str
    status_message: str = field(repr=False)
    encrypted: int


@dataclass(frozen=True, slots=True)
class EidasAssertionMessage:
    """An Assertion of another node: the minimum data set is complete, each value is of its type.

    `attributes` has natural persons' attributes alone, by URI, each with one value or more.
    """

    assertion_id: str
    issue_instant: int
    issuer: str
    subject: NameIdentifier
    confirmations: tuple[SubjectConfirmation, ...]
    conditions: Conditions
    authentications: tuple[Authentication, ...]
    attributes: Mapping[str, tuple[EidasValue, ...]] = field(repr=False)


# -- what we say -------------------------------------------------------------------------------------------------------


def response_element(
    *, response_id: str, issue_instant: int, destination: str, in_response_to: str, issuer: str, encrypted: Element
) -> Element:
    """A success with its one EncryptedAssertion, unsigned. A Signature belongs at `RESPONSE_SIGNATURE_PLACE`."""
    if encrypted.tag != saml("EncryptedAssertion"):
        raise ValueError("an assertion that is not encrypted")
    root = _response(response_id, issue_instant, destination, in_response_to, issuer)
    child(child(root, samlp("Status")), samlp("StatusCode"), Value=SUCCESS)
    root.append(encrypted)
    return root


def failure_element(
    *,
    response_id: str,
    issue_instant: int,
    destination: str,
    in_response_to: str,
    issuer: str,
    status: str,
    sub_status: str,
    message: str,
) -> Element:
    """A failure, unsigned, without an assertion; `sub_status` and `message` may be empty. ValueError for unknown codes."""
    if status not in FAILURES or (sub_status and sub_status not in SUB_STATUSES):
        raise ValueError("a status that the profile does not have")
    root = _response(response_id, issue_instant, destination, in_response_to, issuer)
    element = child(root, samlp("Status"))
    top = child(element, samlp("StatusCode"), Value=status)
    if sub_status:
        child(top, samlp("StatusCode"), Value=sub_status)
    if message:
        child(element, samlp("StatusMessage"), message)
    return root


def _response(response_id: str, issue_instant: int, destination: str, in_response_to: str, issuer: str) -> Element:
    issued = {"Version": "2.0", "IssueInstant": written(issue_instant)}
    names = {"samlp": SAMLP, "saml": SAML}
    root = made(samlp("Response"), names, ID=response_id, **issued, Destination=destination, InResponseTo=in_response_to)
    child(root, saml("Issuer"), issuer, Format=ENTITY)
    return root


def assertion_element(assertion: EidasAssertion) -> Element:
    """The Assertion, to be encrypted. ValueError, without the value, for one that a peer would have to refuse.

    The prefix of the values' types is declared at the root: it must be serialised as it is, since exclusive C14N drops a
    prefix that stands in an attribute's value alone.
    """
    if not 0 < len(assertion.name_id) <= MAX_NAME_ID or assertion.name_id_format not in NAME_ID_FORMATS:
        raise ValueError("a NameID that is empty or too long, or of another format")
    begins, ends = written(assertion.not_before), written(assertion.not_on_or_after)
    issued = {"Version": "2.0", "IssueInstant": written(assertion.issue_instant)}
    names = {"saml": SAML, "xsi": XSI, NATURAL_PREFIX: NATURAL_PERSON}
    root = made(saml("Assertion"), names, ID=assertion.assertion_id, **issued)
    child(root, saml("Issuer"), assertion.issuer, Format=ENTITY)
    subject = child(root, saml("Subject"))
    child(subject, saml("NameID"), assertion.name_id, Format=assertion.name_id_format)
    bound = {"InResponseTo": assertion.in_response_to, "NotOnOrAfter": ends, "Recipient": assertion.recipient}
    child(child(subject, saml("SubjectConfirmation"), Method=BEARER), saml("SubjectConfirmationData"), **bound)
    conditions = child(root, saml("Conditions"), NotBefore=begins, NotOnOrAfter=ends)
    child(child(conditions, saml("AudienceRestriction")), saml("Audience"), assertion.audience)
    authentication = child(root, saml("AuthnStatement"), AuthnInstant=written(assertion.authn_instant))
    child(child(authentication, saml("AuthnContext")), saml("AuthnContextClassRef"), assertion.context_class)
    write_attributes(child(root, saml("AttributeStatement")), assertion.attributes)
    return root


# -- what we hear ------------------------------------------------------------------------------------------------------


def read_response(signed: Signed) -> EidasResponse:
    """The Response of octets that a signature covered. Raises `AssertionRejected`, also for a plain Assertion."""
    reader, found, issuer = opened(signed.tree(), "Response", ("Consent",), ("Destination", "InResponseTo"))
    reader.optional(SIGNATURE)
    reader.refuse(samlp("Extensions"), "extensions")
    status, sub_status, message = read_status(reader.one(samlp("Status"), "Status"))
    assertions = reader.many(saml("EncryptedAssertion"), saml("Assertion"))
    reader.end()
    if any(child.tag == saml("Assertion") for child in assertions):
        raise AssertionRejected("one_assertion", "an assertion that is not encrypted")
    return EidasResponse(
        response_id=identifier(found["ID"], "Response"),
        issue_instant=instant(found["IssueInstant"], "Response"),
        issuer=issuer,
        destination=found["Destination"],
        in_response_to=found["InResponseTo"],
        status=status,
        sub_status=sub_status,
        status_message=message,
        encrypted=len(assertions),
    )


def read_assertion(signed: Signed, tolerance: Tolerance = NOTHING) -> EidasAssertionMessage:
    """The Assertion of octets that were decrypted out of a Response that was signed. Raises `AssertionRejected`."""
    frame, statements = read_frame(signed.tree(), tolerance)
    if frame.subject is None or not 0 < len(frame.subject.value) <= MAX_NAME_ID:
        raise AssertionRejected("name_id", f"an assertion without a NameID of 1 to {MAX_NAME_ID} characters")
    if frame.subject.name_format not in NAME_ID_FORMATS:
        raise AssertionRejected("name_id_format", "a NameID of a format that the profile does not have")
    if frame.conditions.not_before is None or frame.conditions.not_on_or_after is None:
        raise AssertionRejected("missing_attribute", "Conditions without both of their times")
    if len(frame.authentications) != 1:
        raise AssertionRejected("authn_statement", f"{len(frame.authentications)} AuthnStatements")
    if len(statements) != 1:
        raise AssertionRejected("attribute_statement", f"{len(statements)} AttributeStatements")
    return EidasAssertionMessage(
        assertion_id=frame.assertion_id,
        issue_instant=frame.issue_instant,
        issuer=frame.issuer,
        subject=frame.subject,
        confirmations=frame.confirmations,
        conditions=frame.conditions,
        authentications=frame.authentications,
        attributes=read_attributes(attributes_in(statements[0])),
    )
