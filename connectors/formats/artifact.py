"""Artifacts, and their resolution over SOAP (SAML Bindings 2.0 §3.6 and §3.2, SAML Core 2.0 §3.5). No cryptography.

An artifact is base64 of 44 octets: type 0x0004, the index of a resolution service, SHA-1 of the issuer's entity id, and 20
random octets that name one message.

```xml
<soap:Envelope> [<soap:Header/>] <soap:Body>
  <samlp:ArtifactResolve ID Version="2.0" IssueInstant Destination> <saml:Issuer> <ds:Signature> <samlp:Artifact>
  <samlp:ArtifactResponse ID Version="2.0" IssueInstant [Destination] InResponseTo> <saml:Issuer> [<ds:Signature>]
    <samlp:Status> [<samlp:Response>]
```
"""

import base64
import hashlib
from dataclasses import dataclass, field

from lxml import etree

from connectors.formats.grammar import Reader, identifier, instant, plain, stated, written
from connectors.formats.saml_head import opened, read_status
from connectors.formats.saml_response import ResponseHead
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, parse_message, strict_base64
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import SAML, SAMLP, SUCCESS, saml, samlp
from policies.errors import AssertionRejected

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ECP, _NEXT = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp", "http://schemas.xmlsoap.org/soap/actor/next"
_TYPE_4 = b"\x00\x04"
_OCTETS, _SOURCE, _HANDLE = 44, 4, 24
HANDLE_OCTETS = _OCTETS - _HANDLE
# Base64 of it
MAX_ARTIFACT = 60
# Of a message over SOAP (SAML Bindings 2.0 §3.2.3.1)
SOAP_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"http://www.oasis-open.org/committees/security"'}


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact of type 4: where it is resolved, and the SHA-1 of the entity id of whoever made it."""

    index: int
    source: bytes

    def is_of(self, entity_id: str) -> bool:
        """Whether this entity made it."""
        return self.source == hashlib.sha1(entity_id.encode(), usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class ArtifactResolve:
    """A question for the message of an artifact. `octets` are its own, to be verified where it is `signed`."""

    request_id: str
    issue_instant: int
    issuer: str
    destination: str
    artifact: str = field(repr=False)
    signed: bool
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ArtifactResponse:
    """An ArtifactResponse, believed in nothing. `octets` are its own, `message` those of the Response in it, or b""."""

    issue_instant: int
    issuer: str
    in_response_to: str
    status: str
    signed: bool
    octets: bytes = field(repr=False)
    message: bytes = field(repr=False)


def read_artifact(text: str) -> Artifact:
    """An artifact in its one spelling. Raises `AssertionRejected`."""
    try:
        octets = strict_base64(text) if len(text) <= MAX_ARTIFACT else b""
    except ValueError:
        octets = b""
    if len(octets) != _OCTETS or not octets.startswith(_TYPE_4):
        raise AssertionRejected("artifact", "no artifact of type 4")
    return Artifact(int.from_bytes(octets[len(_TYPE_4) : _SOURCE]), octets[_SOURCE:_HANDLE])


def written_artifact(entity_id: str, handle: bytes) -> str:
    """The artifact of an entity with one resolution service, for the message that `handle` (20 octets) names."""
    if len(handle) != HANDLE_OCTETS:
        raise ValueError("a handle of another length")
    source = hashlib.sha1(entity_id.encode(), usedforsecurity=False).digest()
    return base64.b64encode(_TYPE_4 + bytes(_SOURCE - len(_TYPE_4)) + source + handle).decode()


def handle_of(artifact: str) -> bytes:
    """The octets that name the message. Raises as `read_artifact`."""
    read_artifact(artifact)
    return strict_base64(artifact)[_HANDLE:]


def resolve_element(request_id: str, now: int, destination: str, issuer: str, artifact: str) -> Element:
    """The ArtifactResolve, unsigned."""
    issued = {"Version": "2.0", "IssueInstant": written(now), "Destination": destination}
    root = made(samlp("ArtifactResolve"), {"samlp": SAMLP, "saml": SAML}, ID=request_id, **issued)
    child(root, saml("Issuer"), issuer)
    child(root, samlp("Artifact"), artifact)
    return root


def response_element(head: ResponseHead, message: bytes) -> Element:
    """The ArtifactResponse around the octets of a message, unsigned: none is said by success without one (§3.5.3)."""
    issued = {"Version": "2.0", "IssueInstant": written(head.issue_instant), "InResponseTo": head.in_response_to}
    root = made(samlp("ArtifactResponse"), {"samlp": SAMLP, "saml": SAML}, ID=head.response_id, **issued)
    child(root, saml("Issuer"), head.issuer)
    child(child(root, samlp("Status")), samlp("StatusCode"), Value=SUCCESS)
    if message:
        root.append(parse_message(message))
    return root


def fault_envelope(text: str) -> bytes:
    """A fault of SOAP 1.1 that is the sender's."""
    root = made(_soap("Envelope"), {"s": _SOAP})
    fault = child(child(root, _soap("Body")), _soap("Fault"))
    child(fault, "faultcode", "s:Client")
    child(fault, "faultstring", text)
    return etree.tostring(root)


