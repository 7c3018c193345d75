"""The AuthnRequest of saml2int (SAML Core 2.0 §3.4.1): the one that we send, and those that service providers send us.

```xml
<samlp:AuthnRequest ID Version="2.0" IssueInstant Destination [ForceAuthn] [IsPassive] [ProtocolBinding]
                    [AssertionConsumerServiceURL | AssertionConsumerServiceIndex] [AttributeConsumingServiceIndex]
                    [ProviderName] [Consent]>
  <saml:Issuer> [<samlp:NameIDPolicy [Format] [AllowCreate] [SPNameQualifier]>]
  [<samlp:RequestedAuthnContext [Comparison]> <saml:AuthnContextClassRef>…]
```

Refused by name: Extensions, Subject, Conditions, Scoping, AuthnContextDeclRef; everything else that is not here is unknown.
"""

import re
from dataclasses import dataclass, field

from connectors.formats.grammar import Reader, boolean, identifier, instant, plain, stated, written
from connectors.formats.saml_head import opened
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, parse_canonical
from connectors.signatures.verification_result import Signed
from connectors.wire.names import POST, SAML, SAMLP, saml, samlp
from policies.authentication import Scoping
from policies.errors import AssertionRejected


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """One question. One of the AuthnContextClassRefs in `contexts` must be reached, compared as `comparison` says."""

    request_id: str
    issue_instant: int
    destination: str
    issuer: str
    acs_url: str
    force_authentication: bool
    comparison: str  # "exact" or "minimum"; "" asks for none
    contexts: tuple[str, ...]
    # the Format of the NameIDPolicy; "" leaves it out
    name_id_format: str = ""
    # the binding of the answer
    binding: str = POST
    scoping: Scoping = field(default_factory=Scoping)


def authn_request_element(request: AuthnRequest) -> Element:
    """The element, unsigned."""
    issued = {"Version": "2.0", "IssueInstant": written(request.issue_instant), "Destination": request.destination}
    answered = {"AssertionConsumerServiceURL": request.acs_url, "ProtocolBinding": request.binding}
    force = {"ForceAuthn": "true"} if request.force_authentication else {}
    names = {"samlp": SAMLP, "saml": SAML}
    root = made(samlp("AuthnRequest"), names, ID=request.request_id, **issued, **answered, **force)
    child(root, saml("Issuer"), request.issuer)
    # saml2int SDP-SP04: no Format unless the registration wants one, since the subject may be identified by an attribute
    wanted = {"Format": request.name_id_format} if request.name_id_format else {}
    child(root, samlp("NameIDPolicy"), **wanted, AllowCreate="true")
    if request.comparison:
        context = child(root, samlp("RequestedAuthnContext"), Comparison=request.comparison)
        for name in request.contexts:
            child(context, saml("AuthnContextClassRef"), name)
    if request.scoping != Scoping():
        _add_scoping(root, request.scoping)
    return root


def _add_scoping(root: Element, scoping: Scoping) -> None:
    """§3.4.1.2, in the schema's order."""
    count = {} if scoping.proxy_count is None else {"ProxyCount": str(scoping.proxy_count)}
    element = child(root, samlp("Scoping"), **count)
    if scoping.providers:
        listed = child(element, samlp("IDPList"))
        for provider in scoping.providers:
            child(listed, samlp("IDPEntry"), ProviderID=provider)
    for requester in scoping.requesters:
        child(element, samlp("RequesterID"), requester)


_INDEX = re.compile(r"0|[1-9][0-9]{0,4}")
_MAX_INDEX = 65535
_OPTIONAL_ATTRIBUTES = (
    *("Destination", "Consent", "ForceAuthn", "IsPassive", "ProtocolBinding", "ProviderName"),
    *("AssertionConsumerServiceURL", "AssertionConsumerServiceIndex", "AttributeConsumingServiceIndex"),
)


