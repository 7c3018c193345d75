"""The pinned metadata of a service that speaks SAML, at start: its keys prepared, and how to write to it.

The operator vouches for the file, as for an identity provider's (`pinned_provider`).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from connectors.formats.service_provider import EncryptionKey, ServiceProviderFacts, read_service_provider
from connectors.metadata.pinned_provider import misconfigured
from connectors.profiles import (
    AES128_GCM,
    AES192_GCM,
    AES256_GCM,
    RSA_OAEP,
    RSA_OAEP_MGF1P,
    SAML2INT,
    SHA1,
    SHA256,
)
from connectors.signatures.parse import MAX_METADATA, parse_metadata
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.second_reading import judge_reading
from connectors.signatures.xmlenc import Transport, check_recipient
from connectors.wire.names import POST, REDIRECT, SOAP
from policies.errors import AssertionRejected
from policies.load.redirects import fault_of_address
from policies.parties import Source
from policies.registrations.saml_service import SamlService, SubjectKind

# Where a service lists no methods: what saml2int (SDP-ALG01) has everybody open
USUAL_CONTENT, USUAL_TRANSPORT = AES128_GCM, Transport(RSA_OAEP_MGF1P, SHA1)
# Of an address that is none, so much is shown
_SHOWN = 100
_OURS = frozenset({"SAMLart", "SAMLResponse", "SAMLRequest", "RelayState"})
_CONTENTS = (AES256_GCM, AES192_GCM, AES128_GCM)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The way in which an assertion is encrypted to a service: its certificate (DER), and the algorithms that it opens."""

    certificate: bytes = field(repr=False)
    content: str
    transport: Transport


@dataclass(frozen=True, slots=True)
class PinnedService:
    """A service as pinned: the only keys that may ask for it, where it is answered, and how. `sealing` may be None."""

    facts: ServiceProviderFacts
    keys: tuple[PinnedKey, ...] = field(repr=False)
    sealing: Recipe | None = field(repr=False)


def pinned_service(service: SamlService, source: Source, marks: Collection[str] = ()) -> PinnedService:
    """Read pinned metadata and prepare its keys. Raises `Misconfigured`, also where it lacks one of the `marks`."""
    try:
        facts = _facts(service)
        keys = tuple(key_of_certificate(certificate, SAML2INT) for certificate in facts.certificates)
        judge_reading(service.metadata, parse_metadata(service.metadata), "the pinned file", elements=MAX_METADATA)
        sealing = _sealing(facts)
        _check_subject(facts, service.subject)
    except (ValueError, AssertionRejected) as error:
        raise misconfigured(
            source,
            "metadata",
            f"The service's metadata cannot be used: {error}",
            "Ask its operator for the EntityDescriptor of this entityID, and pin that file.",
        ) from error
    if missing := sorted(set(marks) - facts.marks):
        raise misconfigured(
            source,
            "entity_categories",
            f"The service's metadata has no entity category and no certification {missing[0]}.",
            "Leave it out, or ask its operator for metadata that has it.",
        )
    return PinnedService(facts, keys, sealing)


def _facts(service: SamlService) -> ServiceProviderFacts:
    facts = read_service_provider(service.metadata)
    if service.ecp and not facts.paos_urls:
        raise ValueError("it has no AssertionConsumerService by PAOS, where programs (ecp) bring their answers.")
    if facts.entity_id != service.entity_id:
        raise ValueError("its entityID is not that of the registration.")
    for url in (*facts.acs_urls.values(), *facts.artifact_urls.values(), *facts.paos_urls.values()):
        _check_address("AssertionConsumerService", url)
    for binding in facts.logout.keys() & {REDIRECT, POST, SOAP}:
        _check_address("SingleLogoutService", facts.logout[binding].url)
        _check_address("SingleLogoutService", facts.logout[binding].answers)
    return facts


def _check_address(service: str, url: str) -> None:
    """Whether a form, a link or a message of ours may go there. ValueError, with words for an operator."""
    if fault := fault_of_address(url):
        raise ValueError(f"its {service} {url[:_SHOWN]!r} {fault}")
    if not _OURS.isdisjoint(name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)):
        raise ValueError(f"its {service} has a parameter that an answer brings.")


def _check_subject(facts: ServiceProviderFacts, subject: SubjectKind) -> None:
    """It gets the identifier that it says to need, or nothing (saml2int). ValueError, with words for an operator."""
    needed = facts.subject_ids - {"none"}
    given = {subject.value, "any"} if subject in (SubjectKind.PAIRWISE_ID, SubjectKind.SUBJECT_ID) else set()
    if needed and not needed & given:
        raise ValueError(
            f"it needs {' or '.join(sorted(needed))} (subject-id:req), and the registration has another subject."
        )


def _sealing(facts: ServiceProviderFacts) -> Recipe | None:
    """The first key that we can encrypt to. ValueError where it has some, and none of them will do: nothing goes open."""
    faults: list[str] = []
    for key in facts.encryption:
        try:
            return _sealing_to(key)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(f"it asks for encryption, and none of its keys will do: {faults[0]}")
    return None


def _sealing_to(key: EncryptionKey) -> Recipe:
    """By the strongest methods of its list. ValueError, with words for an operator."""
    named = {one.algorithm for one in key.methods}
    content = next((uri for uri in _CONTENTS if uri in named), USUAL_CONTENT if not named else "")
    transports = [one for one in key.methods if one.algorithm in (RSA_OAEP, RSA_OAEP_MGF1P)]
    if not content:
        # Many list contents alone, or wrappings alone
        if len(transports) < len(key.methods):
            raise ValueError("it lists no content encryption with GCM.")
        content = USUAL_CONTENT
    transport = USUAL_TRANSPORT
    if transports:
        # One that takes our digest comes first
        best = max(transports, key=lambda one: (one.digest == SHA256, one.algorithm == RSA_OAEP))
        transport = Transport(best.algorithm, SHA256 if best.digest == SHA256 else SHA1)
    check_recipient(key.certificate, SAML2INT, transport)
    return Recipe(key.certificate, content, transport)
