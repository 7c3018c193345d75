"""SAML 2.0 metadata: what we read of others' pinned files, and what we write about ourselves (Metadata 2.0 §2)."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.formats.entity_facts import LogoutService, entity_attributes_of, logout_services_of, resolvers_of, scopes_of
from connectors.formats.grammar import MAX_TEXT, written
from connectors.profiles import (
    AES128_CBC,
    AES128_GCM,
    AES192_CBC,
    AES192_GCM,
    AES256_CBC,
    AES256_GCM,
    RSA_OAEP,
    RSA_OAEP_MGF1P,
    SHA256,
)
from connectors.signatures.elements import add_key, child, made
from connectors.signatures.parse import Element, attributes, parse_metadata
from connectors.signatures.profile import DS
from connectors.wire.names import (
    ARTIFACT,
    DISCOVERY,
    DISCOVERY_RESPONSE,
    MD,
    PERSISTENT,
    POST,
    REDIRECT,
    SAMLP,
    TRANSIENT,
    md,
)

# XML Schema Part 2 §3.3.23: an xs:unsignedShort
MAX_INDEX = 65535
_INDEX = re.compile(r"[0-9]{1,5}")
# The algorithms that the profile `SAML2INT` takes, the strongest first: a peer takes the first one that it knows
CONTENT_ENCRYPTION = (AES256_GCM, AES192_GCM, AES128_GCM)
# By the deviation `aes_cbc`, in the metadata for a provider that has it
CBC_ENCRYPTION = (AES256_CBC, AES192_CBC, AES128_CBC)
KEY_TRANSPORTS = (RSA_OAEP, RSA_OAEP_MGF1P)


@dataclass(frozen=True, slots=True)
class IdentityProviderMetadata:
    """The used part of an IDPSSODescriptor: certificates (DER) that sign, and where to ask, by binding URI."""

    entity_id: str
    certificates: tuple[bytes, ...] = field(repr=False)
    redirect_url: str  # "" where it has no such service
    post_url: str
    # where answers are fetched, by index; the scopes of its values; what a federation says of it, by name
    resolvers: Mapping[int, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    entity_attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # where it takes words of logout, by binding
    logout: Mapping[str, LogoutService] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant of single logout: an entity, and the certificates (DER) that sign in its roles."""

    entity_id: str
    certificates: tuple[bytes, ...] = field(repr=False)


def read_identity_provider(octets: bytes, entity_id: str) -> IdentityProviderMetadata:
    """Read an EntityDescriptor of exactly this entityID. ValueError, with words for an operator, for anything else.

    The operator pinned the file: it needs no signature and no validUntil. Parts that we do not use are skipped.
    """
    root = entity_of(octets)
    if attributes(root).get("entityID") != entity_id:
        raise ValueError("its entityID is not that of the registration.")
    roles = roles_of(root, "IDPSSODescriptor")
    if len(roles) != 1:
        raise ValueError("it does not have exactly one IDPSSODescriptor for SAML 2.0.")
    services = {
        attributes(service).get("Binding", ""): attributes(service).get("Location", "")
        for service in roles[0].iterchildren(md("SingleSignOnService"), reversed=True)
    }
    return IdentityProviderMetadata(
        entity_id=entity_id,
        certificates=signing_certificates(roles),
        redirect_url=services.get(REDIRECT, ""),
        post_url=services.get(POST, ""),
        resolvers=resolvers_of(roles[0]),
        scopes=scopes_of(root, roles[0]),
        entity_attributes=entity_attributes_of(root),
        logout=logout_services_of(roles[0]),
    )


def read_participant(octets: bytes) -> Participant:
    """Read a participant of single logout: an identity provider, a service provider, or both. ValueError, with words."""
    root = entity_of(octets)
    roles = [*roles_of(root, "IDPSSODescriptor"), *roles_of(root, "SPSSODescriptor")]
    if not roles:
        raise ValueError("it has neither an IDPSSODescriptor nor an SPSSODescriptor for SAML 2.0.")
    return Participant(entity_id_of(root), signing_certificates(roles))


def entity_of(octets: bytes) -> Element:
    """The EntityDescriptor that is the root. ValueError for another one."""
    root = parse_metadata(octets)
    if root.tag != md("EntityDescriptor"):
        raise ValueError("the file holds no EntityDescriptor as its root.")
    return root


def entity_id_of(root: Element) -> str:
    """The entityID of a descriptor. ValueError where there is none."""
    entity_id = attributes(root).get("entityID", "")
    if not 0 < len(entity_id) <= MAX_TEXT:
        raise ValueError("it has no entityID, or one that is too long.")
    return entity_id


def roles_of(root: Element, name: str) -> list[Element]:
    """The descriptors of a role that speak SAML 2.0."""
    return [
        role
        for role in root.iterchildren(md(name))
        if SAMLP in attributes(role).get("protocolSupportEnumeration", "").split()
    ]