def in_envelope(message: bytes, header: bytes = b"") -> bytes:
    """The octets of a message in the body of a SOAP envelope, behind those of a header if there is one."""
    return b'<s:Envelope xmlns:s="%s">%s<s:Body>%s</s:Body></s:Envelope>' % (_SOAP.encode(), header, message)


def in_ecp_envelope(message: bytes, acs_url: str) -> bytes:
    """A Response for a program, which compares the address with the one that the service told it (ECP 2.0 §2.3.5)."""
    header = made(_soap("Header"), {"s": _SOAP, "ecp": _ECP})
    for name, more in (("Response", {"AssertionConsumerServiceURL": acs_url}), ("RequestAuthenticated", {})):
        understood = {_soap("mustUnderstand"): "1"} if more else {}
        child(header, f"{{{_ECP}}}{name}", None, **{**understood, _soap("actor"): _NEXT, **more})
    return in_envelope(message, etree.tostring(header))


def read_artifact_resolve(octets: bytes) -> ArtifactResolve:
    """The one question in a SOAP envelope. Raises `AssertionRejected`."""
    return _resolve(_body(parse_message(octets)))


def read_signed_resolve(signed: Signed) -> ArtifactResolve:
    """The question of octets that a signature covered. Raises `AssertionRejected`."""
    return _resolve(signed.tree())


def _resolve(element: Element) -> ArtifactResolve:
    reader, found, issuer = opened(element, "ArtifactResolve", ("Destination", "Consent"))
    signature = reader.optional(SIGNATURE)
    reader.refuse(samlp("Extensions"), "extensions")
    artifact = plain(reader.one(samlp("Artifact"), "Artifact"), "Artifact")
    reader.end()
    return ArtifactResolve(
        request_id=identifier(found["ID"], "ArtifactResolve"),
        issue_instant=instant(found["IssueInstant"], "ArtifactResolve"),
        issuer=issuer,
        destination=stated(found, "Destination", "destination"),
        artifact=artifact,
        signed=signature is not None,
        octets=_alone(element),
    )


def message_in(octets: bytes) -> bytes:
    """The one message in a SOAP envelope, as a document of its own. Raises `AssertionRejected`."""
    return _alone(_body(parse_message(octets)))


def read_artifact_response(octets: bytes) -> ArtifactResponse:
    """The one message in a SOAP envelope. Raises `AssertionRejected`."""
    element = _body(parse_message(octets))
    reader, found, issuer = opened(element, "ArtifactResponse", ("Destination", "InResponseTo", "Consent"))
    signature = reader.optional(SIGNATURE)
    reader.refuse(samlp("Extensions"), "extensions")
    status, _, _ = read_status(reader.one(samlp("Status"), "Status"))
    response = reader.optional(samlp("Response"))
    reader.end()
    identifier(found["ID"], "ArtifactResponse")
    return ArtifactResponse(
        issue_instant=instant(found["IssueInstant"], "ArtifactResponse"),
        issuer=issuer,
        in_response_to=stated(found, "InResponseTo", "in_response_to"),
        status=status,
        signed=signature is not None,
        octets=_alone(element),
        message=b"" if response is None else _alone(response),
    )


def _body(root: Element) -> Element:
    """The one child of the body; a Header has nothing in it that anybody would have to understand."""
    if root.tag != _soap("Envelope"):
        raise AssertionRejected("soap", "no SOAP envelope")
    reader = Reader(root, "Envelope")
    reader.only(())
    header, body = reader.optional(_soap("Header")), reader.one(_soap("Body"), "Body")
    reader.end()
    if len(body) != 1 or (body.text and body.text.strip()) or (header is not None and len(header)):
        raise AssertionRejected("soap", "a SOAP envelope with a header, or without one message in its body")
    if body[0].tag == _soap("Fault"):
        raise AssertionRejected("artifact_fault", "the provider answers with a SOAP fault")
    return body[0]


def _alone(element: Element) -> bytes:
    """An element as a document of its own. All namespaces in its scope come along: a signature may cover their prefixes."""
    return etree.tostring(element, encoding="unicode", with_tail=False).encode()


def _soap(local: str) -> str:
    return f"{{{_SOAP}}}{local}"
