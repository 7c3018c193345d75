"""SAML single logout (SAML Core 2.0 §3.7), both ways: read by a closed grammar, and written. No cryptography.

```xml
<samlp:LogoutRequest ID Version="2.0" IssueInstant [Destination] [NotOnOrAfter] [Reason] [Consent]>
  <saml:Issuer> <saml:NameID [Format] [NameQualifier] [SPNameQualifier] [SPProvidedID]> [<samlp:SessionIndex>…]
<samlp:LogoutResponse ID Version="2.0" IssueInstant [Destination] [InResponseTo] [Consent]>
  <saml:Issuer> <samlp:Status>
```

What the schema leaves open and we demand (Destination, NotOnOrAfter, InResponseTo) is judged in `connectors.logout_checks`.
Refused by name: EncryptedID, BaseID and Extensions; what we do not name is refused as unknown.
"""

from dataclasses import dataclass, field

from lxml import etree

from connectors.formats.grammar import Reader, identifier, instant, plain, version_2, written
from connectors.formats.names import SAML, SAMLP, SUCCESS, UNSPECIFIED, saml, samlp
from connectors.formats.saml import NameIdentifier, read_issuer, read_status
from connectors.signatures.parse import Element, parse_canonical
from connectors.signatures.signed import Signed
from policies.errors import AssertionRejected

# SAML Core 2.0 §3.7.3: why somebody is logged out; other URIs are allowed
BY_PERSON = "urn:oasis:names:tc:SAML:2.0:logout:user"
BY_ADMINISTRATOR = "urn:oasis:names:tc:SAML:2.0:logout:admin"
# §3.2.2.2: a second-level code beside success: not every session participant could be reached
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"

