"""The AuthnRequest of STORK with its extensions (STORK D5.8 §4), both ways.

```xml
<samlp:AuthnRequest ID Version="2.0" IssueInstant Destination ForceAuthn="true" IsPassive="false" ProtocolBinding="…:POST"
                    AssertionConsumerServiceURL ProviderName [Consent]>
  <saml:Issuer> [<ds:Signature>]
  <samlp:Extensions>
    <stork:QualityAuthenticationAssuranceLevel> [<stork:spSector>] [<stork:spInstitution>] [<stork:spApplication>]
    [<stork:spCountry>] [<storkp:eIDSectorShare>] [<storkp:eIDCrossSectorShare>] [<storkp:eIDCrossBorderShare>]
    <storkp:RequestedAttributes> <stork:RequestedAttribute Name NameFormat [FriendlyName] [isRequired]>
                                   <stork:AttributeValue>…
    [<storkp:AuthenticationAttributes> [<storkp:VIDPAuthenticationAttributes>
       [<storkp:CitizenCountryCode>] <storkp:SPInformation> <storkp:SPID> [<storkp:SPCertSig>] [<storkp:SPCertEnc>]
                                                            [<storkp:SPAuthRequest>]]]
```

No NameIDPolicy and no RequestedAuthnContext: a reader skips the first, and refuses the second. The certificates and the
request of a service inside of SPInformation vouch for nothing here, and are not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.formats.grammar import Reader, boolean, identifier, instant, plain, written
from connectors.formats.saml_head import opened
from connectors.formats.stork.registry import ATTRIBUTES, IS_AGE_OVER, QAA_LEVELS, STORK, STORKP, stork, storkp
from connectors.formats.stork.values import read_requested_age
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, children_of, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.wire.names import ATTRNAME_URI, ENTITY, POST, SAML, SAMLP, saml, samlp
from policies.errors import AssertionRejected

MAX_SP_ID = 20
# Nobody asks for more; the request travels with the login
MAX_ATTRIBUTES = 64
_QAA = stork("QualityAuthenticationAssuranceLevel")
_SHARES = ("eIDSectorShare", "eIDCrossSectorShare", "eIDCrossBorderShare")
# Texts about the service, with their longest length
_TEXTS: Mapping[str, int] = {"spSector": 20, "spInstitution": 255, "spApplication": 100}
_COUNTRY = re.compile(r"[A-Z]{2}")
_ASKED, _AUTHENTICATION = storkp("RequestedAttributes"), storkp("AuthenticationAttributes")
_ORDER = (_QAA, *map(stork, _TEXTS), stork("spCountry"), *map(storkp, _SHARES), _ASKED, _AUTHENTICATION)
_UNREAD = ("SPCertSig", "SPCertEnc", "SPAuthRequest")


@dataclass(frozen=True, slots=True)
class StorkAttributeRequest:
    """One attribute that is asked for, by its URI; `values` narrow it: the age of `isAgeOver`."""

    name: str
    required: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VidpInformation:
    """The part for a middleware country: the citizen's country ("" where it does not say), and the id of the service."""

    citizen_country: str
    sp_id: str


@dataclass(frozen=True, slots=True)
class StorkRequest:
    """One question of one country to another. Absent parts are empty or None; times are seconds since the epoch.

    The share flags say with whom services may share the identifier: of their sector, across sectors, across borders.
    """

    request_id: str
    issue_instant: int
    destination: str
    issuer: str
    acs_url: str
    provider_name: str
    qaa: str
    attributes: tuple[StorkAttributeRequest, ...]
    sector: str = ""
    institution: str = ""
    application: str = ""
    country: str = ""
    sector_share: bool = False
    cross_sector_share: bool = False
    cross_border_share: bool = False
    vidp: VidpInformation | None = None
    force_authentication: bool = True
    is_passive: bool = False
    protocol_binding: str = POST
    consent: str = ""