def index_of(service: Mapping[str, str]) -> int:
    """The index among the attributes of a service. ValueError where it is none."""
    text = service.get("index", "")
    if not _INDEX.fullmatch(text) or int(text) > MAX_INDEX:
        raise ValueError("an index of a service is no number, or too large.")
    return int(text)


def signing_certificates(roles: Iterable[Element]) -> tuple[bytes, ...]:
    """Each certificate (DER) that signs in these roles, once. ValueError where there is none."""
    certificates = [
        certificate
        for role in roles
        for descriptor in role.iterchildren(md("KeyDescriptor"))
        # No `use` means both (Metadata 2.0 §2.4.1.1): reading it as neither would turn verification off.
        if attributes(descriptor).get("use", "signing") == "signing"
        for certificate in certificates_in(descriptor)
    ]
    if not certificates:
        raise ValueError("it has no certificate for signing.")
    return tuple(dict.fromkeys(certificates))


def certificates_in(descriptor: Element) -> list[bytes]:
    """The DER certificate of one KeyDescriptor, as often as it stands; none where the key stands there by itself.

    Several are a chain (XML Signature 1.1 §4.5.4): read as keys, an authority could sign for everybody it issued to.
    """
    texts = ["".join((one.text or "").split()) for one in descriptor.iterdescendants(f"{{{DS}}}X509Certificate")]
    try:
        found = [base64.b64decode(text, validate=True) for text in texts]
    except binascii.Error:
        raise ValueError("a certificate in it is not base64.") from None
    if len(set(found)) > 1:
        raise ValueError("a KeyDescriptor in it has several certificates, and may have the one alone whose key signs.")
    return found


# Signature is the first child of an EntityDescriptor.
SIGNATURE_PLACE = 0


def service_provider_element(
    *,
    metadata_id: str,
    entity_id: str,
    acs_url: str,
    certificates: Iterable[bytes],
    valid_until: int,
    encryption: bytes = b"",
    cbc: bool = False,
    artifact_url: str = "",
    landing_urls: Iterable[str] = (),
    logout: Mapping[str, str] | None = None,
    name_id_formats: Iterable[str] = (PERSISTENT, TRANSIENT),
    discovery_url: str = "",
) -> Element:
    """Our EntityDescriptor, unsigned. A Signature belongs at `SIGNATURE_PLACE`.

    `certificates` (DER) are those of the keys that sign, now and soon, `encryption` that of the key to encrypt to, empty
    where none is; `cbc` offers AES-CBC. `artifact_url` is "" where no artifacts come, `landing_urls` are those of answers
    that nobody asked for, `logout` those of words of logout by binding. `discovery_url` is where a browser comes back from
    a discovery service, "" if it is sent to none. `valid_until` is in seconds since the epoch.
    """
    named = {"ID": metadata_id, "entityID": entity_id, "validUntil": written(valid_until)}
    root = made(md("EntityDescriptor"), {"md": MD, "ds": DS}, **named)
    signs = {"AuthnRequestsSigned": "true", "WantAssertionsSigned": "true"}
    role = child(root, md("SPSSODescriptor"), **signs, protocolSupportEnumeration=SAMLP)
    if discovery_url:
        place = {"Binding": DISCOVERY, "Location": discovery_url, "index": "0"}
        child(child(role, md("Extensions")), DISCOVERY_RESPONSE, **place)
    for certificate in certificates:
        add_key(role, md("KeyDescriptor"), "signing", certificate)
    if encryption:
        methods = (*CONTENT_ENCRYPTION, *(CBC_ENCRYPTION if cbc else ()))
        _encryption_methods(add_key(role, md("KeyDescriptor"), "encryption", encryption), methods)
    for binding, url in (logout or {}).items():
        child(role, md("SingleLogoutService"), Binding=binding, Location=url)
    for name_format in name_id_formats:
        child(role, md("NameIDFormat"), name_format)
    service = {"Binding": POST, "Location": acs_url, "index": "0", "isDefault": "true"}
    child(role, md("AssertionConsumerService"), **service)
    if artifact_url:
        child(role, md("AssertionConsumerService"), Binding=ARTIFACT, Location=artifact_url, index="1")
    for number, url in enumerate(landing_urls, start=2):
        child(role, md("AssertionConsumerService"), Binding=POST, Location=url, index=str(number))
    return root


def _encryption_methods(descriptor: Element, contents: Iterable[str]) -> None:
    """Our decryption methods (Metadata 2.0 §2.4.1.1): without this list many encrypt with CBC, which we refuse by default.

    saml2int ALG01: OAEP with SHA-256 and the mask that no element names.
    """
    for algorithm in contents:
        child(descriptor, md("EncryptionMethod"), Algorithm=algorithm)
    for algorithm in KEY_TRANSPORTS:
        child(child(descriptor, md("EncryptionMethod"), Algorithm=algorithm), f"{{{DS}}}DigestMethod", Algorithm=SHA256)
