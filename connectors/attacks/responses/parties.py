"""The parties of a run and their keys, what each registration of ours expects, and the entrances that judge by it.

saml2int   an identity provider of Estonia, its metadata pinned: two RSA keys in rollover, P-256, P-384 and P-521
eidas      the node of Estonia: RSA-3072, every curve of the profile, and a key whose certificate ended

Two keys are nobody's here: a stranger's, and that of a second identity provider whom we trust, and did not ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks import metadata_text as metadata
from connectors.attacks.attack_case import Entrance
from connectors.attacks.key_holders import KeyHolder, ec_holder, ended, rsa_holder
from connectors.attacks.metadata_text import IDP, NODE
from connectors.attacks.responses.response_judges import AsItCame, AsTold, ByPost, Judging
from connectors.connector import Expectation
from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import PeerInUse, in_use
from connectors.profiles import EIDAS
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.decryption_keys import unwrapper_of_pem
from connectors.signatures.signer import NoSigner
from connectors.wire.names import PERSISTENT, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.deviations import AES_CBC
from policies.parties import EntityId, IdentityProvider, Peer, ProviderId, Source, SubjectNamespace
from policies.registrations.saml_registration import SamlRegistration

SECOND_IDP = "https://second.selftest.example/metadata"
SECOND_NODE = "https://lv.selftest.example/eidas/metadata"
HOME = "https://home.selftest.example/idp"
SP = "https://broker.selftest.example/saml/metadata"
ACS = "https://broker.selftest.example/saml/acs"
OUR_NODE = "https://broker.selftest.example/eidas/metadata"
NODE_ACS = "https://broker.selftest.example/eidas/acs"
SUBJECT_ATTRIBUTE = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
_PROVIDER = ProviderId("selftest")
SOURCE = Source("selftest", 1)


CURVES: Mapping[str, ec.EllipticCurve] = {
    "p-256": ec.SECP256R1(),
    "p-384": ec.SECP384R1(),
    "p-521": ec.SECP521R1(),
    "brainpool-p256r1": ec.BrainpoolP256R1(),
    "brainpool-p384r1": ec.BrainpoolP384R1(),
    "brainpool-p512r1": ec.BrainpoolP512R1(),
}


@dataclass(frozen=True)
class PartyKeys:
    """Every key of a run. `on` is the node's on each curve, `ours_on` ours, to which a node encrypts."""

    now: int
    idp: KeyHolder
    next_idp: KeyHolder
    second: KeyHolder
    stranger: KeyHolder
    node: KeyHolder
    ended: KeyHolder
    ours: KeyHolder
    ours_older: KeyHolder
    own: KeyHolder
    our_node: KeyHolder
    on: Mapping[str, KeyHolder]
    ours_on: Mapping[str, KeyHolder]

    @cached_property
    def public(self) -> Mapping[str, bytes]:
        """The identity provider's public key in each form that a confused verifier could take for a secret."""
        key = self.idp.key.public_key()
        info = PublicFormat.SubjectPublicKeyInfo
        return {
            "pem": key.public_bytes(Encoding.PEM, info),
            "der": key.public_bytes(Encoding.DER, info),
            "certificate": self.idp.certificate,
        }


def make_keys(now: int) -> PartyKeys:
    """All keys anew; `now` in seconds since the epoch. Their certificates hold for a year before and after it."""
    return PartyKeys(
        now=now,
        idp=rsa_holder("idp.selftest.example", now),
        next_idp=rsa_holder("idp.selftest.example", now),
        second=rsa_holder("second.selftest.example", now),
        # The name of whom it would like to be: a certificate that looks like the genuine one
        stranger=rsa_holder("idp.selftest.example", now, 3072),
        node=rsa_holder("ee.selftest.example", now, 3072),
        ended=ended(ec_holder("ee.selftest.example", now, ec.SECP256R1()), now),
        ours=rsa_holder("broker.selftest.example", now),
        ours_older=rsa_holder("broker.selftest.example", now),
        # Of the one provider that may send AES-CBC
        own=rsa_holder("broker.selftest.example", now),
        our_node=rsa_holder("broker.selftest.example", now, 3072),
        on={name: ec_holder("ee.selftest.example", now, curve) for name, curve in CURVES.items()},
        ours_on={name: ec_holder("broker.selftest.example", now, curve) for name, curve in CURVES.items()},
    )


