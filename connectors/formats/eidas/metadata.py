"""The facts in a node's signed metadata (eIDAS Interoperability Architecture §6, SAML Metadata 2.0 §2).

```xml
<md:EntityDescriptor entityID="https://…" validUntil="…">            <ds:Signature/> came first
  <md:Extensions>
    <mdattr:EntityAttributes>  protocol-version, application-identifier, assurance-certification, entity-category
    <eidas:SPType>public</eidas:SPType>                              a connector's, where it is fixed
  </md:Extensions>
  <md:IDPSSODescriptor>                                              a sending node's; md:SPSSODescriptor: a receiving one's
    <md:Extensions><eidas:NodeCountry>EE</eidas:NodeCountry></md:Extensions>
    <md:KeyDescriptor use="signing"/> …  <md:NameIDFormat/> …  <md:SingleSignOnService/> …  <saml:Attribute/> …
```

A node's country, role, keys, addresses and end are read by a closed grammar, once each; Organization,
contacts and extensions that we do not use are skipped.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

from connectors.deviations import NOTHING, Tolerance
from connectors.formats.eidas.registry import EIDAS, PROTOCOL_VERSIONS, SP_TYPES, is_level, is_patch
from connectors.formats.grammar import MAX_TEXT, instant
from connectors.formats.metadata import roles_of
from connectors.signatures.certificates import certificate_of, dates_of
from connectors.signatures.parse import Element, attributes, parse_canonical, parse_metadata, strict_base64
from connectors.signatures.profile import DS
from connectors.signatures.verification_result import Signed
from connectors.signatures.x509_lists import is_authority
from connectors.wire.names import ATTRNAME_URI, CERTIFICATION, ENTITY_CATEGORY, MDATTR, POST, REDIRECT, md, saml
from policies.deviations import (
    ATTRIBUTE_WITHOUT_NAME_FORMAT,
    NO_PROTOCOL_VERSION,
    PATCH_OF_PROTOCOL_VERSION,
    REGISTERED_COUNTRY,
    UNKNOWN_ASSURANCE,
)

Role = Literal["proxy", "connector"]

PROTOCOL_VERSION = "http://eidas.europa.eu/entity-attributes/protocol-version"
APPLICATION_IDENTIFIER = "http://eidas.europa.eu/entity-attributes/application-identifier"
WANTS_REQUESTER_ID = "http://eidas.europa.eu/entity-attributes/termsofaccess/requesterid"

# A node has one key, two in rollover; it publishes some twenty attributes. A list of thousands is nobody's metadata.
MAX_CERTIFICATES = 16
MAX_VALUES = 256
# The end of a pinned file without validUntil: 9999-12-31T23:59:59Z, the last second that four digits write
NO_END = 253_402_300_799

_DESCRIPTORS: dict[str, str] = {"proxy": "IDPSSODescriptor", "connector": "SPSSODescriptor"}
_COUNTRY = re.compile(r"[A-Z]{2}")
# Everything in the facts is shown to an operator on a terminal, so it is visible ASCII, as a URI is
_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{MAX_TEXT}}}")


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """All that we use of a node's metadata. Certificates are DER, `valid_until` is in seconds since the epoch."""

    role: Role
    entity_id: str
    country: str  # its NodeCountry, ISO 3166-1 alpha-2
    signing: frozenset[bytes] = field(repr=False)
    encryption: frozenset[bytes] = field(repr=False)
    # (binding, Location): a proxy's SingleSignOnServices by Redirect and POST; a connector's default service by POST
    endpoints: frozenset[tuple[str, str]]
    attributes: frozenset[str]
    versions: frozenset[str]
    assurance: frozenset[str]
    name_id_formats: frozenset[str]
    # URIs in the order of the metadata; none: it says nothing about them
    encryption_methods: tuple[str, ...]
    wants_requester_id: bool
    sp_type: str  # "" where its requests say it
    valid_until: int
    # the named deviations that it used: what an operator is told, and no fact
    deviations: tuple[str, ...] = field(default=(), compare=False)

    @property
    def digest(self) -> str:
        """SHA-256, as hex, of the canonical JSON of everything but `valid_until`: what an operator approves."""
        return hashlib.sha256(_json({**_plain(self), "valid_until": 0})).hexdigest()

    @property
    def as_json(self) -> str:
        """All facts as canonical JSON."""
        return _json(_plain(self)).decode()


