"""Registrations that cannot work, each with good metadata: the server does not start with one.

What refuses is the key of the registration that its operator mends.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import in_use
from connectors.profiles import EIDAS
from connectors.saml import SamlConnector
from connectors.signatures.signer import DecryptionKey
from idp.keys.file import FileSigner, unwrapper_of_pem
from idp.selftest.case import Case, Entrance
from idp.selftest.keys import Holder
from idp.selftest.registrations.described import DAY, IDP, NODE, node, provider
from idp.selftest.registrations.entrances import SOURCE, registered_node
from idp.selftest.registrations.making import accepted, unusable
from idp.selftest.responses.parties import OneNode
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected
from policies.parties import EntityId, IdentityProvider, ProviderId, SubjectNamespace

CANNOT_WORK = "registration: cannot work"
VALID = "valid registrations"
ADDRESS = "urn:selftest:address"


def registrations(now: int, theirs: Holder, ours: Holder) -> Iterator[Case]:
    """All of them. `theirs` is their key, `ours` the one to which they encrypt."""
    yield from _saml(theirs, ours)
    yield from _nodes(now, theirs, ours)


def _saml(theirs: Holder, ours: Holder) -> Iterator[Case]:
    good = _registration(IDP)
    broken: Mapping[str, tuple[IdentityProvider, str]] = {
        "a binding that there is not": (replace(good, binding="artifact"), "binding"),
        "no binding": (replace(good, binding=""), "binding"),
        "a binding that the metadata does not have": (replace(good, binding="post"), "binding"),
        "no level": (replace(good, assurance={}), "assurance"),
        "a part of an address that there is not": (
            replace(good, attributes={ADDRESS: (AttributeName("address"), "planet")}),
            ADDRESS,
        ),
        "another entity": (replace(good, entity_id=EntityId(NODE)), "metadata"),
        "no entity": (replace(good, entity_id=EntityId("")), "metadata"),
    }
    for what, (registration, key) in broken.items():
        at = _saml_entrance(f"registration, {what}", registration, theirs)
        yield unusable(CANNOT_WORK, what, at, provider([ours], None).encode(), key)
    part = {ADDRESS: (AttributeName("address"), "locality"), "urn:oid:2.5.4.4": (AttributeName("family_name"), "")}
    whole: Mapping[str, IdentityProvider] = {
        "of a provider": good,
        "attributes whole and in parts": replace(good, attributes=part),
        "no attribute": replace(good, attributes={}),
        "one level": replace(good, assurance={"urn:x:strong": LevelOfAssurance.HIGH}),
    }
    for what, registration in whole.items():
        at = _saml_entrance(f"registration, {what}", registration, theirs)
        yield accepted(VALID, what, at, provider([ours], None).encode())
    at = _saml_entrance("registration, by post", replace(good, binding="post"), theirs)
    posted = provider([ours], None).replace("HTTP-Redirect", "HTTP-POST").encode()
    yield accepted(VALID, "by post", at, posted)


def _nodes(now: int, theirs: Holder, ours: Holder) -> Iterator[Case]:
    peer = registered_node(theirs.certificate)
    good, key = replace(_registration(NODE), protocol="eidas", peer=peer), (unwrapper_of_pem(ours.pem),)
    octets = node([theirs], [theirs], now + DAY).encode()
    broken: Mapping[str, tuple[IdentityProvider, str | None, tuple[DecryptionKey, ...], str]] = {
        "a node without its metadata": (replace(good, peer=None), "NL", key, "peer"),
        "a node by a binding that there is not": (replace(good, binding="artifact"), "NL", key, "peer"),
        "a node without a level": (replace(good, assurance={}), "NL", key, "assurance"),
        "a node, and no country of ours": (good, "", key, "assurance"),
        "a node, and no key of ours": (good, "NL", (), "assurance"),
    }
    for what, (registration, country, unwrappers, check) in broken.items():
        at = _node_entrance(f"registration, {what}", registration, theirs, country, unwrappers)
        yield unusable(CANNOT_WORK, what, at, octets, check)
    for what, country, binding in (
        ("of a node", "NL", "redirect"),
        ("of a node by post", "NL", "post"),
        ("of a node, for inspection", None, "redirect"),
    ):
        at = _node_entrance(f"registration, {what}", replace(good, binding=binding), theirs, country, key)
        yield accepted(VALID, what, at, octets)


def _saml_entrance(name: str, registration: IdentityProvider, holder: Holder) -> Entrance:
    """The metadata is the registration's, and all else is given."""

    def judge(octets: bytes) -> None:
        pinned = replace(registration, metadata=octets)
        SamlConnector(
            provider=pinned,
            entity_id="https://broker.selftest.example/saml",
            acs_url="https://broker.selftest.example/acs",
            signer=_signer(holder),
        )

    return Entrance(name, judge, None)


def _node_entrance(
    name: str, registration: IdentityProvider, holder: Holder, country: str | None, unwrappers: tuple[DecryptionKey, ...]
) -> Entrance:
    def judge(octets: bytes) -> None:
        try:
            facts = read_pinned_peer(octets, "proxy")
        except ValueError as error:
            raise AssertionRejected("metadata", str(error)) from error
        peers = OneNode(in_use(registered_node(holder.certificate), facts, EIDAS, PROTOCOL_VERSIONS))
        EidasConnector(
            provider=registration,
            entity_id="https://broker.selftest.example/eidas",
            acs_url="https://broker.selftest.example/eidas/acs",
            signer=_signer(holder),
            unwrappers=unwrappers,
            peers=peers,
            country=country,
            catalogue=STANDARD,
        )

    return Entrance(name, judge, None)


def _registration(entity_id: str) -> IdentityProvider:
    return IdentityProvider(
        provider_id=ProviderId("selftest"),
        title={"en": "Self-test"},
        country="EE",
        namespace=SubjectNamespace("selftest/EE"),
        entity_id=EntityId(entity_id),
        metadata=b"",
        attributes={"urn:oid:2.5.4.4": (AttributeName("family_name"), "")},
        subject_attribute="",
        assurance={level.uri: level for level in LevelOfAssurance},
        source=SOURCE,
    )


def _signer(holder: Holder) -> FileSigner:
    """Nobody is asked anything, but a connector wants a key to sign with."""
    return FileSigner(
        _private_key=holder.key, public_key=holder.key.public_key(), certificate=holder.certificate, key_id=holder.name
    )
