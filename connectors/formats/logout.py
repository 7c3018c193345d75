"""SAML single logout (SAML Core 2.0 §3.7), read by a closed grammar. No cryptography.

```xml
<samlp:LogoutRequest ID Version="2.0" IssueInstant [Destination] [NotOnOrAfter] [Reason] [Consent]>
  <saml:Issuer> [<samlp:Extensions> <aslo:Asynchronous>]
  <saml:NameID [Format] [NameQualifier] [SPNameQualifier] [SPProvidedID]> [<samlp:SessionIndex>…]
<samlp:LogoutResponse ID Version="2.0" IssueInstant [Destination] [InResponseTo] [Consent]>
  <saml:Issuer> <samlp:Status>
```

`connectors.logout_checks` demands what the schema leaves open: Destination and InResponseTo. Refused by name:
EncryptedID, BaseID and all other Extensions; everything else that we do not name is refused as unknown.
"""

from dataclasses import dataclass, field

from connectors.formats.grammar import empty, identifier, instant, plain, stated, written
from connectors.formats.saml import read_name_id
from connectors.formats.saml_head import opened, read_status
from connectors.formats.saml_message import NameIdentifier
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, children_of, parse_canonical
from connectors.signatures.verification_result import Signed
from connectors.wire.names import SAML, SAMLP, SUCCESS, saml, samlp
from policies.errors import AssertionRejected

# SAML Core 2.0 §3.2.2.2: a second-level code beside success: not every session participant could be reached
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
ASYNCHRONOUS = "{urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo}Asynchronous"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A LogoutRequest (§3.7.1): end the sessions of `name`. No `session_indexes` means all of them.

    Times are seconds since the epoch. Absent parts are "" or None.
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
    # SAML V2.0 Asynchronous Single Logout Profile Extension 1.0: nobody waits for an answer
    asynchronous: bool = False


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
    optional = ("Destination", "NotOnOrAfter", "Reason", "Consent")
    reader, found, issuer = opened(parse_canonical(signed.octets), "LogoutRequest", optional)
    asynchronous = _asynchronous(reader.optional(samlp("Extensions")))
    # Anybody who can encrypt to us could name any person, and compare our reaction with their wish
    reader.refuse(saml("EncryptedID"), "encrypted_id")
    reader.refuse(saml("BaseID"), "base_id")
    name = read_name_id(reader.one(saml("NameID"), "NameID"))
    sessions = tuple(plain(child, "SessionIndex") for child in reader.many(samlp("SessionIndex")))
    reader.end()
    ends = found.get("NotOnOrAfter")
    return LogoutRequest(
        request_id=identifier(found["ID"], "LogoutRequest"),
        issue_instant=instant(found["IssueInstant"], "LogoutRequest"),
        issuer=issuer,
        destination=stated(found, "Destination", "destination"),
        not_on_or_after=None if ends is None else instant(ends, "LogoutRequest"),
        name=name,
        session_indexes=sessions,
        reason=stated(found, "Reason", "logout_reason"),
        consent=stated(found, "Consent", "consent"),
        asynchronous=asynchronous,
    )


def _asynchronous(extensions: Element | None) -> bool:
    """Whether Extensions, which are that alone, say that nobody waits."""
    if extensions is None:
        return False
    inside = children_of(extensions)
    if len(inside) != 1 or inside[0].tag != ASYNCHRONOUS:
        raise AssertionRejected("extensions", "Extensions other than Asynchronous")
    empty(inside[0], "Asynchronous", ())
    return True


def logout_request_element(request: LogoutRequest) -> Element:
    """A LogoutRequest of ours, unsigned. A Signature belongs behind the Issuer."""
    ends = {} if request.not_on_or_after is None else {"NotOnOrAfter": written(request.not_on_or_after)}
    root = _root("LogoutRequest", request.request_id, request.issue_instant, request.destination, **ends)
    child(root, saml("Issuer"), request.issuer)
    name = request.name
    qualifiers = {"NameQualifier": name.name_qualifier, "SPNameQualifier": name.sp_name_qualifier}
    given = {key: value for key, value in qualifiers.items() if value}
    child(root, saml("NameID"), name.value, Format=name.name_format, **given)
    for session in request.session_indexes:
        child(root, samlp("SessionIndex"), session)
    return root


def logout_response_element(response: LogoutResponse) -> Element:
    """A LogoutResponse of ours, unsigned. A Signature belongs behind the Issuer."""
    answers = {"InResponseTo": response.in_response_to}
    root = _root("LogoutResponse", response.response_id, response.issue_instant, response.destination, **answers)
    child(root, saml("Issuer"), response.issuer)
    code = child(child(root, samlp("Status")), samlp("StatusCode"), Value=response.status)
    if response.sub_status:
        child(code, samlp("StatusCode"), Value=response.sub_status)
    return root


def _root(name: str, message_id: str, issued_at: int, destination: str, **more: str) -> Element:
    to = {"Destination": destination} if destination else {}
    issued = {"ID": message_id, "Version": "2.0", "IssueInstant": written(issued_at)}
    return made(samlp(name), {"samlp": SAMLP, "saml": SAML}, **issued, **to, **more)


def read_logout_response(signed: Signed) -> LogoutResponse:
    """The LogoutResponse of octets that a signature covered. Raises `AssertionRejected`."""
    optional = ("Destination", "InResponseTo", "Consent")
    reader, found, issuer = opened(parse_canonical(signed.octets), "LogoutResponse", optional)
    reader.refuse(samlp("Extensions"), "extensions")
    status, sub_status, _ = read_status(reader.one(samlp("Status"), "Status"))
    reader.end()
    return LogoutResponse(
        response_id=identifier(found["ID"], "LogoutResponse"),
        issue_instant=instant(found["IssueInstant"], "LogoutResponse"),
        issuer=issuer,
        destination=stated(found, "Destination", "destination"),
        in_response_to=stated(found, "InResponseTo", "in_response_to"),
        status=status,
        sub_status=sub_status,
        consent=stated(found, "Consent", "consent"),
    )
