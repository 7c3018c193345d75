"""Registrations: keys, metadata and settings that must be refused, and those that must be taken.

key_sets.py    JWKS; public_keys.py: a key or a certificate by itself; weak_keys.py: RSA keys that anybody breaks
odd_certificates.py     certificates with faults that deployed nodes have, and keys for RSASSA-PSS alone
metadata_text.py        metadata as text, signed or not; entrances.py: who judges it
metadata_signatures.py  signed metadata: who signed it, and what of it
metadata_contents.py    signed metadata: what it says, and until when; deviations; keys like ours
pinned_metadata.py      metadata that an operator pinned
connector_setup.py      registrations that cannot work
missing_keys.py         verification without keys, and messages that come in another way
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.key_holders import KeyHolder, certified, ec_holder, rsa_holder
from connectors.attacks.messages.parties import new_parties
from connectors.attacks.metadata_text import node, provider
from connectors.attacks.registrations.connector_setup import registrations
from connectors.attacks.registrations.entrances import NEAR, MetadataBench, entity_metadata, node_metadata
from connectors.attacks.registrations.key_sets import key_set_cases
from connectors.attacks.registrations.metadata_contents import content_cases, shared_factor_cases
from connectors.attacks.registrations.metadata_signatures import signed_cases
from connectors.attacks.registrations.missing_keys import keyless_cases
from connectors.attacks.registrations.pinned_metadata import pinned_cases
from connectors.attacks.registrations.public_keys import key_cases, public_keys
from connectors.attacks.xml_signer import Signing
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256


def registration_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    keys = public_keys(now, (parties.sp, parties.node))
    on_curve = ec_holder("ee.selftest.example", now, ec.SECP256R1())
    weak = rsa_holder("idp.selftest.example", now, 1024)
    ended = _ended(on_curve, now)
    for bench in _benches(now, parties.node, parties.sp, on_curve):
        yield from signed_cases(bench)
        yield from content_cases(bench, weak, ended)
        if bench.of == "node":
            yield from shared_factor_cases(bench, parties.sp)
    yield from key_set_cases()
    yield from key_cases(keys)
    yield from pinned_cases(now, (parties.sp, on_curve), weak, {**keys.public, **keys.weak})
    yield from registrations(now, on_curve, parties.sp)
    yield from keyless_cases(parties)


def _benches(now: int, node_key: KeyHolder, provider_key: KeyHolder, on_curve: KeyHolder) -> tuple[MetadataBench, ...]:
    """A country's node, and an entity of SAML 2.0."""
    strange = ec_holder("ee.selftest.example", now, ec.SECP384R1())
    until = now + NEAR
    return (
        MetadataBench(
            "node metadata",
            node_metadata(node_key, now),
            lambda: node((on_curve,), (on_curve,), until),
            node_key,
            Signing(method=RSA_PSS_SHA256, place=0),
            strange,
            on_curve,
            now,
            "node",
        ),
        MetadataBench(
            "entity metadata",
            entity_metadata(provider_key, now),
            lambda: provider((on_curve,), until),
            provider_key,
            Signing(method=RSA_SHA256, place=0),
            strange,
            on_curve,
            now,
            "entity",
        ),
    )


def _ended(holder: KeyHolder, now: int) -> KeyHolder:
    moment, day = datetime.fromtimestamp(now, UTC), timedelta(days=1)
    return replace(holder, certificate=certified(holder.key, holder.name, moment - 30 * day, moment - day))