def from_json(text: str) -> PeerFacts:
    """The facts of `as_json`. ValueError for anything else."""
    try:
        read = json.loads(text)
        facts = PeerFacts(
            role=read["role"],
            entity_id=str(read["entity_id"]),
            country=str(read["country"]),
            signing=frozenset(map(base64.b64decode, read["signing"])),
            encryption=frozenset(map(base64.b64decode, read["encryption"])),
            endpoints=frozenset((str(binding), str(url)) for binding, url in read["endpoints"]),
            attributes=frozenset(map(str, read["attributes"])),
            versions=frozenset(map(str, read["versions"])),
            assurance=frozenset(map(str, read["assurance"])),
            name_id_formats=frozenset(map(str, read["name_id_formats"])),
            encryption_methods=tuple(map(str, read["encryption_methods"])),
            wants_requester_id=bool(read["wants_requester_id"]),
            sp_type=str(read["sp_type"]),
            valid_until=int(read["valid_until"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("facts of a node that are none") from error
    # The kept copy must be the written one: another spelling would have another digest.
    if facts.role not in get_args(Role) or facts.as_json != text:
        raise ValueError("facts of a node that are none")
    return facts


@dataclass(frozen=True, slots=True)
class Expected:
    """A registration's facts about the node whose metadata is read: its country ("" without one), and its deviations."""

    country: str = ""
    tolerance: Tolerance = NOTHING


def read_peer(signed: Signed, role: Role, expected: Expected | None = None, *, chains: bool = False) -> PeerFacts:
    """The facts of a node in this role, from an EntityDescriptor whose signature held.

    With `chains` a KeyDescriptor may have certificates of authorities beside the node's own: hints, and no keys.
    ValueError, with words for an operator. `connectors/metadata/peers.py` holds the facts against the registration.
    """
    root = parse_canonical(signed.octets)
    if "validUntil" not in attributes(root):
        raise ValueError("it has no validUntil.")
    return _facts(root, role, expected or Expected(), chains=chains)


def read_pinned_peer(octets: bytes, role: Role, expected: Expected | None = None) -> PeerFacts:
    """Like `read_peer`, for a file that an operator pinned: it needs no signature and may have no end."""
    return _facts(parse_metadata(octets), role, expected or Expected())


def _facts(root: Element, role: Role, expected: Expected, *, chains: bool = False) -> PeerFacts:
    if root.tag != md("EntityDescriptor") or root.find(f".//{md('EntityDescriptor')}") is not None:
        raise ValueError("it is not exactly one EntityDescriptor.")
    head = attributes(root)
    descriptors = roles_of(root, _DESCRIPTORS[role])
    if len(descriptors) != 1:
        raise ValueError(f"it does not have exactly one {_DESCRIPTORS[role]} for SAML 2.0.")
    descriptor, tolerance = descriptors[0], expected.tolerance
    entity = dict(_entity_attributes(root))
    ends = [found["validUntil"] for found in (head, attributes(descriptor)) if "validUntil" in found]
    facts = PeerFacts(
        role=role,
        entity_id=_visible(head.get("entityID", ""), "an entityID"),
        country=_country(root, descriptor, expected),
        signing=_certificates(descriptor, "signing", NOTHING if chains else tolerance, chains=chains),
        encryption=_certificates(descriptor, "encryption", NOTHING if chains else tolerance, chains=chains),
        endpoints=_sign_on(descriptor) if role == "proxy" else _consumer(descriptor),
        attributes=frozenset(_supported(descriptor, tolerance)) if role == "proxy" else frozenset(),
        versions=_versions(entity, tolerance),
        assurance=_levels(entity, tolerance) if role == "proxy" else frozenset(),
        name_id_formats=frozenset(_texts(descriptor, md("NameIDFormat"), "a NameIDFormat")),
        encryption_methods=_methods(descriptor),
        wants_requester_id=role == "proxy" and WANTS_REQUESTER_ID in entity.get(ENTITY_CATEGORY, ()),
        sp_type=_sp_type(root) if role == "connector" else "",
        valid_until=min((instant(end, "the metadata") for end in ends), default=NO_END),
    )
    return replace(facts, deviations=tolerance.used)


def _entity_attributes(root: Element) -> Iterator[tuple[str, frozenset[str]]]:
    """Each entity attribute with its values. Twice the same name is an error: readers would choose differently."""
    seen: set[str] = set()
    container = _one(_one(root, md("Extensions")), f"{{{MDATTR}}}EntityAttributes")
    for attribute in [] if container is None else container.iterchildren(saml("Attribute")):
        name = attributes(attribute).get("Name", "")
        if name in seen:
            raise ValueError("an entity attribute stands twice in it.")
        seen.add(name)
        if name in (PROTOCOL_VERSION, CERTIFICATION, ENTITY_CATEGORY):
            yield name, frozenset(_texts(attribute, saml("AttributeValue"), f"a value of {name}"))


def _levels(entity: dict[str, frozenset[str]], tolerance: Tolerance) -> frozenset[str]:
    said = entity.get(CERTIFICATION, frozenset())
    levels = frozenset(filter(is_level, said))
    if levels != said and not tolerance.takes(UNKNOWN_ASSURANCE):
        raise ValueError("its assurance-certification has a value that is no level of assurance.")
    return levels


def _versions(entity: dict[str, frozenset[str]], tolerance: Tolerance) -> frozenset[str]:
    """Those that it names, as it writes them. Which of them we speak is asked when the node is used."""
    versions = entity.get(PROTOCOL_VERSION, frozenset())
    if not versions and tolerance.takes(NO_PROTOCOL_VERSION):
        return frozenset(PROTOCOL_VERSIONS[-1:])
    patches = frozenset(filter(is_patch, versions))
    return versions if not patches or tolerance.takes(PATCH_OF_PROTOCOL_VERSION) else versions - patches


def _sp_type(root: Element) -> str:
    element = _one(_one(root, md("Extensions")), f"{{{EIDAS}}}SPType")
    if element is None:
        return ""
    sp_type = _text(element, "SPType")
    if sp_type not in SP_TYPES:
        raise ValueError("its SPType is neither public nor private.")
    return sp_type


def _country(root: Element, descriptor: Element, expected: Expected) -> str:
    """The one NodeCountry of the role, or of its registration where that may stand in; no other role names another."""
    tag = f"{{{EIDAS}}}NodeCountry"
    own = _one(_one(descriptor, md("Extensions")), tag)
    if own is not None:
        country = _text(own, "NodeCountry")
    elif expected.country and expected.tolerance.takes(REGISTERED_COUNTRY):
        country = expected.country
    else:
        raise ValueError("its role has no NodeCountry.")
    if not _COUNTRY.fullmatch(country) or any(_text(other, "NodeCountry") != country for other in root.iter(tag)):
        raise ValueError("its NodeCountry is not one country of two letters.")
    return country


def _certificates(descriptor: Element, use: str, tolerance: Tolerance, *, chains: bool) -> frozenset[bytes]:
    """The certificates (DER) of the KeyDescriptors for `use`, or for any use: one each.

    Several in one are a chain, of which only the end is a key: an authority could sign as the node else.
    """
    found = set()
    for key in descriptor.iterchildren(md("KeyDescriptor")):
        # No `use` means both (Metadata 2.0 §2.4.1.1)
        if attributes(key).get("use", use) != use:
            continue
        certificates = [certificate_in(element) for element in key.iterdescendants(f"{{{DS}}}X509Certificate")]
        if chains and len(certificates) > 1:
            certificates = [der for der in certificates if not _authority(der)]
        if len(certificates) != 1:
            raise ValueError("a KeyDescriptor in it does not have exactly one X509Certificate.")
        found.add(certificates[0])
    if len(found) > MAX_CERTIFICATES:
        raise ValueError(f"it has more than {MAX_CERTIFICATES} certificates for {use}.")
    for der in found:
        # One that nobody loads is refused before it is kept, shown or prepared
        try:
            dates_of(der, tolerance)
        except ValueError as error:
            raise ValueError(f"it has {error}.") from error
    return frozenset(found)


def certificate_in(element: Element) -> bytes:
    """The DER in an X509Certificate, in lines or in one. ValueError, with words for an operator."""
    try:
        return strict_base64("".join((element.text or "").split()))
    except ValueError:
        raise ValueError("a certificate in it is not base64.") from None


def _authority(der: bytes) -> bool:
    try:
        return is_authority(certificate_of(der))
    except ValueError as error:
        raise ValueError(f"it has {error}.") from error


def _methods(descriptor: Element) -> tuple[str, ...]:
    methods = [
        attributes(method).get("Algorithm", "")
        for key in descriptor.iterchildren(md("KeyDescriptor"))
        if attributes(key).get("use", "encryption") == "encryption"
        for method in key.iterchildren(md("EncryptionMethod"))
    ]
    return tuple(dict.fromkeys(_visible(method, "an EncryptionMethod") for method in methods[:MAX_VALUES]))


def _sign_on(descriptor: Element) -> frozenset[tuple[str, str]]:
    """The SingleSignOnServices of our two bindings. Two of one binding are refused: which would be asked?"""
    services = [attributes(service) for service in descriptor.iterchildren(md("SingleSignOnService"))]
    found = [(service.get("Binding", ""), service.get("Location", "")) for service in services]
    ours = [(binding, _visible(url, "a Location")) for binding, url in found if binding in (REDIRECT, POST)]
    if not ours or len({binding for binding, _ in ours}) != len(ours):
        raise ValueError("it does not have one SingleSignOnService by Redirect or POST, or one of each.")
    return frozenset(ours)


def _consumer(descriptor: Element) -> frozenset[tuple[str, str]]:
    """The AssertionConsumerService by POST: the default one of several (Metadata 2.0 §2.4.4), since responses go to one."""
    services = [attributes(service) for service in descriptor.iterchildren(md("AssertionConsumerService"))]
    posts = [service for service in services if service.get("Binding") == POST]
    rules: tuple[Callable[[dict[str, str]], bool], ...] = (
        lambda service: service.get("isDefault") in ("true", "1"),
        lambda service: "isDefault" not in service,
        lambda _: True,
    )
    chosen = next((service for rule in rules for service in posts if rule(service)), None)
    if chosen is None:
        raise ValueError("it has no AssertionConsumerService by POST.")
    return frozenset([(POST, _visible(chosen.get("Location", ""), "a Location"))])


def _supported(descriptor: Element, tolerance: Tolerance) -> Iterator[str]:
    for number, attribute in enumerate(descriptor.iterchildren(saml("Attribute"))):
        name_format = attributes(attribute).get("NameFormat")
        uri = name_format == ATTRNAME_URI or (name_format is None and tolerance.takes(ATTRIBUTE_WITHOUT_NAME_FORMAT))
        if number >= MAX_VALUES or not uri:
            raise ValueError("a supported attribute in it has a NameFormat other than uri, or there are too many.")
        yield _visible(attributes(attribute).get("Name", ""), "the name of an attribute")


def _one(parent: Element | None, tag: str) -> Element | None:
    """The one child of this tag, None where there is none; ValueError for a second."""
    children = [] if parent is None else list(parent.iterchildren(tag))
    if len(children) > 1:
        raise ValueError(f"{tag.rpartition('}')[2]} stands twice in it.")
    return children[0] if children else None


def _texts(parent: Element, tag: str, what: str) -> list[str]:
    elements = list(parent.iterchildren(tag))
    if len(elements) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} times {what}.")
    return [_text(element, what) for element in elements]


def _text(element: Element, what: str) -> str:
    """A URI or a word; white space around it is the schema's to collapse (xs:anyURI, XML Schema Part 2 §3.2.17)."""
    if len(element):
        raise ValueError(f"{what} in it has elements in it.")
    return _visible((element.text or "").strip(" \t\r\n"), what)


def _visible(text: str, what: str) -> str:
    if not _VISIBLE.fullmatch(text):
        raise ValueError(f"{what} in it is empty, too long, or has characters that no URI has.")
    return text


def _plain(facts: PeerFacts) -> dict[str, object]:
    """The facts in JSON's types: sets sorted, certificates in base64."""
    return {each.name: _value(getattr(facts, each.name)) for each in fields(facts) if each.compare}


def _value(value: object) -> object:
    match value:
        case frozenset():
            return sorted(map(_value, value), key=str)
        case tuple():
            return [_value(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def _json(plain: dict[str, object]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
