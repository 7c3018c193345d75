"""Federations: many entities of SAML 2.0, known by metadata that the federation's operator signed.

One registration may stand for all identity providers of a federation: a family. Each of them is a member. Its provider id
and the namespace of its subjects have a digest of its entity id, so no member can speak of another's citizens.
"""

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NewType

from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace, Translated

FederationId = NewType("FederationId", str)

# Between a family's id and the digest: no identifier and no namespace of a file has it
_OF = "~"
# 128 bits: to find two entity ids of one digest takes 2**64 tries, and both would be the finder's own
_DIGITS = 32

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
    # of MDQ: the entity ids that are asked for, those of the providers and services that name it
    wanted: tuple[str, ...] = ()
    # Whether a family stands for its identity providers, so that citizens look for them
    listed: bool = False

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


MEMBER_ID = re.compile(rf"[A-Za-z0-9._-]{{1,64}}{_OF}[0-9a-f]{{{_DIGITS}}}")


def member_id(family: ProviderId, entity_id: str) -> ProviderId:
    """The provider id of a member, the same for ever: `research~9f86d081884c7d659a2feaa0c55ad015`."""
    return ProviderId(f"{family}{_OF}{member_digest(entity_id)}")


def member_digest(entity_id: str) -> str:
    """The part of a member's id that its family does not have."""
    return _digest(entity_id)[:_DIGITS]


def family_of(provider_id: ProviderId) -> ProviderId:
    """The id of the registration that a provider rests on: its family's, or its own."""
    return split(provider_id)[0]


def split(provider_id: ProviderId) -> tuple[ProviderId, str]:
    """The same, and the digest of a member: "" of all others."""
    family, _, digest = provider_id.partition(_OF)
    return ProviderId(family), digest


def member_of(family: IdentityProvider, entity_id: EntityId, title: Translated) -> IdentityProvider:
    """A member, by its family's registration: what its answers may say, and how surely, stands there."""
    return replace(
        family,
        provider_id=member_id(family.provider_id, entity_id),
        title=title,
        namespace=SubjectNamespace(f"{family.namespace}{_OF}{_digest(entity_id)}"),
        entity_id=entity_id,
        members=False,
        family=family.provider_id,
    )


def _digest(entity_id: str) -> str:
    return sha256(entity_id.encode()).hexdigest()
