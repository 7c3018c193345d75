"""Families of refresh tokens: all tokens that came of one sign-in, and end together (RFC 9700 §4.14.2).

A refresh token is its family's handle (16 bytes) and a secret (32). Two kinds of rows, both sealed under their handle:

- of a family its client, until its end. Whoever ends the family removes this row, and no token of it counts any more:
  refresh tokens and access tokens look for it each time;
- of a token what it stands for. Only the newest token of a family has one, unless its client's tokens are not rotated.

The family's handle is derived from the code: a code that comes twice, however late, finds its family, and ends it.
"""

import hashlib
from dataclasses import dataclass, replace

from connectors.signatures.jws import base64url, from_base64url, read_handle
from idp.ledger.ledger_keys import mac
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import Grant
from idp.ports import ParkedRow, Unit
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import NotFound
from policies.parties import ClientId

KIND = "refresh"
FAMILY_BYTES, TOKEN_BYTES = 16, 48


@dataclass(frozen=True, slots=True)
class Refreshable:
    """The grant of a refresh token, and the end of its family (seconds since the epoch)."""

    grant: Grant
    end: int


@dataclass(frozen=True, slots=True)
class _Family:
    client: ClientId


_REFRESHABLE, _FAMILY = Codec(Refreshable, plain=NEVER_DEFLATED), Codec(_Family)


def family_of_code(code: bytes) -> bytes:
    """The handle of the family that comes of a code."""
    return mac(code, b"family")[:FAMILY_BYTES]


def family_of(token: bytes) -> bytes:
    """The handle of a refresh token's family."""
    return token[:FAMILY_BYTES]


def read_token(text: str) -> bytes | None:
    """The refresh token that a text spells; None where it is none of ours."""
    return read_handle(text, TOKEN_BYTES) or None


def digest(handle: bytes) -> bytes:
    """The digest by which the store knows a token or a family."""
    return hashlib.sha256(handle).digest()


def in_family(grant: Grant, family: bytes) -> Grant:
    """The same grant, which ends with a family."""
    return replace(grant, family=base64url(family))


class Families:
    """One tenant's. Raises `StoreUnavailable`."""

    def __init__(self, parts: OpenIDParts) -> None:
        self._parts = parts

    def begun(self, family: bytes, client: ClientId, end: int) -> ParkedRow:
        """The row of a family that begins."""
        return self._parts.sealer.park(KIND, family, _FAMILY.dump(_Family(client)), end)

    def row(self, token: bytes, refreshable: Refreshable) -> ParkedRow:
        """The row of a token."""
        return self._parts.sealer.park(KIND, token, _REFRESHABLE.dump(refreshable), refreshable.end)

    def owner(self, family: bytes, now: int) -> ClientId | None:
        """The client of a living family; None where it has ended, or never was."""
        try:
            return _FAMILY.load(self._opened(family, now)).client
        except NotFound:
            return None

    def lives(self, grant: Grant, now: int) -> bool:
        """Whether the family that a grant ends with lives; true for a grant without one."""
        if not grant.family:
            return True
        handle = from_base64url(grant.family)
        return self.owner(handle, now) == ClientId(grant.origin.service)

    def held(self, token: bytes, now: int) -> Refreshable:
        """The grant of a token, and its end. Raises `NotFound`."""
        return _REFRESHABLE.load(self._opened(token, now))

    def end(self, family: bytes) -> None:
        """End a family, durably, and all of its tokens."""
        self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(digest(family),)))

    def _opened(self, handle: bytes, now: int) -> bytes:
        payload = self._parts.parked.parked(self._parts.tenant, KIND, digest(handle), now)
        return self._parts.sealer.unpark(KIND, handle, payload, now)
