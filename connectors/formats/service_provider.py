"""A service provider's metadata: where answers may go, whose keys sign and open, what it asks for (Metadata 2.0 §2.4.4)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.formats.eidas.request import RequestedAttribute
from connectors.formats.entity_facts import (
    LogoutService,
    discovery_responses_of,
    entity_attributes_of,
    logout_services_of,
)
from connectors.formats.metadata import (
    certificates_in,
    entity_id_of,
    entity_of,
    index_of,
    roles_of,
    signing_certificates,
)
from connectors.signatures.parse import Element, attributes
from connectors.signatures.profile import DS
from connectors.wire.names import ARTIFACT, CERTIFICATION, ENTITY_CATEGORY, PAOS, POST, md

SUBJECT_ID_REQUIREMENT = "urn:oasis:names:tc:SAML:profiles:subject-id:req"


@dataclass(frozen=True, slots=True)
class EncryptionMethod:
    """An algorithm that a peer can open, and the digest of one that wraps a key; "" where it names none."""

    algorithm: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A certificate (DER) to encrypt to, and the algorithms that its owner lists; none where it lists nothing."""

    certificate: bytes = field(repr=False)
    methods: tuple[EncryptionMethod, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceProviderFacts:
    """The used part of an SPSSODescriptor: by index where answers by POST may go, and certificates (DER) that sign.

    `wanted` has the attributes of each AttributeConsumingService by its index, the default one first.
    """

    entity_id: str
    acs_urls: Mapping[int, str]
    default_index: int
    wanted: Mapping[int, tuple[RequestedAttribute, ...]] = field(default_factory=dict)
    name_id_formats: frozenset[str] = frozenset()  # none: it says nothing about them
    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    encryption: tuple[EncryptionKey, ...] = ()
    # by index, where artifacts and answers to programs may go
    artifact_urls: Mapping[int, str] = field(default_factory=dict)
    # the one of them that says to be the default of all its services, as LemonLDAP::NG's may
    default_artifact: str = ""
    paos_urls: Mapping[int, str] = field(default_factory=dict)
    # the subject identifiers one of which it needs, as it says (Subject Identifier Attributes Profile 1.0 §3.4.1)
    subject_ids: frozenset[str] = frozenset()
    # its entity categories and assurance certifications
    marks: frozenset[str] = frozenset()
    # by binding
    logout: Mapping[str, LogoutService] = field(default_factory=dict)
    # where a browser may go back from a discovery service, the default one first
    discovery: tuple[str, ...] = ()

    @property
    def every_certificate(self) -> tuple[bytes, ...]:
        """Each certificate of it once: those that sign, and those to encrypt to."""
        return tuple(dict.fromkeys((*self.certificates, *(one.certificate for one in self.encryption))))

    def urls(self, by_artifact: bool) -> Collection[str]:  # noqa: FBT001 - of the two kinds that there are
        """Where answers may go: whole ones, or artifacts of them."""
        return (self.artifact_urls if by_artifact else self.acs_urls).values()


def read_service_provider(octets: bytes) -> ServiceProviderFacts:
    """Read a service provider's pinned EntityDescriptor. ValueError, with words for an operator, for anything else.

    The operator pinned the file: it needs no signature and no validUntil. The default service is the first that says to be
    it, else the first that does not say that it is none, else the first (§2.2.3). Services by a binding that we do not
    answer by are skipped.
    """
    root = entity_of(octets)
    roles = roles_of(root, "SPSSODescriptor")
    if len(roles) != 1:
        raise ValueError("it does not have exactly one SPSSODescriptor for SAML 2.0.")
    role = roles[0]
    services = [attributes(service) for service in role.iterchildren(md("AssertionConsumerService"))]
    posting = [service for service in services if service.get("Binding") == POST]
    acs_urls = _located(posting)
    if not acs_urls:
        raise ValueError("it has no AssertionConsumerService by POST.")
    default = _default([one for one in services if one.get("Binding") in (POST, ARTIFACT)])
    by_artifact = default.get("Binding") == ARTIFACT and default.get("isDefault") in ("true", "1")
    consuming = list(role.iterchildren(md("AttributeConsumingService")))
    said = entity_attributes_of(root)
    wanted = {index_of(attributes(one)): _wanted(one) for one in consuming}
    first = _default([attributes(one) for one in consuming])
    return ServiceProviderFacts(
        subject_ids=entity_attributes_of(root).get(SUBJECT_ID_REQUIREMENT, frozenset()),
        entity_id=entity_id_of(root),
        certificates=signing_certificates(roles),
        acs_urls=acs_urls,
        default_index=index_of(_default(posting)),
        wanted=dict(sorted(wanted.items(), key=lambda one: one[0] != index_of(first))),
        name_id_formats=frozenset((one.text or "").strip() for one in role.iterchildren(md("NameIDFormat"))),
        encryption=tuple(_encryption_keys(role)),
        artifact_urls=_located(service for service in services if service.get("Binding") == ARTIFACT),
        default_artifact=default["Location"] if by_artifact else "",
        paos_urls=_located(service for service in services if service.get("Binding") == PAOS),
        marks=frozenset().union(*(said.get(name, ()) for name in (ENTITY_CATEGORY, CERTIFICATION))),
        logout=logout_services_of(role),
        discovery=discovery_responses_of(role),
    )


def _located(services: Iterable[Mapping[str, str]]) -> dict[int, str]:
    """The services by their index. ValueError for one without a Location, and for an index that stands twice."""
    found: dict[int, str] = {}
    for service in services:
        index, url = index_of(service), service.get("Location", "")
        if not url or index in found:
            raise ValueError("it has an AssertionConsumerService that is one without a Location, or an index twice.")
        found[index] = url
    return found


def _default(services: list[dict[str, str]]) -> dict[str, str]:
    """The default one of indexed services; one of index 0 where there is none."""
    # By these keys the first of equals is the least: True is greater than False
    return min(
        services,
        key=lambda one: (one.get("isDefault") not in ("true", "1"), one.get("isDefault") in ("false", "0")),
        default={"index": "0"},
    )


def _wanted(service: Element) -> tuple[RequestedAttribute, ...]:
    found = [attributes(one) for one in service.iterchildren(md("RequestedAttribute"))]
    return tuple(RequestedAttribute(one.get("Name", ""), one.get("isRequired") in ("true", "1")) for one in found)


def _encryption_keys(role: Element) -> Iterable[EncryptionKey]:
    """Those that are for encryption alone come first; a key without `use` is for both (§2.4.1.1)."""
    descriptors = list(role.iterchildren(md("KeyDescriptor")))
    for use in ("encryption", None):
        for descriptor in descriptors:
            if attributes(descriptor).get("use") == use:
                methods = [_method(one) for one in descriptor.iterchildren(md("EncryptionMethod"))]
                yield from (EncryptionKey(one, tuple(methods)) for one in dict.fromkeys(certificates_in(descriptor)))


def _method(element: Element) -> EncryptionMethod:
    digest = element.find(f"{{{DS}}}DigestMethod")
    named = attributes(digest).get("Algorithm", "") if digest is not None else ""
    return EncryptionMethod(attributes(element).get("Algorithm", ""), named)