def request_element(request: StorkRequest) -> Element:
    """The element, unsigned. ValueError for a request that a peer would have to refuse."""
    if request.qaa not in QAA_LEVELS or not 0 < len(request.attributes) <= MAX_ATTRIBUTES:
        raise ValueError("a request of a level that STORK does not have, or for no attributes")
    issued = {"Version": "2.0", "IssueInstant": written(request.issue_instant), "Destination": request.destination}
    answered = {"ProtocolBinding": POST, "AssertionConsumerServiceURL": request.acs_url}
    manner = {"ForceAuthn": "true", "IsPassive": "false", "ProviderName": request.provider_name}
    names = {"samlp": SAMLP, "saml": SAML, "stork": STORK, "storkp": STORKP}
    root = made(samlp("AuthnRequest"), names, ID=request.request_id, **issued, **answered, **manner)
    child(root, saml("Issuer"), request.issuer, Format=ENTITY)
    extensions = child(root, samlp("Extensions"))
    child(extensions, _QAA, request.qaa)
    texts = zip(_TEXTS, (request.sector, request.institution, request.application), strict=True)
    for name, text in (*texts, ("spCountry", request.country)):
        if text:
            child(extensions, stork(name), text)
    shares = (request.sector_share, request.cross_sector_share, request.cross_border_share)
    for name, shared in zip(_SHARES, shares, strict=True):
        child(extensions, storkp(name), "true" if shared else "false")
    asked = child(extensions, _ASKED)
    for attribute in request.attributes:
        said = {"Name": attribute.name, "NameFormat": ATTRNAME_URI, "FriendlyName": ATTRIBUTES[attribute.name].name}
        required = "true" if attribute.required else "false"
        element = child(asked, stork("RequestedAttribute"), **said, isRequired=required)
        for value in attribute.values:
            child(element, stork("AttributeValue"), value)
    _write_vidp(child(extensions, _AUTHENTICATION), request.vidp)
    return root


def _write_vidp(holder: Element, vidp: VidpInformation | None) -> None:
    if vidp is None:
        return
    if not 0 < len(vidp.sp_id) <= MAX_SP_ID:
        raise ValueError(f"an SPID that is empty, or has more than {MAX_SP_ID} characters")
    element = child(holder, storkp("VIDPAuthenticationAttributes"))
    if vidp.citizen_country:
        child(element, storkp("CitizenCountryCode"), vidp.citizen_country)
    child(child(element, storkp("SPInformation")), storkp("SPID"), vidp.sp_id)


def read_request(signed: Signed) -> StorkRequest:
    """The AuthnRequest of octets that a signature covered. Raises `AssertionRejected`."""
    required = (
        *("Destination", "ForceAuthn", "IsPassive", "ProtocolBinding"),
        *("AssertionConsumerServiceURL", "ProviderName"),
    )
    reader, found, issuer = opened(parse_canonical(signed.octets), "AuthnRequest", ("Consent",), required)
    reader.optional(SIGNATURE)
    extensions = reader.one(samlp("Extensions"), "Extensions")
    # Engines of the time wrote one that asks for any format
    reader.optional(samlp("NameIDPolicy"))
    reader.end()
    in_order = _ordered(extensions)
    texts = {name: _text(in_order.get(stork(name)), name, longest) for name, longest in _TEXTS.items()}
    shares = {name: _flag(in_order.get(storkp(name)), name) for name in _SHARES}
    return StorkRequest(
        request_id=identifier(found["ID"], "AuthnRequest"),
        issue_instant=instant(found["IssueInstant"], "AuthnRequest"),
        destination=found["Destination"],
        issuer=issuer,
        acs_url=found["AssertionConsumerServiceURL"],
        provider_name=found["ProviderName"],
        qaa=_qaa(in_order.get(_QAA)),
        attributes=_read_asked(in_order.get(_ASKED)),
        sector=texts["spSector"],
        institution=texts["spInstitution"],
        application=texts["spApplication"],
        country=_country(in_order.get(stork("spCountry"))),
        sector_share=shares["eIDSectorShare"],
        cross_sector_share=shares["eIDCrossSectorShare"],
        cross_border_share=shares["eIDCrossBorderShare"],
        vidp=_read_vidp(in_order.get(_AUTHENTICATION)),
        force_authentication=boolean(found["ForceAuthn"], "AuthnRequest"),
        is_passive=boolean(found["IsPassive"], "AuthnRequest"),
        protocol_binding=found["ProtocolBinding"],
        consent=found.get("Consent", ""),
    )


