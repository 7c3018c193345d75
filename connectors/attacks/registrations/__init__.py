"""Registrations: keys, metadata and settings that must be refused, and those that must be taken.

key_sets.py    JWKS; public_keys.py: a key or a certificate by itself, and RSA keys that anybody breaks
odd_certificates.py     certificates with faults that deployed nodes have, and keys for RSASSA-PSS alone
metadata_text.py        metadata as text, signed or not; entrances.py: who judges it
metadata_signatures.py  signed metadata: who signed it, and what of it
metadata_contents.py    signed metadata: what it says, and until when; deviations; keys like ours
aggregates.py           metadata of federations, whole and one entity at a time
pinned_metadata.py      metadata that an operator pinned
connector_setup.py      registrations that cannot work
missing_keys.py         verification without keys, and messages that come in another way
"""

from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.attack_case import AttackCase, Entrance
from connectors.attacks.key_holders import KeyHolder, ec_holder, ended, rsa_holder
from connectors.attacks.messages.parties import OF_384_OCTETS, new_parties
from connectors.attacks.metadata_text import node, provider
from connectors.attacks.registrations.aggregates import aggregate_bench, federation_cases
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
    for bench in _benches(now, parties.node, parties.sp, on_curve):
        yield from signed_cases(bench)
        yield from content_cases(bench, weak, ended(on_curve, now))
        if bench.of == "node":
            yield from shared_factor_cases(bench, parties.sp)
    federation = aggregate_bench(parties.sp, ec_holder("ee.selftest.example", now, ec.SECP384R1()), on_curve, now)
    yield from signed_cases(federation)
    yield from federation_cases(federation)
    yield from key_set_cases()
    yield from key_cases(keys)
    yield from pinned_cases(now, (parties.sp, on_curve), weak, {**keys.public, **keys.weak})
    yield from registrations(now, on_curve, parties.sp)
    yield from keyless_cases(parties)


def _benches(now: int, node_key: KeyHolder, provider_key: KeyHolder, on_curve: KeyHolder) -> tuple[MetadataBench, ...]:
    """A country's node, and an entity of SAML 2.0."""
    strange, until = ec_holder("ee.selftest.example", now, ec.SECP384R1()), now + NEAR

    def bench(of: str, entrance: Entrance, text: Callable[[], str], holder: KeyHolder, method: str) -> MetadataBench:
        how = Signing(method=method, place=0)
        # Metadata may be signed as the whole document that it is
        otherwise = {"whole-document": "", **(OF_384_OCTETS if of == "node" else {})}
        return MetadataBench(entrance.name, entrance, text, holder, how, strange, on_curve, now, of, otherwise=otherwise)

    of_node, of_entity = node_metadata(node_key, now), entity_metadata(provider_key, now)
    return (
        bench("node", of_node, lambda: node((on_curve,), (on_curve,), until), node_key, RSA_PSS_SHA256),
        bench("entity", of_entity, lambda: provider((on_curve,), until), provider_key, RSA_SHA256),
    )
