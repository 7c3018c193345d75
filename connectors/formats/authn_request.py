"""The AuthnRequest of saml2int (SAML Core 2.0 §3.4.1): the one that we send, and those that service providers send us.

```xml
<samlp:AuthnRequest ID Version="2.0" IssueInstant Destination [ForceAuthn] [IsPassive] [ProtocolBinding]
                    [AssertionConsumerServiceURL | AssertionConsumerServiceIndex] [AttributeConsumingServiceIndex]
                    [ProviderName] [Consent]>
  <saml:Issuer> [<samlp:Extensions> [<eidas:RequestedAttributes> | <req-attr:RequestedAttributes>]…]
  [<samlp:NameIDPolicy [Format] [AllowCreate] [SPNameQualifier]>]
  [<samlp:RequestedAuthnContext [Comparison]> <saml:AuthnContextClassRef>…]
  [<samlp:Scoping [ProxyCount]>
     [<samlp:IDPList> <samlp:IDPEntry ProviderID [Name] [Loc]>… [<samlp:GetComplete>]] <samlp:RequesterID>…]
```

Subject, Conditions and AuthnContextDeclRef are remembered by their checks' names in `beyond`, for whoever judges.
Extensions that we do not know mean nothing (Core 2.0 §3.2.1). Everything else that is not here is unknown, and refused.
"""

import re
from dataclasses import dataclass, field

from connectors.formats.eidas.registry import EIDAS
from connectors.formats.eidas.request import RequestedAttribute
from connectors.formats.grammar import Reader, boolean, empty, identifier, instant, plain, stated, written
from connectors.formats.saml_head import opened
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, attributes, children_of, parse_canonical
from connectors.signatures.verification_result import Signed
from connectors.wire.names import ENTITY, POST, REQ_ATTR, SAML, SAMLP, TRANSIENT, md, saml, samlp
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
    # the number of an AttributeConsumingService of the issuer; None asks for none
    attribute_service: int | None = None
    # whether the Issuer says that it is an entity, and of which (SPID, Technical Rules 1.2.2.1)
    qualified: bool = False


def authn_request_element(request: AuthnRequest) -> Element:
    """The element, unsigned."""
    issued = {"Version": "2.0", "IssueInstant": written(request.issue_instant), "Destination": request.destination}
    answered = {"AssertionConsumerServiceURL": request.acs_url, "ProtocolBinding": request.binding}
    force = {"ForceAuthn": "true"} if request.force_authentication else {}
    if request.attribute_service is not None:
        answered["AttributeConsumingServiceIndex"] = str(request.attribute_service)
    names = {"samlp": SAMLP, "saml": SAML}
    root = made(samlp("AuthnRequest"), names, ID=request.request_id, **issued, **answered, **force)
    qualified = {"Format": ENTITY, "NameQualifier": request.issuer} if request.qualified else {}
    child(root, saml("Issuer"), request.issuer, **qualified)
    # saml2int SDP-SP04: no Format unless the registration wants one, since the subject may be identified by an attribute
    wanted = {"Format": request.name_id_format} if request.name_id_format else {}
    # §3.4.1.1 (Errata 05, E14): AllowCreate is not for transient ones
    created = {} if request.name_id_format == TRANSIENT else {"AllowCreate": "true"}
    child(root, samlp("NameIDPolicy"), **wanted, **created)
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


# Nobody asks for more; the request travels with the login
MAX_ATTRIBUTES, MAX_PROVIDERS = 64, 64
_ASKING = (f"{{{EIDAS}}}RequestedAttributes", f"{{{REQ_ATTR}}}RequestedAttributes")
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
    acs_url: str = ""
    acs_index: int | None = None
    attribute_index: int | None = None
    protocol_binding: str = ""
    force_authentication: bool = False
    is_passive: bool = False
    provider_name: str = ""
    consent: str = ""
    name_id_format: str = ""
    sp_name_qualifier: str = ""
    allow_create: bool = False
    comparison: str = ""
    contexts: tuple[str, ...] = ()
    # what it asks for itself, beside its metadata
    attributes: tuple[RequestedAttribute, ...] = ()
    scoping: Scoping = field(default_factory=Scoping)
    # the checks of what it has and nobody here gives
    beyond: tuple[str, ...] = ()


