"""Responses and the Assertions in them, as we write them (SAML Core 2.0 §2 and §3.3.3), to services and to other nodes.

```xml
<samlp:Response ID Version="2.0" IssueInstant Destination [InResponseTo]>
  <saml:Issuer> <ds:Signature> <samlp:Status> [<saml:Assertion> | <saml:EncryptedAssertion>: one where it is a success]

<saml:Assertion ID Version="2.0" IssueInstant>
  <saml:Issuer> [<ds:Signature>]
  <saml:Subject> <saml:NameID Format> <saml:SubjectConfirmation Method="…:bearer"> <… Recipient InResponseTo NotOnOrAfter>
  <saml:Conditions NotBefore NotOnOrAfter> <saml:AudienceRestriction> <saml:Audience>
  <saml:AuthnStatement AuthnInstant [SessionIndex]> … <saml:AuthnContextClassRef> [<saml:AuthenticatingAuthority>…]
  [<saml:AttributeStatement>: whoever knows the values adds it]
```
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.formats.grammar import written
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element
from connectors.wire.names import BEARER, ENTITY, SAML, SAMLP, SUCCESS, saml, samlp

# The children of a Response, and those of an Assertion, stand in this order: Issuer, Signature, ...
RESPONSE_SIGNATURE_PLACE = 1
# SAML Core 2.0 §8.3.7 and §8.3.8, in characters
MAX_NAME_ID = 256
_ID_BYTES = 20


def message_id(key: bytes, what: str) -> str:
    """An id that the same key gives again (SAML Core 2.0 §1.3.4), a new one without a key. It begins as an NCName may."""
    found = hmac.digest(key, what.encode(), "sha256")[:_ID_BYTES] if key else secrets.token_bytes(_ID_BYTES)
    return f"_{found.hex()}"


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a Response of ours. `in_response_to` is "" of one that nobody asked for."""

    response_id: str
    issue_instant: int
    destination: str
    in_response_to: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionFrame:
    """Our word about a person without its attributes. Times are seconds since the epoch."""

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
    # "" says nothing of it: an empty AuthnContextDecl
    context_class: str
    # "" leaves them out
    name_qualifier: str = ""
    sp_name_qualifier: str = ""
    session_index: str = field(default="", repr=False)
    # Who signed the person in for us
    authorities: tuple[str, ...] = ()


def success_element(head: ResponseHead, held: Element) -> Element:
    """A success with its one assertion, plain or encrypted. A Signature belongs at `RESPONSE_SIGNATURE_PLACE`."""
    root = _response(head)
    child(child(root, samlp("Status")), samlp("StatusCode"), Value=SUCCESS)
    root.append(held)
    return root


def failure_element(head: ResponseHead, status: str, sub_status: str = "", message: str = "") -> Element:
    """A failure, unsigned, without an assertion; `sub_status` and `message` may be empty."""
    root = _response(head)
    element = child(root, samlp("Status"))
    top = child(element, samlp("StatusCode"), Value=status)
    if sub_status:
        child(top, samlp("StatusCode"), Value=sub_status)
    if message:
        child(element, samlp("StatusMessage"), message)
    return root


def _response(head: ResponseHead) -> Element:
    issued = {"Version": "2.0", "IssueInstant": written(head.issue_instant), "Destination": head.destination}
    answers = {"InResponseTo": head.in_response_to} if head.in_response_to else {}
    root = made(samlp("Response"), {"samlp": SAMLP, "saml": SAML}, ID=head.response_id, **issued, **answers)
    child(root, saml("Issuer"), head.issuer, Format=ENTITY)
    return root


def frame_element(frame: AssertionFrame, namespaces: Mapping[str, str]) -> Element:
    """The Assertion up to its AuthnStatement, unsigned. ValueError, without the value, for a NameID that is none.

    `namespaces` are declared at the root beside SAML's: exclusive C14N drops a prefix that stands in a value alone.
    """
    if not 0 < len(frame.name_id) <= MAX_NAME_ID:
        raise ValueError("a NameID that is empty or too long")
    begins, ends = written(frame.not_before), written(frame.not_on_or_after)
    issued = {"Version": "2.0", "IssueInstant": written(frame.issue_instant)}
    root = made(saml("Assertion"), {"saml": SAML, **namespaces}, ID=frame.assertion_id, **issued)
    child(root, saml("Issuer"), frame.issuer, Format=ENTITY)
    subject = child(root, saml("Subject"))
    qualifiers = {"NameQualifier": frame.name_qualifier, "SPNameQualifier": frame.sp_name_qualifier}
    given = {name: value for name, value in qualifiers.items() if value}
    child(subject, saml("NameID"), frame.name_id, Format=frame.name_id_format, **given)
    answers = {"InResponseTo": frame.in_response_to} if frame.in_response_to else {}
    bound = {**answers, "NotOnOrAfter": ends, "Recipient": frame.recipient}
    child(child(subject, saml("SubjectConfirmation"), Method=BEARER), saml("SubjectConfirmationData"), **bound)
    conditions = child(root, saml("Conditions"), NotBefore=begins, NotOnOrAfter=ends)
    child(child(conditions, saml("AudienceRestriction")), saml("Audience"), frame.audience)
    indexed = {"SessionIndex": frame.session_index} if frame.session_index else {}
    statement = child(root, saml("AuthnStatement"), AuthnInstant=written(frame.authn_instant), **indexed)
    context = child(statement, saml("AuthnContext"))
    if frame.context_class:
        child(context, saml("AuthnContextClassRef"), frame.context_class)
    else:
        child(context, saml("AuthnContextDecl"))
    for authority in frame.authorities:
        child(context, saml("AuthenticatingAuthority"), authority)
    return root
