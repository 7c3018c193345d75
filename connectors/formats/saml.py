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

from collections.abc import Callable, Mapping
from functools import partial

from connectors.deviations import NOTHING, Tolerance
from connectors.formats.grammar import (
    XSI_NIL,
    XSI_TYPE,
    Reader,
    empty,
    identifier,
    instant,
    no_text,
    plain,
    stated,
    texted,
    version_2,
)
from connectors.formats.saml_head import read_issuer, read_status
from connectors.formats.saml_message import (
    AssertionMessage,
    Authentication,
    Conditions,
    NameIdentifier,
    ResponseMessage,
    SubjectConfirmation,
    WireAttribute,
)
from connectors.signatures.parse import MAX_OCTETS, Element, children_of, pairs, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import UNSPECIFIED, X500, saml, samlp
from policies.deviations import EMPTY_CONTEXT_DECLARATION, ORIGINAL_ISSUER
from policies.errors import AssertionRejected

# Made once: a tag is compared some fifty times in a message
_RESPONSE = samlp("Response")
_STATUS = samlp("Status")
_EXTENSIONS = samlp("Extensions")
_ADVICE = saml("Advice")
_ASSERTION = saml("Assertion")
_ATTRIBUTE = saml("Attribute")
_ATTRIBUTE_STATEMENT = saml("AttributeStatement")
_ATTRIBUTE_VALUE = saml("AttributeValue")
_AUDIENCE = saml("Audience")
_AUDIENCE_RESTRICTION = saml("AudienceRestriction")
_AUTHENTICATING_AUTHORITY = saml("AuthenticatingAuthority")
_AUTHN_CONTEXT = saml("AuthnContext")
_AUTHN_CONTEXT_CLASS_REF = saml("AuthnContextClassRef")
_AUTHN_CONTEXT_DECL = saml("AuthnContextDecl")
_AUTHN_STATEMENT = saml("AuthnStatement")
_CONDITIONS = saml("Conditions")
_ENCRYPTED_ASSERTION = saml("EncryptedAssertion")
_ENCRYPTED_ATTRIBUTE = saml("EncryptedAttribute")
_ENCRYPTED_ID = saml("EncryptedID")
_ISSUER = saml("Issuer")
_NAME_ID = saml("NameID")
_ONE_TIME_USE = saml("OneTimeUse")
_PROXY_RESTRICTION = saml("ProxyRestriction")
_SUBJECT = saml("Subject")
_SUBJECT_CONFIRMATION = saml("SubjectConfirmation")
_SUBJECT_CONFIRMATION_DATA = saml("SubjectConfirmationData")
_SUBJECT_LOCALITY = saml("SubjectLocality")


# Encoding says how LDAP spells the value: old Shibboleth sends it (SAML Profiles 2.0 §8.2.3)
_MORE_OF_ATTRIBUTE = frozenset({"FriendlyName", f"{{{X500}}}Encoding"})
# AD FS names there which claims provider a value came from
_ORIGINAL_ISSUER = "{http://schemas.xmlsoap.org/ws/2009/09/identity/claims}OriginalIssuer"
_CONFIRMATION_DATA = ("Recipient", "InResponseTo", "NotBefore", "NotOnOrAfter", "Address")
_PLAIN_VALUES: tuple[list[str], ...] = ([XSI_TYPE], [])


def read_signed_response(signed: Signed, *, encrypted: bool = False, tolerance: Tolerance = NOTHING) -> ResponseMessage:
    """The Response of octets that a signature covered; EncryptedAssertions if `encrypted`. Raises `AssertionRejected`."""
    return _response(signed.tree(), encrypted=encrypted, tolerance=tolerance)


def read_signed_assertion(signed: Signed, tolerance: Tolerance = NOTHING) -> AssertionMessage:
    """The Assertion of octets that a signature covered. Raises `AssertionRejected`."""
    return _assertion(signed.tree(), tolerance)


