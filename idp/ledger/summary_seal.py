"""The seal of a summary: what a block of the ledger says, under a key of that very block.

The hash of the block's leaves is part of the key. A summary of other leaves, of another block or of another tenant does not
open.
"""

from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idp.ledger.leaf import GCM_NONCE_BYTES
from idp.ledger.ledger_keys import derived, framed, mac
from policies.errors import SignatureInvalid


def summaries_key(openings: bytes, tenant: str) -> bytes:
    """The key of a tenant's summaries, from the master of openings: a summary tells what they say."""
    return derived(openings, b"", b"summaries", tenant.encode())


def seal_summary(key: bytes, block: int, hashed: bytes, content: bytes) -> bytes:
    """Encrypt what the block of this hash says: GCM nonce (12 bytes), ciphertext, tag."""
    nonce = urandom(GCM_NONCE_BYTES)
    cipher, bound = _cipher(key, block, hashed)
    return nonce + cipher.encrypt(nonce, content, bound)


def open_summary(key: bytes, block: int, hashed: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal_summary` made for the block of this hash. Raises `SignatureInvalid` for anything else."""
    cipher, bound = _cipher(key, block, hashed)
    try:
        return cipher.decrypt(sealed[:GCM_NONCE_BYTES], sealed[GCM_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise SignatureInvalid("summary", f"the summary of block {block} is of other leaves, or not ours") from error


def _cipher(key: bytes, block: int, hashed: bytes) -> tuple[AESGCM, bytes]:
    bound = framed(b"summary", block.to_bytes(8), hashed)
    return AESGCM(mac(key, bound)), bound
