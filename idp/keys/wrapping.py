"""The key-encryption key, which keeps the hourly sealing keys closed to a thief of the database (decision 0000.4).

It lies in `keys/sealing.key`, never in the database or a backup of it. AES-256-GCM under HKDF(secret, tenant); tenant, kind
and hour are associated data, so a row that was moved to another place does not open there.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idp.ledger.ledger_keys import derived, framed
from policies.parties import Tenant

KEY_BYTES = 32
NAME_BYTES = 8
NONCE_BYTES = 12
_WRAPPED_BYTES = NAME_BYTES + NONCE_BYTES + KEY_BYTES + 16


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """One key-encryption key of 32 bytes. `key_id` (hex) is derived from it, and says nothing of it."""

    secret: bytes = field(repr=False)
    key_id: str

    def wrap(self, key: bytes, tenant: Tenant, kind: str, hour: int) -> bytes:
        """`key`, closed: the name of this key (8 bytes), nonce (12), ciphertext and tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        closed = self._cipher(tenant).encrypt(nonce, key, _associated(tenant, kind, hour))
        return bytes.fromhex(self.key_id) + nonce + closed

    def unwrap(self, wrapped: bytes, tenant: Tenant, kind: str, hour: int) -> bytes:
        """Open what `wrap` closed for the same place. Raises ValueError for anything else."""
        nonce, closed = wrapped[NAME_BYTES : NAME_BYTES + NONCE_BYTES], wrapped[NAME_BYTES + NONCE_BYTES :]
        if len(wrapped) != _WRAPPED_BYTES or named(wrapped) != self.key_id:
            raise ValueError("a sealing key that another key closed")
        try:
            return self._cipher(tenant).decrypt(nonce, closed, _associated(tenant, kind, hour))
        except InvalidTag:
            raise ValueError("a sealing key that was not closed for this place") from None

    def _cipher(self, tenant: Tenant) -> AESGCM:
        return AESGCM(derived(self.secret, b"", b"wrapping", tenant.encode()))


def wrapping_key(secret: bytes) -> WrappingKey:
    """The key of a file's 32 bytes."""
    if len(secret) != KEY_BYTES:
        raise ValueError("the key that closes sealing keys has 32 bytes")
    name = hashlib.sha256(derived(secret, b"", b"name of a wrapping key")).digest()[:NAME_BYTES]
    return WrappingKey(secret, name.hex())


def named(wrapped: bytes) -> str:
    """The id of the key that closed this row."""
    return wrapped[:NAME_BYTES].hex()


def _associated(tenant: Tenant, kind: str, hour: int) -> bytes:
    return framed(b"sealing key", tenant.encode(), kind.encode(), str(hour).encode())