# The children stand in this order: Issuer, Signature, ...
LOGOUT_SIGNATURE_PLACE = 1


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A LogoutRequest (§3.7.1): end the sessions of `name`. No `session_indexes` means all of them.

    Times are seconds since the epoch. What is absent is "" or None.
    """

    request_id: str
    issue_instant: int
    issuer: str
    destination: str
    not_on_or_after: int | None
    name: NameIdentifier
    session_indexes: tuple[str, ...] = field(default=(), repr=False)
    reason: str = ""
    consent: str = ""


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """A LogoutResponse (§3.7.2). Its status is a fact, not a fault: whoever asked has ended their own session already."""

    response_id: str
    issue_instant: int
    issuer: str
    destination: str
    in_response_to: str
    status: str
    sub_status: str = ""
    consent: str = ""

    @property
    def complete(self) -> bool:
        """Whether every session has ended, as far as its sender knows."""
        return self.status == SUCCESS and self.sub_status != PARTIAL_LOGOUT


def read_logout_request(signed: Signed) -> LogoutRequest:
    """The LogoutRequest of octets that a signature covered. Raises `AssertionRejected`."""
    root = parse_canonical(signed.octets)
    if root.tag != samlp("LogoutRequest"):
        raise AssertionRejected("root", "a message that is no LogoutRequest")
    reader = Reader(root, "LogoutRequest")
    found = reader.only(("ID", "Version", "IssueInstant"), ("Destination", "NotOnOrAfter", "Reason", "Consent"))
    version_2(found["Version"], "LogoutRequest")
    issuer = read_issuer(reader.one(saml("Issuer"), "Issuer"))
    reader.refuse(samlp("Extensions"), "extensions")
    # Whoever could encrypt to us could name anybody, and compare what we do with what they wished
    reader.refuse(saml("EncryptedID"), "encrypted_id")
    reader.refuse(saml("BaseID"), "base_id")
    name = _read_name(reader.one(saml("NameID"), "NameID"))
    sessions = tuple(plain(child, "SessionIndex") for child in reader.many(samlp("SessionIndex")))
    reader.end()
    ends = found.get("NotOnOrAfter")
    return LogoutRequest(
        request_id=identifier(found["ID"], "LogoutRequest"),
        issue_instant=instant(found["IssueInstant"], "LogoutRequest"),
        issuer=issuer,
        destination=found.get("Destination", ""),
        not_on_or_after=None if ends is None else instant(ends, "LogoutRequest"),
        name=name,
        session_indexes=sessions,
        reason=found.get("Reason", ""),
        consent=found.get("Consent", ""),
    )


def read_logout_response(signed: Signed) -> LogoutResponse:
    """The LogoutResponse of octets that a signature covered. Raises `AssertionRejected`."""
    root = parse_canonical(signed.octets)
    if root.tag != samlp("LogoutResponse"):
        raise AssertionRejected("root", "a message that is no LogoutResponse")
    reader = Reader(root, "LogoutResponse")
    found = reader.only(("ID", "Version", "IssueInstant"), ("Destination", "InResponseTo", "Consent"))
    version_2(found["Version"], "LogoutResponse")
    issuer = read_issuer(reader.one(saml("Issuer"), "Issuer"))
    reader.refuse(samlp("Extensions"), "extensions")
    status, sub_status, _ = read_status(reader.one(samlp("Status"), "Status"))
    reader.end()
    return LogoutResponse(
        response_id=identifier(found["ID"], "LogoutResponse"),
        issue_instant=instant(found["IssueInstant"], "LogoutResponse"),
        issuer=issuer,
        destination=found.get("Destination", ""),
        in_response_to=found.get("InResponseTo", ""),
        status=status,
        sub_status=sub_status,
        consent=found.get("Consent", ""),
    )


def _read_name(element: Element) -> NameIdentifier:
    reader = Reader(element, "NameID")
    found = reader.only((), ("Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"))
    return NameIdentifier(
        value=reader.text(),
        name_format=found.get("Format", UNSPECIFIED),
        name_qualifier=found.get("NameQualifier", ""),
        sp_name_qualifier=found.get("SPNameQualifier", ""),
    )


def logout_request_element(request: LogoutRequest) -> Element:
    """The element, unsigned. A Signature belongs at `LOGOUT_SIGNATURE_PLACE`.

    The NameID is written as it was issued, with its qualifiers (saml2int SDP-SP30): the receiver compares it whole.
    """
    root = _root("LogoutRequest", request.request_id, request.issue_instant, request.destination, request.consent)
    if request.not_on_or_after is not None:
        root.set("NotOnOrAfter", written(request.not_on_or_after))
    if request.reason:
        root.set("Reason", request.reason)
    etree.SubElement(root, saml("Issuer")).text = request.issuer
    name = etree.SubElement(root, saml("NameID"))
    qualified = {
        "Format": request.name.name_format,
        "NameQualifier": request.name.name_qualifier,
        "SPNameQualifier": request.name.sp_name_qualifier,
    }
    for attribute, value in qualified.items():
        if value:
            name.set(attribute, value)
    name.text = request.name.value
    for session in request.session_indexes:
        etree.SubElement(root, samlp("SessionIndex")).text = session
    return root


def logout_response_element(response: LogoutResponse) -> Element:
    """The element, unsigned. A Signature belongs at `LOGOUT_SIGNATURE_PLACE`."""
    root = _root("LogoutResponse", response.response_id, response.issue_instant, response.destination, response.consent)
    if response.in_response_to:
        root.set("InResponseTo", response.in_response_to)
    etree.SubElement(root, saml("Issuer")).text = response.issuer
    code = etree.SubElement(etree.SubElement(root, samlp("Status")), samlp("StatusCode"))
    code.set("Value", response.status)
    if response.sub_status:
        etree.SubElement(code, samlp("StatusCode")).set("Value", response.sub_status)
    return root


def logout_request_octets(request: LogoutRequest) -> bytes:
    """The unsigned XML in UTF-8: what the Redirect binding deflates."""
    return etree.tostring(logout_request_element(request), encoding="unicode").encode()


def logout_response_octets(response: LogoutResponse) -> bytes:
    """The unsigned XML in UTF-8: what the Redirect binding deflates."""
    return etree.tostring(logout_response_element(response), encoding="unicode").encode()


def _root(name: str, message_id: str, issued: int, destination: str, consent: str) -> Element:
    root = etree.Element(samlp(name), nsmap={"samlp": SAMLP, "saml": SAML})
    root.set("ID", message_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", written(issued))
    if destination:
        root.set("Destination", destination)
    if consent:
        root.set("Consent", consent)
    return root
