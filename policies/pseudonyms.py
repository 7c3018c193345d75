"""Pairwise subject identifiers: one person is a different `sub` in each sector (OpenID Connect Core §8.1, decision 27).

`sub` = base32 without padding, lower-case, 52 characters, of
HMAC-SHA256(key, len|version len|tenant len|sector len|namespace len|identifier), each length four bytes, big-endian.
Lengths stand first so that no two lists of parts give the same bytes.

Whoever acts for another is another `sub` for each one, of (version, tenant, sector, namespace of whoever is represented,
their identifier, namespace, identifier). The versions differ, so nobody who acts is anybody who does not.

Between countries a person is `CC/CC/id`: another `id` for each receiving country, made in the same way of
(version, tenant, sending country, receiving country, namespace, identifier). The versions differ, so no `sub` is an `id`.
A company is known by its register's number (decision 0089).
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Callable

from policies.errors import AssertionRejected, Misconfigured, Problem
from policies.parties import Sector, SubjectNamespace, Tenant
from policies.persons import ActingFor

VERSION = b"1"
FOR_ANOTHER_VERSION = b"acting 1"
COUNTRY_VERSION, ACTING_VERSION = b"country 1", b"country acting 1"
# RFC 2104 §3: a key shorter than the hash's output weakens the HMAC
SHORTEST_KEY = 32
# The key, or HMAC-SHA256 of a message under a key that is elsewhere
PairwiseKey = bytes | Callable[[bytes], bytes]
_COUNTRY = re.compile(r"[A-Z]{2}")


def pairwise_subject(
    key: PairwiseKey,
    tenant: Tenant,
    sector: Sector,
    namespace: SubjectNamespace,
    identifier: str,
    acting_for: ActingFor | None = None,
) -> str:
    """The `sub` of one person in one sector, who may act for another. `identifier` is taken as received, not normalised.

    Raises `Misconfigured` for a short key or an unnamed scope, `AssertionRejected` for an empty identifier: all people
    without one would be the same person.
    """
    if not (tenant and sector and namespace):
        raise Misconfigured((_problem("subject", "tenant, sector or namespace is empty.", "name all three."),))
    if acting_for is None:
        return _keyed(key, VERSION, tenant, sector, namespace, identifier)
    if not acting_for.namespace or not acting_for.identifier:
        raise AssertionRejected("subject_empty")
    other = acting_for.namespace, acting_for.identifier
    return _keyed(key, FOR_ANOTHER_VERSION, tenant, sector, *other, namespace, identifier)


def transient_subject(random: bytes) -> str:
    """A `sub` of one sign-in, of 32 random bytes: it looks as every other, and comes never again."""
    return b32encode(random).decode().rstrip("=").lower()


def country_identifier(
    key: PairwiseKey, tenant: Tenant, sending: str, receiving: str, namespace: SubjectNamespace, subject: str
) -> str:
    """The PersonIdentifier of one citizen for one receiving country: `EE/NL/` and 52 characters.

    `subject` is taken as received, not normalised. Raises as `pairwise_subject`, and `Misconfigured` for no country.
    """
    if not (tenant and namespace):
        raise Misconfigured((_problem("subject", "tenant or namespace is empty.", "name both."),))
    if not all(_COUNTRY.fullmatch(country) for country in (sending, receiving)):
        raise Misconfigured((_problem("country", "is no country's two capital letters.", 'write country = "EE".'),))
    return f"{sending}/{receiving}/" + _keyed(key, COUNTRY_VERSION, tenant, sending, receiving, namespace, subject)


def acting_name(key: PairwiseKey, tenant: Tenant, between: str, acting: str, represented: str) -> str:
    """The persistent NameID, between two countries, of one who acts for one other: another one for each of the two.

    `acting` and `represented` are their identifiers between these countries, `between` says which: `EE/NL/`.
    """
    return between + _keyed(key, ACTING_VERSION, tenant, between, represented, acting)


def subject_digest(sub: str) -> str:
    """A digest that stands for a `sub` in a login: it tells whether two are one, and nothing else."""
    return hashlib.sha256(b"id_token_hint\0" + sub.encode()).hexdigest()[:32]


def code_of(key: PairwiseKey, message: bytes) -> bytes:
    """HMAC-SHA256 under the key, wherever it is."""
    return hmac.digest(key, message, "sha256") if isinstance(key, bytes) else key(message)


def _keyed(key: PairwiseKey, version: bytes, *named: str) -> str:
    """Base32 of the HMAC over the framed parts; the last of them is the person's identifier."""
    if isinstance(key, bytes) and len(key) < SHORTEST_KEY:
        raise Misconfigured(
            (_problem("subject key", f"has {len(key)} bytes.", f"make one of {SHORTEST_KEY} random bytes."),)
        )
    if not named[-1]:
        raise AssertionRejected("subject_empty")
    parts = (version, *[part.encode() for part in named])
    message = b"".join([len(part).to_bytes(4, "big") + part for part in parts])
    return b32encode(code_of(key, message)).decode().rstrip("=").lower()


def _problem(key: str, what: str, fix: str) -> Problem:
    return Problem("keys", 0, key, what, fix)
