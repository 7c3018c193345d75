"""Federations: many entities of SAML 2.0, known by metadata that the federation's operator signed."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import NewType

from policies.parties import Source

FederationId = NewType("FederationId", str)

# From where its metadata comes: one document at an address, one in a file, or one entity at a time (MDQ)
URL, FILE, MDQ = "url", "file", "mdq"


@dataclass(frozen=True, slots=True)
class FederationFilter:
    """The entities of a federation that count: those that fit everything that is named here. Nothing named fits all."""

    authorities: frozenset[str] = frozenset()  # mdrpi:RegistrationInfo/@registrationAuthority
    categories: frozenset[str] = frozenset()  # one of them is an entity category of the entity
    roles: frozenset[str] = frozenset()  # "idp", "sp"


@dataclass(frozen=True, slots=True)
class Federation:
    """A registered federation. Its metadata counts where one of `signers` signed it, and until it says that it ends."""

    federation_id: FederationId
    kind: str  # `URL`, `FILE` or `MDQ`
    location: str
    # DER of the certificates whose keys may sign its metadata; they came by another channel
    signers: tuple[bytes, ...] = field(repr=False)
    source: Source
    # how far ahead its validUntil may lie
    max_days: int = 14
    refresh_seconds: int = 3600
    # the most that one document may have, in octets
    most: int = 256 * 1024 * 1024
    networks: tuple[str, ...] = ()
    only: FederationFilter = FederationFilter()
    # Whether a copy that says other things than the one before waits for an operator
    approves: bool = False
    # of MDQ: the entity ids that are asked for, those of the providers that name it
    wanted: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """SHA-256 of where it comes from and who signs it: of two copies with the same, one is the newer."""
        return sha256(repr((self.kind, self.location, self.signers)).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 of what a copy was judged by: one that another registration let in counts for nothing."""
        only = [sorted(names) for names in (self.only.authorities, self.only.categories, self.only.roles)]
        told = repr((self.kind, self.location, self.signers, self.max_days, self.most, only))
        return sha256(told.encode()).hexdigest()
