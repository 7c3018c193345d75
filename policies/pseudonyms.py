"""Pairwise subject identifiers: one person is a different `sub` in each sector (OpenID Connect Core §8.1, decision 27).

`sub` = base32 without padding, lower-case, 52 characters, of
HMAC-SHA256(key, len|version len|tenant len|sector len|namespace len|identifier), each length four bytes, big-endian.
Lengths stand first so that no two lists of parts give the same bytes.
"""

import hmac
from base64 import b32encode

from policies.errors import AssertionRejected, Misconfigured, Problem
from policies.parties import Sector, SubjectNamespace, Tenant

VERSION = b"1"
# RFC 2104 §3: a key shorter than the hash's output weakens the HMAC
SHORTEST_KEY = 32


def pairwise_subject(key: bytes, tenant: Tenant, sector: Sector, namespace: SubjectNamespace, identifier: str) -> str:
    """The `sub` of one person in one sector. `identifier` is taken as received, not normalised.

    Raises `Misconfigured` for a short key or an unnamed scope, `AssertionRejected` for an empty identifier: all people
    without one would be the same person.
    """
    if len(key) < SHORTEST_KEY:
        raise Misconfigured(
            (_problem("subject key", f"has {len(key)} bytes.", f"make one of {SHORTEST_KEY} random bytes."),)
        )
    if not (tenant and sector and namespace):
        raise Misconfigured((_problem("subject", "tenant, sector or namespace is empty.", "name all three."),))
    if not identifier:
        raise AssertionRejected("subject_empty")
    parts = (VERSION, tenant.encode(), sector.encode(), namespace.encode(), identifier.encode())
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return b32encode(hmac.digest(key, message, "sha256")).decode().rstrip("=").lower()


def _problem(key: str, what: str, fix: str) -> Problem:
    return Problem("keys", 0, key, what, fix)
