"""SAML 2.0 messages, read from octets by a closed grammar (SAML Core 2.0 §2 and §3), no cryptography.

```xml
<samlp:Response ID Version="2.0" IssueInstant [Destination] [InResponseTo] [Consent]>
  [<saml:Issuer>] [<ds:Signature>: skipped, it was verified before] <samlp:Status>
  [<saml:Assertion ID Version="2.0" IssueInstant>
     <saml:Issuer> [<ds:Signature>] <saml:Subject> <saml:Conditions> <saml:AuthnStatement> [<saml:AttributeStatement>…]]
```

Refused by name: EncryptedAssertion where no key of ours opens one, EncryptedID, EncryptedAttribute, Advice, Extensions.
Everything else that we do not name is refused as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.formats.grammar import MAX_ID, XSI_NIL, XSI_TYPE, Reader, identifier, instant, plain, version_2
from connectors.formats.names import ENTITY, SUCCESS, UNSPECIFIED, X500, saml, samlp
from connectors.signatures.parse import MAX_OCTETS, Element, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.signed import Signed
from policies.errors import AssertionRejected


@dataclass(frozen=True, slots=True)
class NameIdentifier:
    """A NameID (§2.2.3). `name_format` is `unspecified` where the message has none."""

    value: str = field(repr=False)
    name_format: str
    name_qualifier: str
    sp_name_qualifier: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A SubjectConfirmation (§2.4.1.1). Times are seconds since the epoch; what is absent is None or empty."""

    method: str
    recipient: str
    in_response_to: str
    not_before: int | None
    not_on_or_after: int | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions (§2.5). Each restriction's audiences are a tuple of their own: all restrictions hold together."""

    not_before: int | None
    not_on_or_after: int | None
    audiences: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Authentication:
    """An AuthnStatement (§2.7.2)."""

    instant: int
    session_not_on_or_after: int | None
    context_class: str


@dataclass(frozen=True, slots=True)
class WireAttribute:
    """An Attribute (§2.7.3.1) as it stood. A value that is nil is left out; FriendlyName is not read."""

    name: str
    name_format: str
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssertionMessage:
    """An Assertion (§2.3.3), read from signed octets alone."""

    assertion_id: str
    issue_instant: int
    issuer: str
    subject: NameIdentifier | None
    confirmations: tuple[Confirmation, ...]
    conditions: Conditions
    authentications: tuple[Authentication, ...]
    attributes: tuple[WireAttribute, ...]


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """A Response (§3.3.3). `issuer`, `destination` and `in_response_to` are empty where the message has none."""

    response_id: str
    issue_instant: int
    issuer: str
    destination: str
    in_response_to: str
    status: str
    sub_status: str
    assertions: tuple[AssertionMessage, ...]
    encrypted: int = 0  # how many EncryptedAssertions stand in it, where they are taken at all


def read_signed_response(signed: Signed, *, encrypted: bool = False) -> ResponseMessage:
    """The Response of octets that a signature covered; EncryptedAssertions if `encrypted`. Raises `AssertionRejected`."""
    return _response(parse_canonical(signed.octets), encrypted=encrypted)


def read_signed_assertion(signed: Signed) -> AssertionMessage:
    """The Assertion of octets that a signature covered. Raises `AssertionRejected`."""
    return _assertion(parse_canonical(signed.octets))


def read_unverified_response(octets: bytes) -> ResponseMessage:
    """A Response that nobody vouches for: to be held against what we expect, and believed in nothing."""
    return _response(parse_canonical(octets))


def _response(element: Element, *, encrypted: bool = False) -> ResponseMessage:
    if element.tag != samlp("Response"):
        raise AssertionRejected("root", "a message that is no Response")
    reader = Reader(element, "Response")
    found = reader.only(("ID", "Version", "IssueInstant"), ("Destination", "InResponseTo", "Consent"))
    version_2(found["Version"], "Response")
    issuer = reader.optional(saml("Issuer"))
    reader.optional(SIGNATURE)
    reader.refuse(samlp("Extensions"), "extensions")
    status, sub_status, _ = read_status(reader.one(samlp("Status"), "Status"))
    held = reader.many(saml("Assertion"), saml("EncryptedAssertion"))
    if not encrypted and any(child.tag == saml("EncryptedAssertion") for child in held):
        raise AssertionRejected("encrypted_assertion", "an encrypted assertion, where none is taken")
    assertions = tuple(_assertion(child) for child in held if child.tag == saml("Assertion"))
    reader.end()
    return ResponseMessage(
        response_id=identifier(found["ID"], "Response"),
        issue_instant=instant(found["IssueInstant"], "Response"),
        issuer="" if issuer is None else read_issuer(issuer),
        destination=found.get("Destination", ""),
        in_response_to=found.get("InResponseTo", ""),
        status=status,
        sub_status=sub_status,
        assertions=assertions,
        encrypted=len(held) - len(assertions),
    )