def read_authn_request(signed: Signed) -> AuthnRequestMessage:
    """The AuthnRequest of octets that a signature covered. Raises `AssertionRejected`."""
    reader, found, issuer = opened(parse_canonical(signed.octets), "AuthnRequest", _OPTIONAL_ATTRIBUTES)
    asked = _read_extensions(reader.optional(samlp("Extensions")))
    beyond = ["subject"] if reader.optional(saml("Subject")) is not None else []
    policy = _read_policy(reader.optional(samlp("NameIDPolicy")))
    beyond += ["conditions"] if reader.optional(saml("Conditions")) is not None else []
    comparison, contexts, declared = _read_contexts(reader.optional(samlp("RequestedAuthnContext")))
    beyond += ["authn_context_declaration"] if declared else []
    scoping = _read_scoping(reader.optional(samlp("Scoping")))
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
        attributes=asked,
        scoping=scoping,
        beyond=tuple(beyond),
    )


def _read_extensions(element: Element | None) -> tuple[RequestedAttribute, ...]:
    """The attributes that it asks for: as eIDAS has them, or by the extension of OASIS, which has those of metadata."""
    found: list[RequestedAttribute] = []
    for extension in () if element is None else children_of(element):
        if extension.tag not in _ASKING:
            continue
        for one in children_of(extension):
            named = attributes(one)
            if one.tag not in (f"{{{EIDAS}}}RequestedAttribute", md("RequestedAttribute")) or not named.get("Name"):
                raise AssertionRejected("requested_attribute", "a RequestedAttribute that is none, or has no Name")
            found.append(RequestedAttribute(named["Name"], boolean(named.get("isRequired", "false"), "RequestedAttribute")))
    if len(found) > MAX_ATTRIBUTES:
        raise AssertionRejected("requested_attribute", f"more than {MAX_ATTRIBUTES} attributes")
    return tuple(found)


def _read_scoping(element: Element | None) -> Scoping:
    """§3.4.1.2. Names and places in an IDPList are for discovery, and GetComplete is a list that we fetch from nobody."""
    if element is None:
        return Scoping()
    reader = Reader(element, "Scoping")
    count = _index(reader.only((), ("ProxyCount",)).get("ProxyCount"), "proxy_count")
    listed = reader.optional(samlp("IDPList"))
    requesters = tuple(plain(one, "RequesterID") for one in reader.many(samlp("RequesterID")))
    reader.end()
    providers: tuple[str, ...] = ()
    if listed is not None:
        entries = Reader(listed, "IDPList")
        entries.only(())
        found = entries.many(samlp("IDPEntry"))
        providers = tuple(empty(one, "IDPEntry", ("ProviderID",), ("Name", "Loc"))["ProviderID"] for one in found)
        entries.optional(samlp("GetComplete"))
        entries.end()
        if not 0 < len(providers) <= MAX_PROVIDERS:
            raise AssertionRejected("idp_list", f"an IDPList of nobody, or of more than {MAX_PROVIDERS}")
    return Scoping(providers, count, requesters)


def _read_policy(element: Element | None) -> dict[str, str]:
    """The attributes of a NameIDPolicy (§3.4.1.1), none where there is none."""
    if element is None:
        return {}
    reader = Reader(element, "NameIDPolicy")
    found = reader.only((), ("Format", "AllowCreate", "SPNameQualifier"))
    reader.end()
    return found


def _read_contexts(element: Element | None) -> tuple[str, tuple[str, ...], bool]:
    """Comparison and AuthnContextClassRefs (§3.3.2.2.1), and whether there are declarations in place of these."""
    if element is None:
        return "", (), False
    reader = Reader(element, "RequestedAuthnContext")
    comparison = reader.only((), ("Comparison",)).get("Comparison", "exact")
    contexts = tuple(plain(child, "AuthnContextClassRef") for child in reader.many(saml("AuthnContextClassRef")))
    declared = reader.many(saml("AuthnContextDeclRef"))
    reader.end()
    return comparison, contexts, bool(declared)


def _index(text: str | None, check: str) -> int | None:
    """An xs:unsignedShort in its canonical spelling: two readers of "007" may choose two addresses."""
    if text is None:
        return None
    if not _INDEX.fullmatch(text) or int(text) > _MAX_INDEX:
        raise AssertionRejected(check, "an index that is none")
    return int(text)
