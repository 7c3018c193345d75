"""The AuthnRequest between nodes (eIDAS SAML Message Format §3.1 and §3.2), both ways.

```xml
<samlp:AuthnRequest ID Version="2.0" IssueInstant Destination ForceAuthn="true" IsPassive="false" ProviderName>
  <saml:Issuer> [<ds:Signature>]
  <samlp:Extensions>
    [<eidas:SPType>] <eidas:RequestedAttributes> <eidas:RequestedAttribute FriendlyName Name NameFormat isRequired>…
  [<samlp:NameIDPolicy AllowCreate="true" Format>]
  <samlp:RequestedAuthnContext Comparison> <saml:AuthnContextClassRef>…
  [<samlp:Scoping> <samlp:RequesterID>]
```

The reader refuses what the grammar does not have. `connectors.request_checks` then judges by name what a request must have
and mean, so that a peer whose request is at fault gets an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.formats.eidas.registry import EIDAS, EIDAS_PREFIX, MINIMUMS, NATURAL_PERSON, PLAIN, Registry
from connectors.formats.grammar import Reader, boolean, identifier, instant, plain, stated, written
from connectors.formats.saml_head import opened
from connectors.signatures.elements import child, made
from connectors.signatures.parse import MAX_OCTETS, Element, attributes, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import ATTRNAME_URI, SAML, SAMLP, saml, samlp
from policies.errors import AssertionRejected

_OPTIONAL_ATTRIBUTES = (
    *("Destination", "Consent", "ForceAuthn", "IsPassive"),
    *("ProtocolBinding", "AssertionConsumerServiceURL", "ProviderName"),
)


@dataclass(frozen=True, slots=True)
class RequestedAttribute:
    """One attribute that is asked for, by its URI."""

    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class EidasRequest:
    """One question of one node to another. Absent parts are empty; times are seconds since the epoch.

    `comparison` is `exact` where the message has a RequestedAuthnContext without one, and empty where it has none at all.
    `is_passive` and `allow_create` are None where the message does not say.
    """

    request_id: str
    issue_instant: int
    destination: str
    issuer: str
    provider_name: str
    sp_type: str
    requester_id: str
    comparison: str
    contexts: tuple[str, ...]
    attributes: tuple[RequestedAttribute, ...]
    name_id_format: str = ""
    acs_url: str = ""
    protocol_binding: str = ""
    force_authentication: bool = True
    is_passive: bool | None = False
    consent: str = ""
    allow_create: bool | None = None


def asked_attributes(
    optional: Iterable[str] = (), sets: Iterable[str] = (NATURAL_PERSON,), registry: Registry = PLAIN
) -> tuple[RequestedAttribute, ...]:
    """The whole minimum data sets of natural or legal persons, and `optional` ones beside them.

    KeyError for what the registry does not have; nobody asks for a representative's.
    """
    names = dict.fromkeys((*(uri for kind in sets for uri in MINIMUMS[kind]), *optional))
    return tuple(RequestedAttribute(name, required=registry[name].mandatory) for name in names)


def request_element(request: EidasRequest, registry: Registry = PLAIN) -> Element:
    """The element, unsigned, without AssertionConsumerServiceURL, ProtocolBinding and Consent: metadata has our address."""
    issued = {"Version": "2.0", "IssueInstant": written(request.issue_instant), "Destination": request.destination}
    manner = {"ForceAuthn": "true", "IsPassive": "false", "ProviderName": request.provider_name}
    names = {"samlp": SAMLP, "saml": SAML, EIDAS_PREFIX: EIDAS}
    root = made(samlp("AuthnRequest"), names, ID=request.request_id, **issued, **manner)
    child(root, saml("Issuer"), request.issuer)
    extensions = child(root, samlp("Extensions"))
    if request.sp_type:
        child(extensions, f"{{{EIDAS}}}SPType", request.sp_type)
    asked = child(extensions, f"{{{EIDAS}}}RequestedAttributes")
    for attribute in request.attributes:
        known = registry.get(attribute.name)
        friendly = {} if known is None else {"FriendlyName": known.friendly_name}
        # One schema in the field requires isRequired, the other does not: we always say it
        required = "true" if attribute.required else "false"
        said = {**friendly, "Name": attribute.name, "NameFormat": ATTRNAME_URI, "isRequired": required}
        child(asked, f"{{{EIDAS}}}RequestedAttribute", **said)
    if request.name_id_format:
        child(root, samlp("NameIDPolicy"), AllowCreate="true", Format=request.name_id_format)
    context = child(root, samlp("RequestedAuthnContext"), Comparison=request.comparison)
    for name in request.contexts:
        child(context, saml("AuthnContextClassRef"), name)
    if request.requester_id:
        child(child(root, samlp("Scoping")), samlp("RequesterID"), request.requester_id)
    return root


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The facts that a signed request gives even where it is refused; "" and None where it does not say them."""

    request_id: str
    issuer: str
    issue_instant: int | None


