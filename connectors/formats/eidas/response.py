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
    ATTRIBUTES,
    FAILURES,
    NAME_ID_FORMATS,
    SUB_STATUSES,
    Registry,
    set_of,
)
from connectors.formats.eidas.values import EidasValue, declared, read_attributes, write_attributes
from connectors.formats.grammar import identifier, instant
from connectors.formats.saml import attributes_in, read_frame
from connectors.formats.saml_head import opened, read_status
from connectors.formats.saml_message import Authentication, Conditions, NameIdentifier, SubjectConfirmation
from connectors.formats.saml_response import MAX_NAME_ID, AssertionFrame, ResponseHead, frame_element, success_element
from connectors.formats.saml_response import failure_element as any_failure
from connectors.signatures.elements import child
from connectors.signatures.parse import Element
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import saml, samlp
from policies.errors import AssertionRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class EidasAssertion(AssertionFrame):
    """Our answer about a person to another node. Attributes are URIs with values."""

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
    """An Assertion of another node: each minimum data set in it is complete, each value is of its type.

    `attributes` has known attributes alone, by URI, each with one value or more.
    """

    assertion_id: str
    issue_instant: int
    issuer: str
    subject: NameIdentifier
    confirmations: tuple[SubjectConfirmation, ...]
    conditions: Conditions
    authentications: tuple[Authentication, ...]
    attributes: Mapping[str, tuple[EidasValue, ...]] = field(repr=False)

    @property
    def sets(self) -> frozenset[str]:
        """The minimum data sets in it, by their namespaces (`registry.NATURAL_PERSON` and its kin)."""
        return frozenset(map(set_of, self.attributes)) - {""}


# -- what we say -------------------------------------------------------------------------------------------------------


def response_element(head: ResponseHead, encrypted: Element) -> Element:
    """A success with its one EncryptedAssertion, unsigned. ValueError for a plain one."""
    if encrypted.tag != saml("EncryptedAssertion"):
        raise ValueError("an assertion that is not encrypted")
    return success_element(head, encrypted)


def failure_element(head: ResponseHead, status: str, sub_status: str, message: str) -> Element:
    """A failure, unsigned, without an assertion; `sub_status` and `message` may be empty. ValueError for unknown codes."""
    if status not in FAILURES or (sub_status and sub_status not in SUB_STATUSES):
        raise ValueError("a status that the profile does not have")
    return any_failure(head, status, sub_status, message)


def assertion_element(assertion: EidasAssertion, registry: Registry = ATTRIBUTES) -> Element:
    """The Assertion, to be encrypted. ValueError, without the value, for one that a peer would have to refuse.

    It must be serialised as it is: a type of a value is a prefix in that value alone.
    """
    if assertion.name_id_format not in NAME_ID_FORMATS:
        raise ValueError("a NameID of another format")
    root = frame_element(assertion, declared(assertion.attributes, registry))
    write_attributes(child(root, saml("AttributeStatement")), assertion.attributes, registry)
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


def read_assertion(
    signed: Signed, tolerance: Tolerance = NOTHING, registry: Registry = ATTRIBUTES
) -> EidasAssertionMessage:
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
        attributes=read_attributes(attributes_in(statements[0]), registry),
    )