def read_status(element: Element) -> tuple[str, str, str]:
    """Top and second-level StatusCode, and StatusMessage (§3.2.2); "" where there is none. The message is shown to nobody.

    StatusDetail may hold any XML at all: it is skipped in a failure, and refused beside a success, where it can only hide.
    """
    reader = Reader(element, "Status")
    reader.only(())
    top = Reader(reader.one(samlp("StatusCode"), "StatusCode"), "StatusCode")
    value = top.only(("Value",))["Value"]
    second = top.optional(samlp("StatusCode"))
    top.end()
    message = reader.optional(samlp("StatusMessage"))
    detail = reader.optional(samlp("StatusDetail"))
    if detail is not None and value == SUCCESS:
        raise AssertionRejected("status_detail", "a StatusDetail beside success")
    reader.end()
    if second is None:
        sub_status = ""
    else:
        deeper = Reader(second, "second StatusCode")
        sub_status = deeper.only(("Value",))["Value"]
        deeper.end()
    return value, sub_status, "" if message is None else plain(message, "StatusMessage", MAX_OCTETS)


def read_issuer(element: Element) -> str:
    """An Issuer (§2.2.5) of any message: an entity's name and nothing that would qualify it."""
    reader = Reader(element, "Issuer")
    if reader.only((), ("Format",)).get("Format", ENTITY) != ENTITY:
        raise AssertionRejected("issuer_format", "an Issuer of a format other than entity")
    return reader.text(MAX_ID)


def _assertion(element: Element) -> AssertionMessage:
    assertion, statements = read_frame(element)
    return replace(
        assertion, attributes=tuple(_attribute(child) for statement in statements for child in attributes_in(statement))
    )


def read_frame(element: Element) -> tuple[AssertionMessage, list[Element]]:
    """An Assertion without its attributes, and its AttributeStatements as they stand: profiles differ in their values.

    Raises `AssertionRejected`.
    """
    if element.tag != saml("Assertion"):
        raise AssertionRejected("root", "a message that is no Assertion")
    reader = Reader(element, "Assertion")
    found = reader.only(("ID", "Version", "IssueInstant"))
    version_2(found["Version"], "Assertion")
    issuer = read_issuer(reader.one(saml("Issuer"), "Issuer"))
    reader.optional(SIGNATURE)
    subject, confirmations = _subject(reader.one(saml("Subject"), "Subject"))
    conditions = _conditions(reader.one(saml("Conditions"), "Conditions"))
    reader.refuse(saml("Advice"), "advice")
    authentications: list[Authentication] = []
    statements: list[Element] = []
    for statement in reader.many(saml("AuthnStatement"), saml("AttributeStatement")):
        if statement.tag == saml("AuthnStatement"):
            authentications.append(_authentication(statement))
        else:
            statements.append(statement)
    reader.end()
    assertion = AssertionMessage(
        assertion_id=identifier(found["ID"], "Assertion"),
        issue_instant=instant(found["IssueInstant"], "Assertion"),
        issuer=issuer,
        subject=subject,
        confirmations=confirmations,
        conditions=conditions,
        authentications=tuple(authentications),
        attributes=(),
    )
    return assertion, statements


def _subject(element: Element) -> tuple[NameIdentifier | None, tuple[Confirmation, ...]]:
    reader = Reader(element, "Subject")
    reader.only(())
    reader.refuse(saml("EncryptedID"), "encrypted_id")
    name = reader.optional(saml("NameID"))
    confirmations = tuple(_confirmation(child) for child in reader.many(saml("SubjectConfirmation")))
    reader.end()
    return (None if name is None else _name(name)), confirmations


def _name(element: Element) -> NameIdentifier:
    reader = Reader(element, "NameID")
    found = reader.only((), ("Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"))
    return NameIdentifier(
        value=reader.text(),
        name_format=found.get("Format", UNSPECIFIED),
        name_qualifier=found.get("NameQualifier", ""),
        sp_name_qualifier=found.get("SPNameQualifier", ""),
    )


def _confirmation(element: Element) -> Confirmation:
    reader = Reader(element, "SubjectConfirmation")
    method = reader.only(("Method",))["Method"]
    reader.refuse(saml("EncryptedID"), "encrypted_id")
    data = reader.optional(saml("SubjectConfirmationData"))
    reader.end()
    found: dict[str, str] = {}
    if data is not None:
        inner = Reader(data, "SubjectConfirmationData")
        found = inner.only((), ("Recipient", "InResponseTo", "NotBefore", "NotOnOrAfter", "Address"))
        inner.end()
    return Confirmation(
        method=method,
        recipient=found.get("Recipient", ""),
        in_response_to=found.get("InResponseTo", ""),
        not_before=_optional_instant(found, "NotBefore", "SubjectConfirmationData"),
        not_on_or_after=_optional_instant(found, "NotOnOrAfter", "SubjectConfirmationData"),
    )