def read_request_head(signed: Signed) -> RequestHead:
    """The claimed sender, ID and time of a request: they attribute it, and allow an answer."""
    root = parse_canonical(signed.octets)
    found = attributes(root)
    issuer = root.find(saml("Issuer"))
    try:
        request_id = identifier(found.get("ID", ""), "AuthnRequest")
    except AssertionRejected:
        request_id = ""
    try:
        issued = instant(found.get("IssueInstant", ""), "AuthnRequest")
    except AssertionRejected:
        issued = None
    return RequestHead(request_id, "" if issuer is None or len(issuer) else issuer.text or "", issued)


def read_request(signed: Signed) -> EidasRequest:
    """The AuthnRequest of octets that a signature covered. Raises `AssertionRejected`."""
    reader, found, issuer = opened(parse_canonical(signed.octets), "AuthnRequest", _OPTIONAL_ATTRIBUTES)
    reader.optional(SIGNATURE)
    request = EidasRequest(
        request_id=identifier(found["ID"], "AuthnRequest"),
        issue_instant=instant(found["IssueInstant"], "AuthnRequest"),
        destination=stated(found, "Destination", "destination"),
        issuer=issuer,
        provider_name=found.get("ProviderName", ""),
        sp_type="",
        requester_id="",
        comparison="",
        contexts=(),
        attributes=(),
        acs_url=stated(found, "AssertionConsumerServiceURL", "acs_url"),
        protocol_binding=stated(found, "ProtocolBinding", "protocol_binding"),
        # SAML Core 2.0 §3.4.1: absent is false
        force_authentication=boolean(found.get("ForceAuthn", "false"), "AuthnRequest"),
        is_passive=boolean(found["IsPassive"], "AuthnRequest") if "IsPassive" in found else None,
        consent=stated(found, "Consent", "consent"),
    )
    return _read_children(reader, request)


def _read_children(reader: Reader, request: EidasRequest) -> EidasRequest:
    """The children after Issuer and Signature, in the schema's order; no Subject and no Conditions."""
    if (extensions := reader.optional(samlp("Extensions"))) is not None:
        sp_type, asked = _read_extensions(extensions)
        request = replace(request, sp_type=sp_type, attributes=asked)
    if (policy := reader.optional(samlp("NameIDPolicy"))) is not None:
        inner = Reader(policy, "NameIDPolicy")
        found = inner.only((), ("Format", "AllowCreate"))
        inner.end()
        allow = boolean(found["AllowCreate"], "NameIDPolicy") if "AllowCreate" in found else None
        request = replace(request, name_id_format=stated(found, "Format", "name_id_policy"), allow_create=allow)
    if (context := reader.optional(samlp("RequestedAuthnContext"))) is not None:
        inner = Reader(context, "RequestedAuthnContext")
        comparison = inner.only((), ("Comparison",)).get("Comparison", "exact")
        contexts = tuple(plain(child, "AuthnContextClassRef") for child in inner.many(saml("AuthnContextClassRef")))
        inner.end()
        request = replace(request, comparison=comparison, contexts=contexts)
    if (scoping := reader.optional(samlp("Scoping"))) is not None:
        request = replace(request, requester_id=_read_scoping(scoping))
    reader.end()
    return request


def _read_extensions(element: Element) -> tuple[str, tuple[RequestedAttribute, ...]]:
    """SPType and RequestedAttributes, in this order, and nothing else."""
    reader = Reader(element, "Extensions")
    reader.only(())
    sp_type = reader.optional(f"{{{EIDAS}}}SPType")
    asked = reader.optional(f"{{{EIDAS}}}RequestedAttributes")
    reader.end()
    found: list[RequestedAttribute] = []
    if asked is not None:
        inner = Reader(asked, "RequestedAttributes")
        inner.only(())
        found = [_read_attribute(child) for child in inner.many(f"{{{EIDAS}}}RequestedAttribute")]
        inner.end()
    return "" if sp_type is None else plain(sp_type, "SPType"), tuple(found)


def _read_attribute(element: Element) -> RequestedAttribute:
    """One RequestedAttribute. Values that it names, and attributes of other namespaces, pass and are not read."""
    reader = Reader(element, "RequestedAttribute")
    found = reader.only(("Name", "NameFormat"), ("FriendlyName", "isRequired"), but=EIDAS)
    reader.many(f"{{{EIDAS}}}AttributeValue")
    reader.end()
    if found["NameFormat"] != ATTRNAME_URI:
        raise AssertionRejected("name_format", "a RequestedAttribute whose name is no URI")
    return RequestedAttribute(found["Name"], required=boolean(found.get("isRequired", "false"), "RequestedAttribute"))


def _read_scoping(element: Element) -> str:
    """The first RequesterID. Further ones asked that requester, and do not concern us."""
    reader = Reader(element, "Scoping")
    reader.only((), ("ProxyCount",))
    found = [plain(child, "RequesterID", MAX_OCTETS) for child in reader.many(samlp("RequesterID"))]
    reader.end()
    return found[0] if found else ""
