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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from connectors.formats.eidas.registry import (
    DATE_OF_BIRTH,
    FAILURES,
    MAX_NAME_ID,
    MINIMUM,
    NAME_ID_FORMATS,
    NATURAL,
    NATURAL_PERSON,
    NATURAL_PREFIX,
    PERSON_IDENTIFIER,
    REPRESENTATIVE_MINIMUMS,
    SUB_STATUSES,
    NaturalAttribute,
    representative_kind,
)
from connectors.formats.grammar import XSI, XSI_NIL, XSI_TYPE, Reader, boolean, identifier, instant, version_2, written
from connectors.formats.names import ATTRNAME_URI, BEARER, ENTITY, SAML, SAMLP, SUCCESS, saml, samlp
from connectors.formats.saml import (
    Authentication,
    Conditions,
    Confirmation,
    NameIdentifier,
    attributes_in,
    is_nil,
    read_frame,
    read_issuer,
    read_status,
)
from connectors.signatures.parse import MAX_OCTETS, Element, attributes, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.signed import Signed
from policies.errors import AssertionRejected

# The children of a Response, and those of an Assertion, stand in this order: Issuer, Signature, ...
RESPONSE_SIGNATURE_PLACE = 1

_LATIN_SCRIPT = "LatinScript"
_QUALIFIED_LATIN_SCRIPT = f"{{{NATURAL_PERSON}}}{_LATIN_SCRIPT}"


@dataclass(frozen=True, slots=True)
class EidasValue:
    """One value as text; `latin` is False where it is in an original script, and a Latin value stands beside it."""

    text: str = field(repr=False)
    latin: bool = True


@dataclass(frozen=True, slots=True)
class EidasAssertion:
    """What we say of a person to another node. Times are seconds since the epoch; attributes are URIs with their values."""

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
    confirmations: tuple[Confirmation, ...]
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
    status = etree.SubElement(root, samlp("Status"))
    etree.SubElement(status, samlp("StatusCode")).set("Value", SUCCESS)
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
    """A failure, unsigned, without an assertion; `sub_status` and `message` may be empty.

    ValueError for codes that the profile does not have: they would be our own fault.
    """
    if status not in FAILURES or (sub_status and sub_status not in SUB_STATUSES):
        raise ValueError("a status that the profile does not have")
    root = _response(response_id, issue_instant, destination, in_response_to, issuer)
    element = etree.SubElement(root, samlp("Status"))
    top = etree.SubElement(element, samlp("StatusCode"))
    top.set("Value", status)
    if sub_status:
        etree.SubElement(top, samlp("StatusCode")).set("Value", sub_status)
    if message:
        etree.SubElement(element, samlp("StatusMessage")).text = message
    return root