def read_unverified_response(octets: bytes) -> ResponseMessage:
    """A Response that nobody vouches for: to be held against what we expect, and believed in nothing."""
    return _response(parse_canonical(octets))


def _response(element: Element, *, encrypted: bool = False, tolerance: Tolerance = NOTHING) -> ResponseMessage:
    if element.tag != _RESPONSE:
        raise AssertionRejected("root", "a message that is no Response")
    reader = Reader(element, "Response")
    found = reader.only(("ID", "Version", "IssueInstant"), ("Destination", "InResponseTo", "Consent"))
    version_2(found["Version"], "Response")
    issuer = reader.optional(_ISSUER)
    reader.optional(SIGNATURE)
    reader.refuse(_EXTENSIONS, "extensions")
    status, sub_status, _ = read_status(reader.one(_STATUS, "Status"))
    held = reader.many(_ASSERTION, _ENCRYPTED_ASSERTION)
    plain_ones = [child for child in held if child.tag == _ASSERTION]
    if not encrypted and len(plain_ones) < len(held):
        raise AssertionRejected("encrypted_assertion", "an encrypted assertion, where none is taken")
    reader.end()
    return ResponseMessage(
        response_id=identifier(found["ID"], "Response"),
        issue_instant=instant(found["IssueInstant"], "Response"),
        issuer="" if issuer is None else read_issuer(issuer),
        destination=stated(found, "Destination", "destination"),
        in_response_to=stated(found, "InResponseTo", "in_response_to"),
        status=status,
        sub_status=sub_status,
        assertions=tuple([_assertion(child, tolerance) for child in plain_ones]),
        encrypted=len(held) - len(plain_ones),
    )


def _assertion(element: Element, tolerance: Tolerance) -> AssertionMessage:
    return _framed(element, partial(_attributes, tolerance), tolerance)[0]


def _attributes(tolerance: Tolerance, statements: list[Element]) -> tuple[WireAttribute, ...]:
    return tuple([_attribute(child, tolerance) for statement in statements for child in attributes_in(statement)])


def read_frame(
    element: Element, tolerance: Tolerance = NOTHING, *, declared: bool = False
) -> tuple[AssertionMessage, list[Element]]:
    """An Assertion without its attributes, and its AttributeStatements as they stand: profiles differ in their values.

    `tolerance` says which deviations of the sender pass. `declared`: its AuthnContext has one empty AuthnContextDecl and
    nothing else, as STORK has it. Raises `AssertionRejected`.
    """
    return _framed(element, lambda _statements: (), tolerance, declared=declared)


def _framed(
    element: Element,
    read: Callable[[list[Element]], tuple[WireAttribute, ...]],
    tolerance: Tolerance,
    *,
    declared: bool = False,
) -> tuple[AssertionMessage, list[Element]]:
    if element.tag != _ASSERTION:
        raise AssertionRejected("root", "a message that is no Assertion")
    reader = Reader(element, "Assertion")
    found = reader.only(("ID", "Version", "IssueInstant"))
    version_2(found["Version"], "Assertion")
    issuer = read_issuer(reader.one(_ISSUER, "Issuer"))
    reader.optional(SIGNATURE)
    held_subject, held_conditions = reader.one(_SUBJECT, "Subject"), reader.one(_CONDITIONS, "Conditions")
    reader.refuse(_ADVICE, "advice")
    held = reader.many(_AUTHN_STATEMENT, _ATTRIBUTE_STATEMENT)
    reader.end()
    # Where several parts are wrong, this order decides which check names the refusal: the last part comes first.
    statements = [statement for statement in held if statement.tag == _ATTRIBUTE_STATEMENT]
    attributes = read(statements)
    authentications = tuple(
        [_authentication(one, tolerance, declared=declared) for one in held if one.tag == _AUTHN_STATEMENT]
    )
    conditions = _conditions(held_conditions)
    subject, confirmations = _subject(held_subject)
    assertion = AssertionMessage(
        assertion_id=identifier(found["ID"], "Assertion"),
        issue_instant=instant(found["IssueInstant"], "Assertion"),
        issuer=issuer,
        subject=subject,
        confirmations=confirmations,
        conditions=conditions,
        authentications=authentications,
        attributes=attributes,
    )
    return assertion, statements