def _conditions(element: Element) -> Conditions:
    reader = Reader(element, "Conditions")
    found = reader.only((), ("NotBefore", "NotOnOrAfter"))
    audiences: list[tuple[str, ...]] = []
    for condition in reader.many(saml("AudienceRestriction"), saml("OneTimeUse"), saml("ProxyRestriction")):
        if condition.tag == saml("ProxyRestriction"):
            # We answer others on its basis: that is what a ProxyRestriction restricts, and none of our tokens can carry it.
            raise AssertionRejected("proxy_restriction", "an assertion that restricts its passing on")
        inner = Reader(condition, "a condition")
        inner.only(())
        if condition.tag == saml("AudienceRestriction"):
            found_audiences = inner.many(saml("Audience"))
            audiences.append(tuple(plain(child, "Audience") for child in found_audiences))
        inner.end()
    reader.end()
    return Conditions(
        not_before=_optional_instant(found, "NotBefore", "Conditions"),
        not_on_or_after=_optional_instant(found, "NotOnOrAfter", "Conditions"),
        audiences=tuple(audiences),
    )


def _authentication(element: Element) -> Authentication:
    reader = Reader(element, "AuthnStatement")
    found = reader.only(("AuthnInstant",), ("SessionIndex", "SessionNotOnOrAfter"))
    if (locality := reader.optional(saml("SubjectLocality"))) is not None:
        inner = Reader(locality, "SubjectLocality")
        inner.only((), ("Address", "DNSName"))
        inner.end()
    context = Reader(reader.one(saml("AuthnContext"), "AuthnContext"), "AuthnContext")
    reader.end()
    context.only(())
    context_class = plain(context.one(saml("AuthnContextClassRef"), "AuthnContextClassRef"), "AuthnContextClassRef")
    for authority in context.many(saml("AuthenticatingAuthority")):
        plain(authority, "AuthenticatingAuthority")
    context.end()
    return Authentication(
        instant=instant(found["AuthnInstant"], "AuthnStatement"),
        session_not_on_or_after=_optional_instant(found, "SessionNotOnOrAfter", "AuthnStatement"),
        context_class=context_class,
    )


def attributes_in(statement: Element) -> list[Element]:
    """The Attributes of an AttributeStatement (§2.7.3), each to be read by whoever knows their values."""
    reader = Reader(statement, "AttributeStatement")
    reader.only(())
    found = reader.many(saml("Attribute"), saml("EncryptedAttribute"))
    reader.end()
    if any(child.tag == saml("EncryptedAttribute") for child in found):
        raise AssertionRejected("encrypted_attribute", "an EncryptedAttribute")
    return found


def _attribute(element: Element) -> WireAttribute:
    reader = Reader(element, "Attribute")
    # Encoding says how LDAP spells the value: old Shibboleth sends it (SAML Profiles 2.0 §8.2.3)
    found = reader.only(("Name",), ("NameFormat", "FriendlyName", f"{{{X500}}}Encoding"))
    values = [_attribute_value(child) for child in reader.many(saml("AttributeValue"))]
    reader.end()
    return WireAttribute(
        name=found["Name"],
        name_format=found.get("NameFormat", ""),
        values=tuple(value for value in values if value is not None),
    )


def is_nil(reader: Reader, found: Mapping[str, str]) -> bool:
    """Whether an AttributeValue of these attributes is nil (XML Schema Part 1 §2.6.2); it is empty then."""
    nil = found.get(XSI_NIL, "false")
    if nil not in ("true", "1", "false", "0"):
        raise AssertionRejected("unknown_attribute", "an AttributeValue that is nil in a way of its own")
    if nil in ("false", "0"):
        return False
    reader.end()
    return True


def _attribute_value(element: Element) -> str | None:
    """The text of an AttributeValue, or of the NameID in it (eduPersonTargetedID); None where it is nil."""
    reader = Reader(element, "AttributeValue")
    found = reader.only((), (XSI_TYPE, XSI_NIL))
    if is_nil(reader, found):
        return None
    if (name := reader.optional(saml("NameID"))) is not None:
        reader.end()
        return _name(name).value
    # As long as a message may be: a portrait that nobody maps must not spoil a login
    return reader.text(limit=MAX_OCTETS)


def _optional_instant(found: dict[str, str], name: str, what: str) -> int | None:
    return instant(found[name], what) if name in found else None
