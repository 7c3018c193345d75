"""The parts of an entity's metadata beside its keys and services: its scopes, and what a federation says of it.

md:Extensions of the entity or the role   shibmd:Scope [regexp="false"]
md:Extensions of the entity               mdattr:EntityAttributes / saml:Attribute / saml:AttributeValue
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.signatures.parse import Element, attributes
from connectors.wire.names import DISCOVERY, DISCOVERY_RESPONSE, MDATTR, SOAP, md, saml

SHIBMD = "urn:mace:shibboleth:metadata:1.0"
_INDEX = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class LogoutService:
    """A SingleLogoutService (Metadata 2.0 §2.4.3): where requests go, and where answers do."""

    url: str
    answers: str


def scopes_of(entity: Element, role: Element) -> frozenset[str]:
    """The scopes in small letters. A pattern (`regexp`) gives none: two readers of one differ, and one may never end."""
    found = [
        (scope.text or "").strip().lower()
        for holder in (entity, role)
        for scope in holder.iterfind(f"{md('Extensions')}/{{{SHIBMD}}}Scope")
        if attributes(scope).get("regexp", "false") in ("false", "0")
    ]
    return frozenset(filter(None, found))


def entity_attributes_of(entity: Element) -> Mapping[str, frozenset[str]]:
    """The values of each entity attribute, by its name. Signed assertions among them are skipped: nobody verified them."""
    found: dict[str, frozenset[str]] = {}
    for attribute in entity.iterfind(f"{md('Extensions')}/{{{MDATTR}}}EntityAttributes/{saml('Attribute')}"):
        name = attributes(attribute).get("Name", "")
        values = {(value.text or "").strip() for value in attribute.iterchildren(saml("AttributeValue"))}
        found[name] = found.get(name, frozenset()) | values - {""}
    return found


def resolvers_of(role: Element) -> Mapping[int, str]:
    """The ArtifactResolutionServices over SOAP by their index, the first of two. One without an index resolves nothing."""
    found: dict[int, str] = {}
    for service in role.iterchildren(md("ArtifactResolutionService")):
        said = attributes(service)
        if said.get("Binding") == SOAP and _INDEX.fullmatch(said.get("index", "")):
            found.setdefault(int(said["index"]), said.get("Location", ""))
    return found


def logout_services_of(role: Element) -> Mapping[str, LogoutService]:
    """The SingleLogoutServices by their bindings, the first of two. One without a Location is none."""
    found: dict[str, LogoutService] = {}
    for service in role.iterchildren(md("SingleLogoutService")):
        said = attributes(service)
        if url := said.get("Location", ""):
            found.setdefault(said.get("Binding", ""), LogoutService(url, said.get("ResponseLocation") or url))
    return found


def discovery_responses_of(role: Element) -> tuple[str, ...]:
    """The addresses of the DiscoveryResponses of a role, the default one first.

    Those of other bindings are none (Identity Provider Discovery Service Protocol §2.5).
    """
    found = [attributes(one) for one in role.iterfind(f"{md('Extensions')}/{DISCOVERY_RESPONSE}")]
    ours = [one for one in found if one.get("Binding") == DISCOVERY and one.get("Location")]
    ours.sort(key=lambda one: (one.get("isDefault") not in ("true", "1"), one.get("isDefault") in ("false", "0")))
    return tuple(one["Location"] for one in ours)
