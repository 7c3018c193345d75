"""Authenticated encryption of what travels through a browser, and of what lies parked under its holder's secret.

Two uses, two key derivations, one master key a tenant (decisions.md 4; hourly wrapped keys are to come):

- a *sealed login* is AES-256-GCM under HKDF(master, kind, login), so that random nonces stay far from 2^32 a key. Its
  associated data binds tenant, kind, version, login, end and whatever else the caller binds (the Strict cookie, the hashes
  of policy and notice). Text form: base64url(end as 8 bytes || nonce 12 || ciphertext and tag), no padding.
- a *parked payload* is AES-256-GCM under HKDF(master, kind, handle): the database holds SHA-256(handle) and the payload,
  and neither it nor the configuration opens the payload without the handle.
"""

import hashlib
import secrets
from typing import NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.signatures.jws import base64url, from_base64url
from idp.ports import ParkedRow
from idp.transparency.keys import framed
from policies.errors import NotFound, Replayed
from policies.parties import Tenant

LoginId = NewType("LoginId", str)

VERSION = b"1"
KEY_BYTES = 32
NONCE_BYTES = 12
END_BYTES = 8
# A sealed text that we made is far shorter; the limit is that of a form field.
MAX_SEALED = 64 * 1024


def new_login_id() -> LoginId:
    """128 random bits: selects a cookie, authorises nothing."""
    return LoginId(base64url(secrets.token_bytes(16)))


class Sealer:
    """Seals and opens for one tenant."""

    def __init__(self, *, tenant: Tenant, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the sealing key has 32 bytes")
        self._tenant = tenant
        self._key = key

    def seal(self, kind: str, login: LoginId, end: int, payload: bytes, *bound: bytes) -> str:
        """Seal `payload` until `end` (seconds since the epoch), bound to kind, login and everything in `bound`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        ends = end.to_bytes(END_BYTES)
        cipher = AESGCM(self._subkey(b"login", kind, login.encode()))
        return base64url(ends + nonce + cipher.encrypt(nonce, payload, self._associated(kind, login, ends, bound)))

    def open(self, kind: str, login: LoginId, sealed: str, now: int, *bound: bytes) -> bytes:
        """Open what `seal` made for the same kind, login and bound bytes. Raises `Replayed` for anything else, and late."""
        if len(sealed) > MAX_SEALED:
            raise Replayed("sealed_size", f"a sealed {kind} of {len(sealed)} characters")
        try:
            data = from_base64url(sealed)
            ends, nonce, text = data[:END_BYTES], data[END_BYTES : END_BYTES + NONCE_BYTES], data[END_BYTES + NONCE_BYTES :]
            cipher = AESGCM(self._subkey(b"login", kind, login.encode()))
            payload = cipher.decrypt(nonce, text, self._associated(kind, login, ends, bound))
        except (ValueError, InvalidTag) as error:
            raise Replayed("sealed_login", f"a {kind} that we did not seal for this place") from error
        if int.from_bytes(ends) <= now:
            raise Replayed("login_ended", f"a {kind} after its end", code="login_ended")
        return payload

    def park(self, kind: str, handle: bytes, payload: bytes, end: int) -> ParkedRow:
        """The row that keeps `payload` until `end` for whoever holds `handle` (at least 16 random bytes)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = AESGCM(self._subkey(b"parked", kind, handle))
        sealed = nonce + cipher.encrypt(nonce, payload, self._associated(kind, "", b"", ()))
        return ParkedRow(kind=kind, digest=hashlib.sha256(handle).digest(), payload=sealed, end=end)

    def unpark(self, kind: str, handle: bytes, sealed: bytes) -> bytes:
        """The payload of a parked row. Raises `NotFound` where kind, tenant or handle are not those it was parked with."""
        cipher = AESGCM(self._subkey(b"parked", kind, handle))
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._associated(kind, "", b"", ()))
        except (InvalidTag, ValueError) as error:
            raise NotFound(f"a parked {kind} that does not open") from error

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """32 bytes that only we can compute from `parts`: codes and ids of one decision (decisions.md 8)."""
        info = framed(b"derive", purpose.encode(), *parts)
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._key)

    def _subkey(self, use: bytes, kind: str, binding: bytes) -> bytes:
        info = framed(use, self._tenant.encode(), kind.encode(), binding)
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._key)

    def _associated(self, kind: str, login: str, ends: bytes, bound: tuple[bytes, ...]) -> bytes:
        return framed(VERSION, self._tenant.encode(), kind.encode(), login.encode(), ends, *bound)
