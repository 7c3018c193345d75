"""The demands of the eIDAS technical specifications 1.4 on a node's metadata, one by one, for the node's own operator.

Another country's node is judged by `formats/eidas/metadata.py`, which takes what it can use. This one names each thing that
a strict peer would miss.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.formats.eidas.metadata import PROTOCOL_VERSION, Role, certificate_in
from connectors.formats.eidas.registry import EIDAS, MINIMUM, PROTOCOL_VERSIONS, is_level, spoken
from connectors.formats.grammar import instant
from connectors.formats.metadata import roles_of
from connectors.profiles import EIDAS as PROFILE
from connectors.signatures.parse import Element, attributes, parse_metadata
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.profile import DS
from connectors.wire.names import ATTRNAME_URI, CERTIFICATION, MDATTR, POST, XML_LANG, md, saml
from policies.errors import AssertionRejected

_ROLES = {"proxy": "IDPSSODescriptor", "connector": "SPSSODescriptor"}
_SERVICES = {"proxy": "SingleSignOnService", "connector": "AssertionConsumerService"}
_ORGANIZATION = ("OrganizationName", "OrganizationDisplayName", "OrganizationURL")
_CONTACTS = ("support", "technical")
_OURS = "This is a fault of the program or of what stands in front: report it, with the document."
_SETTING = "Correct ciconia.toml, and start the server again."


@dataclass(frozen=True, slots=True)
class Fault:
    """A demand that is not met: its name, what is so, and what to do."""

    key: str
    what: str
    fix: str


def faults_of_own(octets: bytes, role: Role, *, address: str, country: str, now: int) -> Iterator[Fault]:
    """Each demand that our own metadata does not meet. `address` is where it is served."""
    try:
        root = parse_metadata(octets)
        (descriptor,) = roles_of(root, _ROLES[role])
    except (AssertionRejected, ValueError):
        yield Fault("EntityDescriptor", f"it is no metadata of one {_ROLES[role]} for SAML 2.0.", _OURS)
        return
    yield from _head(root, address, now)
    yield from _signature(root)
    yield from _entity(root, role)
    yield from _keys(descriptor, role)
    found = [(one.text or "").strip() for one in descriptor.iterfind(f"{md('Extensions')}/{{{EIDAS}}}NodeCountry")]
    if found != [country]:
        what = f"its NodeCountry is {', '.join(found) or 'missing'}, and the settings say {country}."
        yield Fault("NodeCountry", what, _SETTING)
    services = [attributes(one) for one in descriptor.iterchildren(md(_SERVICES[role]))]
    if not any(one.get("Binding") == POST for one in services):
        yield Fault(_SERVICES[role], "it has no address by POST.", _OURS)
    if any(not one.get("Location", "").startswith("https://") for one in services):
        yield Fault(_SERVICES[role], "it has an address that is not https.", "Write the issuer with https://.")
    if role == "proxy":
        yield from _supported(descriptor)
    yield from _people(root)


def _head(root: Element, address: str, now: int) -> Iterator[Fault]:
    head = attributes(root)
    entity = head.get("entityID", "")
    if not entity.startswith("https://") or entity != address:
        what = f"its entityID is {entity or 'missing'}, and not the https address at which it is served, {address}."
        yield Fault("entityID", what, "Correct `issuer` in ciconia.toml, or what stands in front.")
    try:
        ended = instant(head.get("validUntil", ""), "the metadata") <= now
    except AssertionRejected:
        yield Fault("validUntil", "it has no validUntil.", _OURS)
    else:
        if ended:
            what = f"its validUntil was {head['validUntil']}."
            yield Fault("validUntil", what, "A cache in front serves an old copy, or the clock is wrong: correct that.")


def _signature(root: Element) -> Iterator[Fault]:
    signed = root.find(f"{{{DS}}}Signature/{{{DS}}}SignedInfo")
    if signed is None:
        yield Fault("Signature", "it is not signed.", _OURS)
        return
    used = [attributes(one).get("Algorithm", "") for one in signed.iterfind(f"{{{DS}}}SignatureMethod")]
    if not used or not set(used) <= PROFILE.signature_algorithms:
        what = f"it is signed by {', '.join(used) or 'nothing'}: nodes take RSASSA-PSS and ECDSA with SHA-2 alone."
        yield Fault("SignatureMethod", what, "Make a key of another kind: ciconia keys new node-metadata.")
    digests = {attributes(one).get("Algorithm", "") for one in signed.iter(f"{{{DS}}}DigestMethod")}
    if not digests <= PROFILE.digests:
        yield Fault("DigestMethod", f"it is digested by {', '.join(sorted(digests))}: nodes take SHA-2 alone.", _OURS)


def _entity(root: Element, role: Role) -> Iterator[Fault]:
    path = f"{md('Extensions')}/{{{MDATTR}}}EntityAttributes/{saml('Attribute')}"
    said = {
        attributes(one).get("Name", ""): [(value.text or "").strip() for value in one.iterchildren(saml("AttributeValue"))]
        for one in root.iterfind(path)
    }
    if PROTOCOL_VERSIONS[0] not in {spoken(version) for version in said.get(PROTOCOL_VERSION, ())}:
        yield Fault("protocol-version", f"it does not name {PROTOCOL_VERSIONS[0]}.", _OURS)
    levels = said.get(CERTIFICATION, [])
    if role == "proxy" and (not levels or not all(map(is_level, levels))):
        what = "it has no assurance-certification: nobody can ask for a level."
        fix = "Give an identity provider a level in its [assurance], and say whether its scheme is `notified`."
        yield Fault("assurance-certification", what, fix)


def _keys(descriptor: Element, role: Role) -> Iterator[Fault]:
    uses: list[str] = []
    for one in descriptor.iterchildren(md("KeyDescriptor")):
        uses.append(attributes(one).get("use", ""))
        for element in one.iterdescendants(f"{{{DS}}}X509Certificate"):
            try:
                key_of_certificate(certificate_in(element), PROFILE)
            except ValueError as error:
                fix = "Make a key of RSA with 3072 bits or on a curve of the profile: ciconia keys new node."
                yield Fault("KeyDescriptor", f"a key in it is none that nodes take: {error}".rstrip(".") + ".", fix)
    for use in ("signing",) if role == "proxy" else ("signing", "encryption"):
        if use not in uses:
            yield Fault("KeyDescriptor", f"it has no key for {use}.", "See `ciconia keys list`.")


def _supported(descriptor: Element) -> Iterator[Fault]:
    said = [attributes(one) for one in descriptor.iterchildren(saml("Attribute"))]
    missing = [uri.rpartition("/")[2] for uri in MINIMUM if uri not in {one.get("Name") for one in said}]
    if missing:
        what = f"the minimum data set lacks {', '.join(missing)} among its attributes."
        yield Fault("Attribute", what, "Name them in the [attributes] of an identity provider.")
    if any(one.get("NameFormat") != ATTRNAME_URI for one in said):
        yield Fault("Attribute", "an attribute has another NameFormat than uri.", _OURS)


def _people(root: Element) -> Iterator[Fault]:
    organization = root.find(md("Organization"))
    for name in _ORGANIZATION:
        found = [] if organization is None else list(organization.iterchildren(md(name)))
        if not any((one.text or "").strip() and attributes(one).get(XML_LANG) for one in found):
            fix = "Write name, display_name and url under [organization] in ciconia.toml."
            yield Fault("Organization", f"it has no {name} with a language.", fix)
    contacts = {attributes(one).get("contactType"): one for one in root.iterchildren(md("ContactPerson"))}
    for kind in _CONTACTS:
        person = contacts.get(kind)
        if person is None or not (person.findtext(md("EmailAddress")) or "").removeprefix("mailto:"):
            fix = f'Write {kind} = "..." under [organization] in ciconia.toml.'
            yield Fault("ContactPerson", f"it names nobody for {kind}.", fix)