def _response(response_id: str, issue_instant: int, destination: str, in_response_to: str, issuer: str) -> Element:
    root = etree.Element(samlp("Response"), nsmap={"samlp": SAMLP, "saml": SAML})
    root.set("ID", response_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", written(issue_instant))
    root.set("Destination", destination)
    root.set("InResponseTo", in_response_to)
    _write_issuer(root, issuer)
    return root


def _write_issuer(parent: Element, issuer: str) -> None:
    element = etree.SubElement(parent, saml("Issuer"))
    element.set("Format", ENTITY)
    element.text = issuer


def assertion_element(assertion: EidasAssertion) -> Element:
    """The Assertion, to be encrypted. ValueError, without the value, for one that a peer would have to refuse.

    The prefix of the values' types is declared at the root: it must be serialised as it is, since exclusive C14N drops a
    prefix that stands in an attribute's value alone.
    """
    _must_be_sayable(assertion)
    root = etree.Element(saml("Assertion"), nsmap={"saml": SAML, "xsi": XSI, NATURAL_PREFIX: NATURAL_PERSON})
    root.set("ID", assertion.assertion_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", written(assertion.issue_instant))
    _write_issuer(root, assertion.issuer)
    subject = etree.SubElement(root, saml("Subject"))
    name = etree.SubElement(subject, saml("NameID"))
    name.set("Format", assertion.name_id_format)
    name.text = assertion.name_id
    confirmation = etree.SubElement(subject, saml("SubjectConfirmation"))
    confirmation.set("Method", BEARER)
    data = etree.SubElement(confirmation, saml("SubjectConfirmationData"))
    data.set("InResponseTo", assertion.in_response_to)
    data.set("NotOnOrAfter", written(assertion.not_on_or_after))
    data.set("Recipient", assertion.recipient)
    conditions = etree.SubElement(root, saml("Conditions"))
    conditions.set("NotBefore", written(assertion.not_before))
    conditions.set("NotOnOrAfter", written(assertion.not_on_or_after))
    restriction = etree.SubElement(conditions, saml("AudienceRestriction"))
    etree.SubElement(restriction, saml("Audience")).text = assertion.audience
    authentication = etree.SubElement(root, saml("AuthnStatement"))
    authentication.set("AuthnInstant", written(assertion.authn_instant))
    context = etree.SubElement(authentication, saml("AuthnContext"))
    etree.SubElement(context, saml("AuthnContextClassRef")).text = assertion.context_class
    statement = etree.SubElement(root, saml("AttributeStatement"))
    for uri, values in assertion.attributes:
        _write_attribute(statement, NATURAL[uri], values)
    return root


def _must_be_sayable(assertion: EidasAssertion) -> None:
    said = dict(assertion.attributes)
    if len(said) != len(assertion.attributes) or not set(said) <= set(NATURAL):
        raise ValueError("an attribute that is unknown, or stands twice")
    if not set(MINIMUM) <= set(said):
        raise ValueError("an incomplete minimum data set")
    if not 0 < len(assertion.name_id) <= MAX_NAME_ID or assertion.name_id_format not in NAME_ID_FORMATS:
        raise ValueError("a NameID that is empty or too long, or of another format")
    for uri, values in said.items():
        known = NATURAL[uri]
        if not values or not all(known.is_value(value.text) for value in values):
            raise ValueError(f"no value, or none of its type, for {known.friendly_name}")
        if not _has_latin(values) or not (known.transliterated or all(value.latin for value in values)):
            raise ValueError(f"an original script in {known.friendly_name} without its transliteration")


def _write_attribute(statement: Element, known: NaturalAttribute, values: Sequence[EidasValue]) -> None:
    element = etree.SubElement(statement, saml("Attribute"))
    element.set("FriendlyName", known.friendly_name)
    element.set("Name", known.uri)
    element.set("NameFormat", ATTRNAME_URI)
    for value in values:
        child = etree.SubElement(element, saml("AttributeValue"))
        child.set(XSI_TYPE, f"{NATURAL_PREFIX}:{known.xsi_type}")
        if not value.latin:
            child.set(_QUALIFIED_LATIN_SCRIPT, "false")
        child.text = value.text


# -- what we hear ------------------------------------------------------------------------------------------------------


def read_response(signed: Signed) -> EidasResponse:
    """The Response of octets that a signature covered. Raises `AssertionRejected`.

    Whether the count of EncryptedAssertions fits the status is for whoever judges it; a plain Assertion never does.
    """
    root = parse_canonical(signed.octets)
    if root.tag != samlp("Response"):
        raise AssertionRejected("root", "a message that is no Response")
    reader = Reader(root, "Response")
    found = reader.only(("ID", "Version", "IssueInstant", "Destination", "InResponseTo"), ("Consent",))
    version_2(found["Version"], "Response")
    issuer = read_issuer(reader.one(saml("Issuer"), "Issuer"))
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


def read_assertion(signed: Signed) -> EidasAssertionMessage:
    """The Assertion of octets that were decrypted out of a Response that was signed. Raises `AssertionRejected`."""
    frame, statements = read_frame(parse_canonical(signed.octets))
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
        attributes=_read_attributes(attributes_in(statements[0])),
    )


def _read_attributes(elements: Sequence[Element]) -> dict[str, tuple[EidasValue, ...]]:
    """Natural persons' attributes that have a value; others are dropped, and representatives refuse."""
    found: dict[str, tuple[EidasValue, ...]] = {}
    names = [attributes(element).get("Name", "") for element in elements]
    _refuse_representatives(names)
    for name, element in zip(names, elements, strict=True):
        known = NATURAL.get(name)
        if known is None:
            continue
        if names.count(name) > 1:
            raise AssertionRejected("duplicate_attribute", f"{known.friendly_name} stands twice")
        if values := _read_attribute(element, known):
            found[name] = values
    if missing := [NATURAL[uri].friendly_name for uri in MINIMUM if uri not in found]:
        raise AssertionRejected("minimum_data_set", f"an assertion without {', '.join(missing)}")
    # Of several we would have to choose one for the citizen
    if any(len(found[uri]) > 1 for uri in (PERSON_IDENTIFIER, DATE_OF_BIRTH)):
        raise AssertionRejected("attribute_value", "a person of several identifiers or birth dates")
    return found


def _refuse_representatives(names: Sequence[str]) -> None:
    """Where representatives stand, the plain attributes are those of whom they act for, who is not in front of us."""
    kinds = {kind for name in names if (kind := representative_kind(name))}
    for kind in kinds:
        if not set(REPRESENTATIVE_MINIMUMS[kind]) <= set(names):
            raise AssertionRejected("representative_minimum", "a representative without the whole minimum data set")
    if kinds:
        raise AssertionRejected("representation", "somebody who acts for another")


def _read_attribute(element: Element, known: NaturalAttribute) -> tuple[EidasValue, ...]:
    """The values of one attribute that we know; those that are nil or empty, or malformed and optional, are no values."""
    reader = Reader(element, known.friendly_name)
    found = reader.only(("Name", "NameFormat"), ("FriendlyName",))
    children = reader.many(saml("AttributeValue"))
    reader.end()
    if found["NameFormat"] != ATTRNAME_URI:
        raise AssertionRejected("name_format", f"{known.friendly_name} under a name that is no URI")
    read = [_read_value(child, known) for child in children]
    values = tuple(value for value in read if value is not None and value.text.strip())
    if not all(known.is_value(value.text) for value in values):
        if known.mandatory:
            raise AssertionRejected("attribute_value", f"{known.friendly_name} of another type than its own")
        return ()
    if values and not _has_latin(values):
        raise AssertionRejected("latin_script", f"{known.friendly_name} in an original script alone")
    return values


def _read_value(element: Element, known: NaturalAttribute) -> EidasValue | None:
    reader = Reader(element, known.friendly_name)
    script = (_QUALIFIED_LATIN_SCRIPT, _LATIN_SCRIPT) if known.transliterated else ()
    found = reader.only((), (XSI_TYPE, XSI_NIL, *script))
    if XSI_TYPE in found and not _is_type(found[XSI_TYPE], element, known):
        raise AssertionRejected("attribute_type", f"{known.friendly_name} that says to be of another type")
    if is_nil(reader, found):
        return None
    said = [boolean(found[name], known.friendly_name) for name in script if name in found]
    if len(said) > 1:
        raise AssertionRejected("latin_script", f"{known.friendly_name} that says its script twice")
    return EidasValue(text=reader.text(limit=MAX_OCTETS), latin=said[0] if said else True)


def _is_type(name: str, element: Element, known: NaturalAttribute) -> bool:
    """Whether a QName is the attribute's type.

    Exclusive C14N, which gave the octets, drops a prefix that stands in an attribute's value alone: then the local name has
    to tell.
    """
    prefix, _, local = name.strip().rpartition(":")
    return local == known.xsi_type and element.nsmap.get(prefix or None, NATURAL_PERSON) == NATURAL_PERSON


def _has_latin(values: Sequence[EidasValue]) -> bool:
    return any(value.latin for value in values)