@dataclass(frozen=True, slots=True)
class AuthnRequestMessage:
    """A service provider's question, read from signed octets alone. Absent parts are "" or None; times are seconds.

    `comparison` is `exact` where the message has a RequestedAuthnContext without one, and "" where it has none at all.
    """

    request_id: str
    issue_instant: int
    issuer: str
    destination: str
    acs_url: str
    acs_index: int | None
    attribute_index: int | None
    protocol_binding: str
    force_authentication: bool
    is_passive: bool
    provider_name: str
    consent: str
    name_id_format: str
    sp_name_qualifier: str
    allow_create: bool
    comparison: str
    contexts: tuple[str, ...]


def read_authn_request(signed: Signed) -> AuthnRequestMessage:
    """The AuthnRequest of octets that a signature covered. Raises `AssertionRejected`."""
    reader, found, issuer = opened(parse_canonical(signed.octets), "AuthnRequest", _OPTIONAL_ATTRIBUTES)
    reader.refuse(samlp("Extensions"), "extensions")
    # A service provider must not say whom to sign in, until when to believe it, or who else may answer
    reader.refuse(saml("Subject"), "subject")
    policy = _read_policy(reader.optional(samlp("NameIDPolicy")))
    reader.refuse(saml("Conditions"), "conditions")
    comparison, contexts = _read_contexts(reader.optional(samlp("RequestedAuthnContext")))
    reader.refuse(samlp("Scoping"), "scoping")
    reader.end()
    return AuthnRequestMessage(
        request_id=identifier(found["ID"], "AuthnRequest"),
        issue_instant=instant(found["IssueInstant"], "AuthnRequest"),
        issuer=issuer,
        destination=stated(found, "Destination", "destination"),
        acs_url=stated(found, "AssertionConsumerServiceURL", "acs_url"),
        acs_index=_index(found.get("AssertionConsumerServiceIndex"), "acs_index"),
        attribute_index=_index(found.get("AttributeConsumingServiceIndex"), "attribute_index"),
        protocol_binding=stated(found, "ProtocolBinding", "protocol_binding"),
        force_authentication=boolean(found.get("ForceAuthn", "false"), "AuthnRequest"),
        is_passive=boolean(found.get("IsPassive", "false"), "AuthnRequest"),
        provider_name=found.get("ProviderName", ""),
        consent=stated(found, "Consent", "consent"),
        name_id_format=stated(policy, "Format", "name_id_policy"),
        sp_name_qualifier=stated(policy, "SPNameQualifier", "name_id_policy"),
        allow_create=boolean(policy.get("AllowCreate", "false"), "NameIDPolicy"),
        comparison=comparison,
        contexts=contexts,
    )


def _read_policy(element: Element | None) -> dict[str, str]:
    """The attributes of a NameIDPolicy (§3.4.1.1), none where there is none."""
    if element is None:
        return {}
    reader = Reader(element, "NameIDPolicy")
    found = reader.only((), ("Format", "AllowCreate", "SPNameQualifier"))
    reader.end()
    return found


def _read_contexts(element: Element | None) -> tuple[str, tuple[str, ...]]:
    """Comparison and AuthnContextClassRefs (§3.3.2.2.1)."""
    if element is None:
        return "", ()
    reader = Reader(element, "RequestedAuthnContext")
    comparison = reader.only((), ("Comparison",)).get("Comparison", "exact")
    reader.refuse(saml("AuthnContextDeclRef"), "authn_context_declaration")
    contexts = tuple(plain(child, "AuthnContextClassRef") for child in reader.many(saml("AuthnContextClassRef")))
    reader.end()
    return comparison, contexts


def _index(text: str | None, check: str) -> int | None:
    """An xs:unsignedShort in its canonical spelling: two readers of "007" may choose two addresses."""
    if text is None:
        return None
    if not _INDEX.fullmatch(text) or int(text) > _MAX_INDEX:
        raise AssertionRejected(check, "an index that is none")
    return int(text)