@dataclass(frozen=True, slots=True)
class SoleNode:
    """The one node that is known: implements `connectors.eidas.ApprovedPeers`."""

    node: PeerInUse

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:  # noqa: ARG002 - there is one, and it has no end
        """The one node."""
        return self.node


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request of a minute ago, for each way in which we wait for an answer."""

    keys: PartyKeys
    request_id: str

    def saml(
        self,
        name: str,
        published: bytes,
        *ours: KeyHolder,
        minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL,
        registered: Mapping[str, Any] | None = None,  # Any: members of a registration
        off: bool = False,
        judge: Judging = ByPost,
        told: bool = True,
        **expected: Any,  # Any: members of an expectation
    ) -> Entrance:
        """The identity provider; `ours` are our keys for decryption, `off` says that deviations are suspended."""
        connector = SamlConnector(
            provider=replace(registration(IDP), metadata=published, **(registered or {})),
            entity_id=SP,
            acs_url=ACS,
            signer=NoSigner(),
            unwrappers=[unwrapper_of_pem(each.pem) for each in ours],
            suspended=lambda _deviation: off,
        )
        asked = self._arguments(SP, ACS, minimum, encrypted=bool(ours)) if told else None
        files = {"idp.xml": published} | ({"sp.pem": ours[0].pem} if ours else {})
        return Entrance(name, judge(connector, self._expectation(minimum, expected), self.keys.now), asked, files)

    def eidas(
        self,
        name: str,
        published: bytes,
        *,
        ours: KeyHolder | None = None,
        minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL,
        country: str | None = None,
        registered: str = "EE",
        country_said: str = "EE",
        judge: Judging = ByPost,
        told: bool = True,
        **expected: Any,  # Any: members of an expectation
    ) -> Entrance:
        """The node; `country` is ours, `registered` its own, and `country_said` what its metadata says."""
        our_key = ours or self.keys.our_node
        facts = replace(read_pinned_peer(published, "proxy"), country=country_said)
        peer = Peer(EntityId(NODE), registered, NODE, b"", "", (), SOURCE)
        connector = EidasConnector(
            provider=replace(registration(NODE), country=registered, protocol="eidas", peer=peer),
            entity_id=OUR_NODE,
            acs_url=NODE_ACS,
            signer=NoSigner(),
            unwrappers=[unwrapper_of_pem(our_key.pem)],
            peers=SoleNode(in_use(peer, facts, EIDAS, PROTOCOL_VERSIONS)),
            country=country,
            catalogue=STANDARD,
        )
        asked = (*self._arguments(OUR_NODE, NODE_ACS, minimum, encrypted=True), "--profile", "eidas") if told else None
        judging = judge(connector, self._expectation(minimum, expected), self.keys.now)
        return Entrance(name, judging, asked, {"idp.xml": published, "sp.pem": our_key.pem})

    def _expectation(self, minimum: LevelOfAssurance, more: Mapping[str, Any]) -> Expectation:  # Any: as above
        expected = Expectation(_PROVIDER, self.request_id, self.keys.now - 60, minimum, force_authentication=False)
        return replace(expected, **{"name_id_format": UNSPECIFIED, **more})

    def _arguments(self, audience: str, acs: str, minimum: LevelOfAssurance, *, encrypted: bool) -> tuple[str, ...]:
        said = {"--as": "response", "--idp-metadata": "{folder}/idp.xml", "--audience": audience, "--acs": acs}
        said |= {"--request-id": self.request_id, "--minimum-loa": minimum.label, "--at": str(self.keys.now)}
        if encrypted:
            said["--sp-key"] = "{folder}/sp.pem"
        return tuple(part for pair in said.items() for part in pair)


def entrances(keys: PartyKeys, request_id: str) -> Mapping[str, Entrance]:
    """Every way in which we wait for an answer.

    `ciconia inspect` cannot be told of most of a registration and of a login by hand: those have no arguments.
    """
    asked, high = _Asked(keys, request_id), LevelOfAssurance.HIGH
    saml, eidas = asked.saml, asked.eidas
    signing = [keys.idp, keys.next_idp, *(keys.on[curve] for curve in ("p-256", "p-384", "p-521"))]
    pinned = metadata.provider(signing, encryption=[keys.second]).encode()
    node = metadata.node([keys.node, keys.ended, *keys.on.values()]).encode()
    modest = metadata.node([keys.node], published=LevelOfAssurance.SUBSTANTIAL).encode()
    older = metadata.node([keys.node], versions=("0.9",)).encode()
    told = eidas("eidas, as the citizen is told", node, told=False)
    by_attribute, cbc = {"subject_attribute": SUBJECT_ATTRIBUTE}, {"deviations": frozenset({AES_CBC})}
    of_a_proxy = {"saml": SamlRegistration(proxies=2, authorities=(HOME,))}
    persistent: dict[str, Any] = {"name_id_format": PERSISTENT, "told": False}  # Any: arguments of either
    return {
        "saml2int": saml("saml2int", pinned),
        "encrypted": saml("saml2int, encrypted", pinned, keys.ours),
        "two keys": saml("saml2int, two keys of ours", pinned, keys.ours, keys.ours_older, told=False),
        "aes-cbc": saml("saml2int, AES-CBC", pinned, keys.own, registered=cbc, told=False),
        "aes-cbc off": saml("saml2int, AES-CBC off", pinned, keys.own, registered=cbc, off=True, told=False),
        "own key": saml("saml2int, that key without AES-CBC", pinned, keys.own),
        "high": saml("saml2int, high", pinned, minimum=high),
        "forced": saml("saml2int, forced", pinned, force_authentication=True, told=False),
        "max age": saml("saml2int, max_age", pinned, max_age=600, told=False),
        "by attribute": saml("saml2int, by attribute", pinned, registered=by_attribute, told=False),
        "proxy": saml("saml2int, a proxy", pinned, keys.ours, registered=of_a_proxy, proxies=2, told=False),
        "persistent": saml("saml2int, persistent", pinned, keys.ours, **persistent),
        "without use": saml("saml2int, no use", metadata.provider([keys.idp], use="").encode()),
        # Nobody asked: an answer to any request at all is none of these
        "landing": saml("saml2int, a landing", pinned, request_id="", told=False),
        "came": saml("saml2int, as it came", pinned, judge=AsItCame, told=False),
        "eidas": eidas("eidas", node),
        "eidas login": eidas("eidas, as in a login", node, country="NL", force_authentication=True, **persistent),
        "eidas high": eidas("eidas, high", node, minimum=high),
        "eidas modest": eidas("eidas, substantial published", modest),
        "eidas moved": eidas("eidas, registered for Latvia", node, registered="LV", told=False),
        # Empty is no match
        "eidas nowhere": eidas("nothing expected: a country", node, registered="", country_said="", told=False),
        "eidas older": eidas("eidas, of another version", older, told=False),
        "eidas told": replace(told, judge=AsTold(told.judge)),
        "eidas came": eidas("eidas, as it came", node, judge=AsItCame, told=False),
        **{name: eidas(f"eidas, our key on {name}", node, ours=holder) for name, holder in keys.ours_on.items()},
    }


def registration(entity_id: str) -> IdentityProvider:
    """A registration of an Estonian entity, without metadata."""
    return IdentityProvider(
        provider_id=_PROVIDER,
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
