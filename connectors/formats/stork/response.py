"""The Response of STORK and the Assertion in it (STORK D5.8 §5), both ways.

```xml
<samlp:Response ID Version="2.0" IssueInstant Destination InResponseTo [Consent]>
  <saml:Issuer> <ds:Signature> <samlp:Status> [<saml:Assertion> | <saml:EncryptedAssertion>: one where it is a success]

<saml:Assertion ID Version="2.0" IssueInstant>
  <saml:Issuer> [<ds:Signature>] <saml:Subject> … <saml:Conditions NotBefore NotOnOrAfter> … <saml:OneTimeUse>
  <saml:AuthnStatement AuthnInstant> [<saml:SubjectLocality>] <saml:AuthnContext> <saml:AuthnContextDecl/>
  <saml:AttributeStatement> <saml:Attribute>…                                         (see `values`)
```

The AuthnContext says nothing. The level is the attribute `citizenQAALevel`: a reader gives it as the context class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.formats.grammar import XSI, identifier, instant
from connectors.formats.saml import attributes_in, read_frame
from connectors.formats.saml_head import opened, read_status
from connectors.formats.saml_message import AssertionMessage, ResponseMessage
from connectors.formats.saml_response import AssertionFrame, ResponseHead, frame_element, success_element
from connectors.formats.stork.registry import CITIZEN_QAA, STORK
from connectors.formats.stork.values import StorkSaid, read_attributes, texts_of, write_attribute
from connectors.signatures.elements import child
from connectors.signatures.parse import Element
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import saml, samlp
from policies.errors import AssertionRejected

_OBTAINED = "urn:oasis:names:tc:SAML:2.0:consent:obtained"
_XS = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorkAssertion(AssertionFrame):
    """Our answer about a citizen to another country; `context_class` is "", the level stands among the attributes."""

    attributes: tuple[tuple[str, StorkSaid], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StorkAssertionMessage:
    """An Assertion of another country. `frame` has no attributes; its one authentication's context class is the QAA.

    `others` are the names of attributes that STORK does not have.
    """

    frame: AssertionMessage
    attributes: Mapping[str, StorkSaid] = field(repr=False)
    others: tuple[str, ...]


def response_element(head: ResponseHead, held: Element) -> Element:
    """A success with its one assertion, plain or encrypted, unsigned."""
    root = success_element(head, held)
    root.set("Consent", _OBTAINED)
    return root


def assertion_element(assertion: StorkAssertion) -> Element:
    """The Assertion. ValueError, without the value, for one that a peer would have to refuse.

    It must be serialised as it is: a type of a value is a prefix in that value alone.
    """
    if assertion.context_class or CITIZEN_QAA not in dict(assertion.attributes):
        raise ValueError("an assertion without its level, or with it in another place")
    root = frame_element(assertion, {"xsi": XSI, "xs": _XS, "stork": STORK})
    conditions = root.find(saml("Conditions"))
    if conditions is None:
        raise ValueError("an assertion without Conditions")
    child(conditions, saml("OneTimeUse"))
    statement = child(root, saml("AttributeStatement"))
    for uri, said in assertion.attributes:
        write_attribute(statement, uri, said)
    return root


def read_response(signed: Signed) -> tuple[ResponseMessage, tuple[Element, ...]]:
    """The Response of octets that a signature covered, and the plain assertions in it. Raises `AssertionRejected`."""
    reader, found, issuer = opened(signed.tree(), "Response", ("Consent",), ("Destination", "InResponseTo"))
    reader.optional(SIGNATURE)
    reader.refuse(samlp("Extensions"), "extensions")
    status, sub_status, _ = read_status(reader.one(samlp("Status"), "Status"))
    held = reader.many(saml("Assertion"), saml("EncryptedAssertion"))
    reader.end()
    message = ResponseMessage(
        response_id=identifier(found["ID"], "Response"),
        issue_instant=instant(found["IssueInstant"], "Response"),
        issuer=issuer,
        destination=found["Destination"],
        in_response_to=found["InResponseTo"],
        status=status,
        sub_status=sub_status,
        assertions=(),
        encrypted=sum(one.tag == saml("EncryptedAssertion") for one in held),
    )
    return message, tuple(one for one in held if one.tag == saml("Assertion"))


def read_assertion(element: Element) -> StorkAssertionMessage:
    """An Assertion that a signature covered. Raises `AssertionRejected`."""
    frame, statements = read_frame(element, declared=True)
    if len(frame.authentications) != 1:
        raise AssertionRejected("authn_statement", f"{len(frame.authentications)} AuthnStatements")
    if len(statements) != 1:
        raise AssertionRejected("attribute_statement", f"{len(statements)} AttributeStatements")
    attributes, others = read_attributes(attributes_in(statements[0]))
    levels = texts_of(attributes, CITIZEN_QAA)
    if len(levels) != 1:
        raise AssertionRejected("citizen_qaa", "an assertion without citizenQAALevel")
    authentication = replace(frame.authentications[0], context_class=levels[0].removeprefix("0"))
    return StorkAssertionMessage(replace(frame, authentications=(authentication,)), attributes, others)
