"""The metadata of the public bodies for which we stand: one EntityDescriptor each, alone or in one EntitiesDescriptor.

```xml
<md:EntityDescriptor entityID>
  <md:SPSSODescriptor> our keys and addresses, which all of them have
    [<md:AttributeConsumingService index> <md:ServiceName xml:lang>… <md:RequestedAttribute Name>…]…
  <md:Organization> <md:OrganizationName xml:lang>… <md:OrganizationDisplayName …>… <md:OrganizationURL …>…
  [<md:ContactPerson contactType> [<md:Extensions>] <md:Company> [<md:EmailAddress>] [<md:TelephoneNumber>]]…
```

The extensions are Italy's: those of SPID (Avviso 19, its schema 2.1) or those of CIE (its technical manual).
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

from connectors.formats.grammar import written
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element
from connectors.wire.names import MD, XML_LANG, md
from policies.bodies import CIE, SPID, Aggregator, Body, Contact

_NAMESPACES = {
    SPID: "https://spid.gov.it/saml-extensions",
    CIE: "https://www.cartaidentita.interno.gov.it/saml-extensions",
}
_AGGREGATED, _AGGREGATOR = "Public", "PublicServicesFullAggregator"


@dataclass(frozen=True, slots=True)
class BodyService:
    """One service of a body: its number, its names by language, and the attributes that are asked for it, by wire name."""

    index: int
    names: Mapping[str, str]
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BodyEntity:
    """One body as an entity."""

    entity_id: str
    body: Body
    services: tuple[BodyService, ...]
    # where words of logout come for it
    logout_url: str


def body_element(entity: BodyEntity, ours: Element, aggregator: Aggregator | None) -> Element:
    """The body's EntityDescriptor, unsigned: a copy of `ours`, with another name and about somebody else."""
    root, body = deepcopy(ours), entity.body
    root.set("entityID", entity.entity_id)
    for logout in root[0].iterfind(md("SingleLogoutService")):
        logout.set("Location", entity.logout_url)
    for service in entity.services:
        element = child(root[0], md("AttributeConsumingService"), index=str(service.index))
        _translated(element, "ServiceName", service.names)
        for name in service.attributes:
            child(element, md("RequestedAttribute"), Name=name)
    organization = child(root, md("Organization"))
    # SPID compares a contact's Company with the first name
    languages = sorted(body.name, key=lambda one: one != "it")
    _translated(organization, "OrganizationName", {one: body.name[one] for one in languages})
    _translated(organization, "OrganizationDisplayName", {one: body.display_name[one] for one in languages})
    _translated(organization, "OrganizationURL", dict.fromkeys(languages, body.url))
    if aggregator is None or not aggregator.scheme:
        _contact(root, body.contact, body.name["en"], "administrative")
        if aggregator is not None:
            _contact(root, aggregator.contact, aggregator.company, "technical")
    elif aggregator.scheme == SPID:
        _contact(root, aggregator.contact, aggregator.company, "other", SPID, _AGGREGATOR, "aggregator")
        _contact(root, body.contact, body.name["it"], "other", SPID, _AGGREGATED, "aggregated")
    else:
        _contact(root, body.contact, body.name["it"], "administrative", CIE, "Public")
        kind = "Public" if "IPACode" in aggregator.contact.codes else "Private"
        _contact(root, aggregator.contact, aggregator.company, "technical", CIE, kind)
    return root


def aggregate_element(name: str, document_id: str, valid_until: int, cached: int) -> Element:
    """The EntitiesDescriptor of all, without them, unsigned. `valid_until`: seconds since the epoch; `cached`: seconds."""
    times = {"validUntil": written(valid_until), "cacheDuration": f"PT{cached}S"}
    return made(md("EntitiesDescriptor"), {"md": MD}, ID=document_id, Name=name, **times)


def _translated(parent: Element, name: str, texts: Mapping[str, str]) -> None:
    for language, text in texts.items():
        child(parent, md(name), text).set(XML_LANG, language)


def _contact(
    root: Element, contact: Contact, company: str, kind: str, scheme: str = "", qualifier: str = "", entity_type: str = ""
) -> None:
    element = made(md("ContactPerson"), {scheme: _NAMESPACES[scheme]} if scheme else {}, contactType=kind)
    root.append(element)
    if scheme:
        namespace = _NAMESPACES[scheme]
        if entity_type:
            element.set(f"{{{namespace}}}entityType", f"{scheme}:{entity_type}")
        extensions = child(element, md("Extensions"))
        for name, text in contact.codes.items():
            child(extensions, f"{{{namespace}}}{name}", text)
        child(extensions, f"{{{namespace}}}{qualifier}")
    child(element, md("Company"), company)
    if contact.email:
        # Metadata 2.0 §2.3.2.2: a mailto: URI; Italy writes the bare address
        child(element, md("EmailAddress"), contact.email if scheme else f"mailto:{contact.email}")
    if contact.telephone:
        child(element, md("TelephoneNumber"), contact.telephone)