def _ordered(element: Element) -> Mapping[str, Element]:
    """The extensions by their tags: each known, at most once, and in the profile's order."""
    reader = Reader(element, "Extensions")
    reader.only(())
    children = children_of(element)
    if any(one.tag not in _ORDER for one in children):
        raise AssertionRejected("unknown_element", "an extension that STORK does not have")
    places = [_ORDER.index(str(one.tag)) for one in children]
    if places != sorted(set(places)):
        raise AssertionRejected("extension_order", "extensions in another order than STORK's, or one twice")
    return {str(one.tag): one for one in children}


def _qaa(element: Element | None) -> str:
    if element is None or (text := plain(element, "QualityAuthenticationAssuranceLevel")) not in QAA_LEVELS:
        raise AssertionRejected("qaa", "a QualityAuthenticationAssuranceLevel that is missing, or none of 1 to 4")
    return text


def _text(element: Element | None, name: str, longest: int) -> str:
    if element is None:
        return ""
    text = plain(element, name)
    if not 0 < len(text) <= longest:
        raise AssertionRejected("sp_description", f"an {name} that is empty, or has more than {longest} characters")
    return text


def _flag(element: Element | None, name: str) -> bool:
    return element is not None and boolean(plain(element, name), name)


def _country(element: Element | None) -> str:
    if element is None:
        return ""
    text = plain(element, "country")
    if not _COUNTRY.fullmatch(text):
        raise AssertionRejected("country_code", "a country that is not two capital letters")
    return text


def _read_asked(element: Element | None) -> tuple[StorkAttributeRequest, ...]:
    if element is None:
        raise AssertionRejected("requested_attributes", "a request that asks for no attributes")
    reader = Reader(element, "RequestedAttributes")
    reader.only(())
    found = [_read_attribute(one) for one in reader.many(stork("RequestedAttribute"))]
    reader.end()
    if not 0 < len(found) <= MAX_ATTRIBUTES:
        raise AssertionRejected("requested_attributes", f"a request for no attributes, or for more than {MAX_ATTRIBUTES}")
    return tuple(found)


def _read_attribute(element: Element) -> StorkAttributeRequest:
    """One RequestedAttribute; no values are read but the age of isAgeOver: the request travels with the login."""
    reader = Reader(element, "RequestedAttribute")
    found = reader.only(("Name", "NameFormat"), ("FriendlyName", "isRequired"), but=STORK)
    values = reader.many(stork("AttributeValue"))
    reader.end()
    if found["NameFormat"] != ATTRNAME_URI:
        raise AssertionRejected("name_format", "a RequestedAttribute whose name is no URI")
    return StorkAttributeRequest(
        name=found["Name"],
        required=boolean(found.get("isRequired", "false"), "RequestedAttribute"),
        values=tuple(map(read_requested_age, values)) if found["Name"] == IS_AGE_OVER else (),
    )


def _read_vidp(element: Element | None) -> VidpInformation | None:
    if element is None:
        return None
    reader = Reader(element, "AuthenticationAttributes")
    reader.only(())
    held = reader.optional(storkp("VIDPAuthenticationAttributes"))
    reader.end()
    if held is None:
        return None
    inner = Reader(held, "VIDPAuthenticationAttributes")
    inner.only(())
    country = _country(inner.optional(storkp("CitizenCountryCode")))
    information = inner.optional(storkp("SPInformation"))
    inner.end()
    if information is None:
        raise AssertionRejected("sp_information", "a request to a middleware without SPInformation")
    about = Reader(information, "SPInformation")
    about.only(())
    service = about.optional(storkp("SPID"))
    for name in _UNREAD:
        about.optional(storkp(name))
    about.end()
    text = "" if service is None else plain(service, "SPID")
    if not 0 < len(text) <= MAX_SP_ID:
        raise AssertionRejected(
            "sp_information", f"an SPInformation whose SPID is missing, or not of 1 to {MAX_SP_ID} signs"
        )
    return VidpInformation(country, text)
