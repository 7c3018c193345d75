"""The list of all nodes (eidas-metadata-servicelist-1.0) that registrations of nodes may rest on."""

from dataclasses import dataclass, field
from hashlib import sha256

from policies.parties import Source

# The name by which operators speak of the list, as they do of nodes and federations by their ids
NAME = "service-list"


@dataclass(frozen=True, slots=True)
class NodeList:
    """The list of a configuration: where it is published, and who signs it."""

    url: str
    # DER of the certificates whose keys may sign it; they came by another channel
    signers: tuple[bytes, ...] = field(repr=False)
    source: Source
    refresh_seconds: int = 3600
    # the networks that its address may lie in; none: public addresses alone
    networks: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """SHA-256 of where it comes from and who signs it: of two copies with the same, one is the newer."""
        return sha256(repr((self.url, self.signers)).encode()).hexdigest()