def _subject(element: Element) -> tuple[NameIdentifier | None, tuple[SubjectConfirmation, ...]]:
    reader = Reader(element, "Subject")
    reader.only(())
    reader.refuse(_ENCRYPTED_ID, "encrypted_id")
    name = reader.optional(_NAME_ID)
    confirmations = tuple([_confirmation(child) for child in reader.many(_SUBJECT_CONFIRMATION)])
    reader.end()
    return (None if name is None else read_name_id(name)), confirmations


def read_name_id(element: Element) -> NameIdentifier:
    """A NameID (§2.2.3)."""
    found, value = texted(element, "NameID", ("Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"))
    return NameIdentifier(
        value=value,
        name_format=found.get("Format", UNSPECIFIED),
        name_qualifier=found.get("NameQualifier", ""),
        sp_name_qualifier=found.get("SPNameQualifier", ""),
    )


def _confirmation(element: Element) -> SubjectConfirmation:
    reader = Reader(element, "SubjectConfirmation")
    method = reader.only(("Method",))["Method"]
    reader.refuse(_ENCRYPTED_ID, "encrypted_id")
    data = reader.optional(_SUBJECT_CONFIRMATION_DATA)
    reader.end()
    found = {} if data is None else empty(data, "SubjectConfirmationData", (), _CONFIRMATION_DATA)
    return SubjectConfirmation(
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
    once = 0
    for condition in reader.many(_AUDIENCE_RESTRICTION, _ONE_TIME_USE, _PROXY_RESTRICTION):
        if condition.tag == _PROXY_RESTRICTION:
            # We answer others on its basis: that is what a ProxyRestriction restricts, and none of our tokens can carry it.
            raise AssertionRejected("proxy_restriction", "an assertion that restricts its passing on")
        once += condition.tag == _ONE_TIME_USE
        inner = Reader(condition, "a condition")
        inner.only(())
        if condition.tag == _AUDIENCE_RESTRICTION:
            found_audiences = inner.many(_AUDIENCE)
            audiences.append(tuple([plain(child, "Audience") for child in found_audiences]))
            if "" in audiences[-1]:
                raise AssertionRejected("audience", "an Audience that is empty, which is nobody's")
        inner.end()
    reader.end()
    # Core 2.0 §2.5.1.5
    if once > 1:
        raise AssertionRejected("unknown_element", "OneTimeUse more than once in Conditions")
    return Conditions(
        not_before=_optional_instant(found, "NotBefore", "Conditions"),
        not_on_or_after=_optional_instant(found, "NotOnOrAfter", "Conditions"),
        audiences=tuple(audiences),
    )


def _authentication(element: Element, tolerance: Tolerance, *, declared: bool) -> Authentication:
    reader = Reader(element, "AuthnStatement")
    found = reader.only(("AuthnInstant",), ("SessionIndex", "SessionNotOnOrAfter"))
    if (locality := reader.optional(_SUBJECT_LOCALITY)) is not None:
        empty(locality, "SubjectLocality", (), ("Address", "DNSName"))
    context = Reader(reader.one(_AUTHN_CONTEXT, "AuthnContext"), "AuthnContext")
    reader.end()
    context.only(())
    context_class = ""
    if not declared:
        context_class = plain(context.one(_AUTHN_CONTEXT_CLASS_REF, "AuthnContextClassRef"), "AuthnContextClassRef")
    declaration = context.optional(_AUTHN_CONTEXT_DECL)
    taken = declaration is None or (_is_bare(declaration) and (declared or tolerance.takes(EMPTY_CONTEXT_DECLARATION)))
    if not taken:
        raise AssertionRejected("unknown_element", "an AuthnContextDecl, which nobody reads, in AuthnContext")
    authorities = [plain(one, "AuthenticatingAuthority") for one in context.many(_AUTHENTICATING_AUTHORITY)]
    context.end()
    return Authentication(
        instant=instant(found["AuthnInstant"], "AuthnStatement"),
        session_not_on_or_after=_optional_instant(found, "SessionNotOnOrAfter", "AuthnStatement"),
        context_class=context_class,
        authorities=tuple(authorities),
        session_index=found.get("SessionIndex", ""),
    )


def _is_bare(element: Element) -> bool:
    """Whether an element says nothing: it has no text, no attribute and no child."""
    return not len(element) and not element.text and not element.keys()


def attributes_in(statement: Element) -> list[Element]:
    """The Attributes of an AttributeStatement (§2.7.3), each to be read by whoever knows their values."""
    reader = Reader(statement, "AttributeStatement")
    reader.only(())
    found = reader.many(_ATTRIBUTE)
    reader.refuse(_ENCRYPTED_ATTRIBUTE, "encrypted_attribute")
    reader.end()
    return found


def _attribute(element: Element, tolerance: Tolerance) -> WireAttribute:
    # Read without a Reader: there are dozens of them, and these are its rules
    name, name_format = None, ""
    for key, value in pairs(element):
        if key == "Name":
            name = value
        elif key == "NameFormat":
            name_format = value
        elif key not in _MORE_OF_ATTRIBUTE and not (key == _ORIGINAL_ISSUER and tolerance.takes(ORIGINAL_ISSUER)):
            raise AssertionRejected("unknown_attribute", "an unknown attribute of Attribute")
    if name is None:
        raise AssertionRejected("missing_attribute", "Attribute without Name")
    if element.text is not None:
        no_text(element.text, "Attribute")
    return WireAttribute(name, name_format, *_values(element))


def _values(element: Element) -> tuple[tuple[str, ...], tuple[NameIdentifier, ...]]:
    """The texts of an Attribute's values, those of NameIDs among them, and the NameIDs as they are."""
    texts: list[str] = []
    names: list[NameIdentifier] = []
    for child in children_of(element):
        if child.tag != _ATTRIBUTE_VALUE:
            raise AssertionRejected("unknown_element", "an unknown, misplaced or repeated element in Attribute")
        if child.tail is not None:
            no_text(child.tail, "Attribute")
        value = _attribute_value(child)
        if isinstance(value, NameIdentifier):
            names.append(value)
            value = value.value
        if value is not None:
            texts.append(value)
    return tuple(texts), tuple(names)


def is_nil(reader: Reader, found: Mapping[str, str]) -> bool:
    """Whether an AttributeValue of these attributes is nil (XML Schema Part 1 §2.6.2); it is empty then."""
    nil = found.get(XSI_NIL, "false")
    if nil not in ("true", "1", "false", "0"):
        raise AssertionRejected("unknown_attribute", "an AttributeValue that is nil in a way of its own")
    if nil in ("false", "0"):
        return False
    reader.end()
    return True


def _attribute_value(element: Element) -> str | NameIdentifier | None:
    """The text of an AttributeValue, or the NameID in it (eduPersonTargetedID); None where it is nil."""
    if not len(element) and element.keys() in _PLAIN_VALUES:
        return element.text or ""
    reader = Reader(element, "AttributeValue")
    found = reader.only((), (XSI_TYPE, XSI_NIL))
    if is_nil(reader, found):
        return None
    if (name := reader.optional(_NAME_ID)) is not None:
        reader.end()
        return read_name_id(name)
    # The limit is that of a message: a portrait that nobody maps must not spoil a login
    return reader.text(limit=MAX_OCTETS)


def _optional_instant(found: dict[str, str], name: str, what: str) -> int | None:
    return instant(found[name], what) if name in found else None
