"""An identity provider's pinned metadata, at start: its keys prepared, and where to ask it.

The operator vouches for the file. A signature in it is by nobody that we know, and is not verified. A second parser reads
the file all the same.
"""

from dataclasses import dataclass, field

from connectors.formats.metadata import IdentityProviderMetadata, read_identity_provider
from connectors.profiles import SAML2INT
from connectors.signatures.parse import MAX_METADATA, parse_metadata
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.second_reading import judge_reading
from policies.errors import AssertionRejected, Misconfigured, Problem
from policies.parties import EntityId, Source


@dataclass(frozen=True, slots=True)
class PinnedProvider:
    """An identity provider as pinned: the only keys that may vouch for it, and what its metadata says."""

    keys: tuple[PinnedKey, ...] = field(repr=False)
    metadata: IdentityProviderMetadata


def pinned_provider(metadata: bytes, entity_id: EntityId, source: Source) -> PinnedProvider:
    """Read pinned metadata and prepare its keys. Raises `Misconfigured` at start, never `AssertionRejected`."""
    try:
        read = read_identity_provider(metadata, entity_id)
        keys = tuple(key_of_certificate(certificate, SAML2INT) for certificate in read.certificates)
        # A pinned file has no bound but its size
        judge_reading(metadata, parse_metadata(metadata), "the pinned file", elements=MAX_METADATA)
    except (ValueError, AssertionRejected) as error:
        raise misconfigured(
            source,
            "metadata",
            f"The identity provider's metadata cannot be used: {error}",
            "Ask its operator for the EntityDescriptor of this entityID, and pin that file.",
        ) from error
    return PinnedProvider(keys, read)


def misconfigured(source: Source, key: str, what: str, fix: str) -> Misconfigured:
    """One problem of a registration, where its file says so."""
    return Misconfigured((Problem(source.file, source.line, key, what, fix),))
