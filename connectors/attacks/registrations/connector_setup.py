"""Registrations that cannot work, each with good metadata: the server does not start with one.

What refuses is the key of the registration that its operator mends.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.metadata_text import IDP, NODE, node, provider
from connectors.attacks.registrations.entrances import DAY, registered_node
from connectors.attacks.responses.parties import SoleNode, registration
from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import in_use
from connectors.profiles import EIDAS
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.decryption_keys import unwrapper_of_pem
from connectors.signatures.signer import DecryptionKey, NoSigner
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected
from policies.parties import EntityId, IdentityProvider

CANNOT_WORK = "registration: cannot work"
VALID = "valid registrations"
ADDRESS = "urn:selftest:address"


def registrations(now: int, theirs: KeyHolder, ours: KeyHolder) -> Iterator[AttackCase]:
    """All of them. `theirs` is their key, `ours` the one to which they encrypt."""
    yield from _saml(ours)
    yield from _nodes(now, theirs, ours)


def _saml(ours: KeyHolder) -> Iterator[AttackCase]:
    good, octets = registration(IDP), provider([ours], None).encode()
    planet = {ADDRESS: (AttributeName("address"), "planet")}
    broken: Mapping[str, tuple[IdentityProvider, str]] = {
        "a binding that there is not": (replace(good, binding="artifact"), "binding"),
        "a binding that the metadata does not have": (replace(good, binding="post"), "binding"),
        "no level": (replace(good, assurance={}), "assurance"),
        "a part of an address that there is not": (replace(good, attributes=planet), ADDRESS),
        "another entity": (replace(good, entity_id=EntityId(NODE)), "metadata"),
    }
    for what, (registered, key) in broken.items():
        yield refused(CANNOT_WORK, what, _saml_entrance(what, registered), octets, key)
    part = {ADDRESS: (AttributeName("address"), "locality"), "urn:oid:2.5.4.4": (AttributeName("family_name"), "")}
    whole: Mapping[str, IdentityProvider] = {
        "of a provider": good,
        "attributes whole and in parts": replace(good, attributes=part),
    }
    for what, registered in whole.items():
        yield accepted(VALID, what, _saml_entrance(what, registered), octets)
    posted = octets.replace(b"HTTP-Redirect", b"HTTP-POST")
    yield accepted(VALID, "by post", _saml_entrance("by post", replace(good, binding="post")), posted)


def _nodes(now: int, theirs: KeyHolder, ours: KeyHolder) -> Iterator[AttackCase]:
    peer = registered_node(theirs.certificate)
    good, key = replace(registration(NODE), protocol="eidas", peer=peer), (unwrapper_of_pem(ours.pem),)
    octets = node([theirs], [theirs], now + DAY).encode()
    broken: Mapping[str, tuple[IdentityProvider, str | None, tuple[DecryptionKey, ...], str]] = {
        "a node without its metadata": (replace(good, peer=None), "NL", key, "peer"),
        "a node by a binding that there is not": (replace(good, binding="artifact"), "NL", key, "peer"),
        "a node without a level": (replace(good, assurance={}), "NL", key, "assurance"),
        "a node, and no country of ours": (good, "", key, "assurance"),
        "a node, and no key of ours": (good, "NL", (), "assurance"),
    }
    for what, (registered, country, unwrappers, check) in broken.items():
        at = _node_entrance(what, registered, theirs, country, unwrappers)
        yield refused(CANNOT_WORK, what, at, octets, check)
    for what, of_ours, binding in (
        ("of a node", "NL", "redirect"),
        ("of a node by post", "NL", "post"),
        ("of a node, for inspection", None, "redirect"),
    ):
        at = _node_entrance(what, replace(good, binding=binding), theirs, of_ours, key)
        yield accepted(VALID, what, at, octets)


def _saml_entrance(what: str, registered: IdentityProvider) -> Entrance:
    """The metadata is the registration's, and all else is given."""

    def judge(octets: bytes) -> None:
        SamlConnector(
            provider=replace(registered, metadata=octets),
            entity_id="https://broker.selftest.example/saml",
            acs_url="https://broker.selftest.example/acs",
            signer=NoSigner(),
        )

    return Entrance(f"registration, {what}", judge, None)


def _node_entrance(
    what: str, registered: IdentityProvider, holder: KeyHolder, country: str | None, unwrappers: tuple[DecryptionKey, ...]
) -> Entrance:
    def judge(octets: bytes) -> None:
        try:
            facts = read_pinned_peer(octets, "proxy")
        except ValueError as error:
            raise AssertionRejected("metadata", str(error)) from error
        EidasConnector(
            provider=registered,
            entity_id="https://broker.selftest.example/eidas",
            acs_url="https://broker.selftest.example/eidas/acs",
            signer=NoSigner(),
            unwrappers=unwrappers,
            peers=SoleNode(in_use(registered_node(holder.certificate), facts, EIDAS, PROTOCOL_VERSIONS)),
            country=country,
            catalogue=STANDARD,
        )

    return Entrance(f"registration, {what}", judge, None)
