"""Authenticated encryption of what travels through a browser, and of what lies parked under its holder's secret.

Two uses, two key derivations, one master key a tenant, kind and hour (decision 0000.4, `idp.keys.hourly_keys`):

- a *sealed login* is AES-256-GCM under HKDF(master, kind, login), so that random nonces stay far from 2^32 a key. Its
  associated data binds tenant, kind, version, login, hour, end and whatever else the caller binds (the Strict cookie, the
  hashes of policy and notice). Text form: base64url(hour 3 bytes || end 5 || nonce 12 || ciphertext and tag), no padding.
- a *parked payload* is AES-256-GCM under HKDF(master, kind, handle): the database holds SHA-256(handle) and the payload
  (hour 3 bytes || end 5 || nonce 12 || ciphertext and tag), and neither it nor the configuration opens the payload without
  the handle. The end is bound, too: a row that is put back with a later one opens no more.
"""

import hashlib
from os import urandom
from typing import NewType, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.signatures.jws import base64url, from_base64url
from idp.ledger.ledger_keys import derived, framed
from idp.ports import ParkedRow
from policies.errors import NotFound, Replayed
from policies.parties import Tenant

LoginId = NewType("LoginId", str)

VERSION = b"2"
KEY_BYTES = 32
NONCE_BYTES = 12
# Hours since the epoch until the year 3883, seconds until the year 36,812
HOUR_BYTES, END_BYTES = 3, 5
_HEAD = HOUR_BYTES + END_BYTES
HOUR = 3600
DERIVED = "derived"
# A sealed text that we made is far shorter; the limit is that of a form field.
MAX_SEALED = 64 * 1024


def new_login_id() -> LoginId:
    """128 random bits: selects a cookie, authorises nothing."""
    return LoginId(base64url(urandom(16)))


class SealingKeys(Protocol):
    """The master keys of one tenant: 32 bytes a kind and hour (hours since the epoch)."""

    def current(self, kind: str) -> tuple[int, bytes]:
        """The hour in which something is sealed now, and its key. Raises `StoreUnavailable` where nobody can say."""

    def to_seal(self, kind: str, hour: int) -> bytes:
        """The key of an hour that is accepted, made where it is not there yet.

        Raises `NotFound` for another hour, `StoreUnavailable` where nobody can say.
        """

    def to_open(self, kind: str, hour: int) -> bytes:
        """The key of a kind and hour. Raises `NotFound` where it is over, revoked or was never made."""


class Sealer:
    """Seals and opens for one tenant."""

    def __init__(self, *, tenant: Tenant, keys: SealingKeys) -> None:
        self._tenant = tenant
        self._keys = keys

    def seal(self, kind: str, login: LoginId, end: int, payload: bytes, *bound: bytes) -> str:
        """Seal `payload` until `end` (seconds since the epoch), bound to kind, login and everything in `bound`."""
        hour, key = self._keys.current(kind)
        nonce, head = urandom(NONCE_BYTES), hour.to_bytes(HOUR_BYTES) + end.to_bytes(END_BYTES)
        cipher, associated = self._cipher(key, "login", kind, login.encode(), login.encode(), head, *bound)
        return base64url(head + nonce + cipher.encrypt(nonce, payload, associated))

    def open(self, kind: str, login: LoginId, sealed: str, now: int, *bound: bytes) -> bytes:
        """Open what `seal` made for the same kind, login and bound bytes. Raises `Replayed` for anything else, and late."""
        if len(sealed) > MAX_SEALED:
            raise Replayed("sealed_size", f"a sealed {kind} of {len(sealed)} characters")
        try:
            data = from_base64url(sealed)
            head, nonce, text = data[:_HEAD], data[_HEAD : _HEAD + NONCE_BYTES], data[_HEAD + NONCE_BYTES :]
            key = self._keys.to_open(kind, int.from_bytes(head[:HOUR_BYTES]))
            cipher, associated = self._cipher(key, "login", kind, login.encode(), login.encode(), head, *bound)
            payload = cipher.decrypt(nonce, text, associated)
        except (ValueError, InvalidTag, NotFound) as error:
            raise Replayed("sealed_login", f"a {kind} that we did not seal for this place") from error
        if int.from_bytes(head[HOUR_BYTES:]) <= now:
            raise Replayed("login_ended", f"a {kind} after its end", code="login_ended")
        return payload

    def park(self, kind: str, handle: bytes, payload: bytes, end: int) -> ParkedRow:
        """The row that keeps `payload` until `end` for whoever holds `handle` (at least 16 random bytes)."""
        hour, key = self._keys.current(kind)
        nonce, head = urandom(NONCE_BYTES), hour.to_bytes(HOUR_BYTES) + end.to_bytes(END_BYTES)
        cipher, associated = self._cipher(key, "parked", kind, handle, b"", head)
        sealed = head + nonce + cipher.encrypt(nonce, payload, associated)
        return ParkedRow(kind=kind, digest=hashlib.sha256(handle).digest(), payload=sealed, end=end)

    def unpark(self, kind: str, handle: bytes, sealed: bytes, now: int) -> bytes:
        """The payload of a parked row. Raises `NotFound` for another kind, tenant or handle, and after its own end.

        Whoever writes to the database sets the end of its row as they like, and this one not.
        """
        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + NONCE_BYTES]
        key = self._keys.to_open(kind, int.from_bytes(head[:HOUR_BYTES]))
        cipher, associated = self._cipher(key, "parked", kind, handle, b"", head)
        try:
            payload = cipher.decrypt(nonce, sealed[_HEAD + NONCE_BYTES :], associated)
        except (InvalidTag, ValueError) as error:
            raise NotFound(f"a parked {kind} that does not open") from error
        if int.from_bytes(head[HOUR_BYTES:]) <= now:
            raise NotFound(f"a parked {kind} after its end")
        return payload

    def derive(self, purpose: str, *parts: bytes, at: int) -> bytes:
        """32 bytes that only we can compute from `parts`: codes and ids of one decision (decision 0000.8).

        They are the same again for the same `at` (seconds since the epoch), which lies in this hour or the one before: so
        it is a moment of what they belong to, and not of the answer. Raises `Replayed` for an hour that is over.
        """
        try:
            key = self._keys.to_seal(DERIVED, at // HOUR)
        except NotFound as error:
            raise Replayed("login_ended", f"a {purpose} of an hour that is over", code="login_ended") from error
        return derived(key, b"", b"derive", self._tenant.encode(), purpose.encode(), *parts)

    def _cipher(self, key: bytes, use: str, kind: str, holder: bytes, *bound: bytes) -> tuple[AESGCM, bytes]:
        """The cipher of a login or handle, and the associated data: login ("" for a handle), head and what else is."""
        tenant, of_kind = self._tenant.encode(), kind.encode()
        cipher = AESGCM(derived(key, b"", use.encode(), tenant, of_kind, holder))
        return cipher, framed(VERSION, tenant, of_kind, *bound)
