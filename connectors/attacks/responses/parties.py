"""The parties of a run and their keys, what each registration of ours expects, and the entrances that judge by it.

saml2int   an identity provider of Estonia, its metadata pinned: two RSA keys in rollover, P-256, P-384 and P-521
eidas      the node of Estonia: RSA-3072, every curve of the profile, and a key whose certificate ended

Two keys are nobody's here: a stranger's, and that of a second identity provider whom we trust, and did not ask.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.attacks.case import Entrance
from connectors.attacks.keys import Holder
from connectors.attacks.responses.judging import AsItCame, AsTold, ByPost, Judging
from connectors.attacks.responses.party_keys import Keys
from connectors.connector import Expectation
from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import ASSURANCE_CERTIFICATION, MDATTR, PROTOCOL_VERSION, read_pinned_peer
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import NAME_ID_FORMATS, PROTOCOL_VERSIONS
from connectors.metadata.peers import PeerInUse, in_use
from connectors.profiles import EIDAS
from connectors.saml import SamlConnector
from connectors.signatures.decryption_keys import unwrapper_of_pem
from connectors.signatures.profile import DS
from connectors.signatures.signer import NoSigner
from connectors.wire.names import ATTRNAME_URI, MD, PERSISTENT, POST, REDIRECT, SAML, SAMLP, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.deviations import AES_CBC
from policies.parties import EntityId, IdentityProvider, Peer, ProviderId, Source, SubjectNamespace

IDP = "https://idp.selftest.example/metadata"
SECOND_IDP = "https://second.selftest.example/metadata"
NODE = "https://ee.selftest.example/eidas/metadata"
SECOND_NODE = "https://lv.selftest.example/eidas/metadata"
SP = "https://broker.selftest.example/saml/metadata"
ACS = "https://broker.selftest.example/saml/acs"
OUR_NODE = "https://broker.selftest.example/eidas/metadata"
NODE_ACS = "https://broker.selftest.example/eidas/acs"
SUBJECT_ATTRIBUTE = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
_PROVIDER = ProviderId("selftest")
SIGNING = ' use="signing"'  # of a KeyDescriptor
SOURCE = Source("selftest", 1)


@dataclass(frozen=True, slots=True)
class OneNode:
    """The one node that is known: implements `connectors.eidas.ApprovedPeers`."""

    node: PeerInUse

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:  # noqa: ARG002 - there is one, and it has no end
        """The one node."""
        return self.node


def identity_provider_metadata(
    holders: Sequence[Holder], use: str = ' use="signing"', encrypting: Holder | None = None
) -> bytes:
    """Metadata of the identity provider. `use` is that attribute of its KeyDescriptors; `encrypting` is no signing key."""
    keys = key_descriptors(use, *holders)
    if encrypting is not None:
        keys += key_descriptors(' use="encryption"', encrypting)
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" entityID="{IDP}">'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}'
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="https://idp.selftest.example/sso"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def node_metadata(
    holders: Sequence[Holder],
    published: LevelOfAssurance = LevelOfAssurance.HIGH,
    versions: Sequence[str] = PROTOCOL_VERSIONS,
) -> bytes:
    """Metadata of the node, which publishes a level and versions of the protocol."""
    said = {PROTOCOL_VERSION: versions, ASSURANCE_CERTIFICATION: (published.uri,)}
    attributes = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="{ATTRNAME_URI}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in said.items()
    )
    formats = "".join(f"<md:NameIDFormat>{name}</md:NameIDFormat>" for name in NAME_ID_FORMATS)
    keys = key_descriptors(' use="signing"', *holders)
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" xmlns:saml="{SAML}" entityID="{NODE}"><md:Extensions>'
        f'<mdattr:EntityAttributes xmlns:mdattr="{MDATTR}">{attributes}</mdattr:EntityAttributes></md:Extensions>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"><md:Extensions>'
        f'<eidas:NodeCountry xmlns:eidas="{EIDAS_NAMESPACE}">EE</eidas:NodeCountry></md:Extensions>{keys}{formats}'
        f'<md:SingleSignOnService Binding="{POST}" Location="https://ee.selftest.example/sso"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def key_descriptors(use: str, *holders: Holder) -> str:
    """KeyDescriptors with the certificates of these. `use` is that attribute, with a blank before it, or nothing."""
    return "".join(
        f"<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{base64.b64encode(holder.certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for holder in holders
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request of a minute ago, for each way in which we wait for an answer."""

    keys: Keys
    request_id: str

    def saml(
        self,
        name: str,
        metadata: bytes,
        *ours: Holder,
        minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL,
        registered: Mapping[str, Any] | None = None,  # Any: members of a registration
        off: bool = False,
        judge: Judging = ByPost,
        told: bool = True,
        **expected: Any,  # Any: members of an expectation
    ) -> Entrance:
        """The identity provider; `ours` are our keys for decryption, `off` says that deviations are suspended."""
        connector = SamlConnector(
            provider=replace(registration(IDP), metadata=metadata, **(registered or {})),
            entity_id=SP,
            acs_url=ACS,
            signer=NoSigner(),
            unwrappers=[unwrapper_of_pem(each.pem) for each in ours],
            suspended=lambda _deviation: off,
        )
        asked = self._arguments(SP, ACS, minimum, encrypted=bool(ours)) if told else None
        files = {"idp.xml": metadata} | ({"sp.pem": ours[0].pem} if ours else {})
        return Entrance(name, judge(connector, self._expectation(minimum, expected), self.keys.now), asked, files)

    def eidas(
        self,
        name: str,
        metadata: bytes,
        *,
        ours: Holder | None = None,
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
        facts = replace(read_pinned_peer(metadata, "proxy"), country=country_said)
        peer = Peer(EntityId(NODE), registered, NODE, b"", "", (), SOURCE)
        connector = EidasConnector(
            provider=replace(registration(NODE), country=registered, protocol="eidas", peer=peer),
            entity_id=OUR_NODE,
            acs_url=NODE_ACS,
            signer=NoSigner(),
            unwrappers=[unwrapper_of_pem(our_key.pem)],
            peers=OneNode(in_use(peer, facts, EIDAS, PROTOCOL_VERSIONS)),
            country=country,
            catalogue=STANDARD,
        )
        asked = (*self._arguments(OUR_NODE, NODE_ACS, minimum, encrypted=True), "--profile", "eidas") if told else None
        judging = judge(connector, self._expectation(minimum, expected), self.keys.now)
        return Entrance(name, judging, asked, {"idp.xml": metadata, "sp.pem": our_key.pem})

    def _expectation(self, minimum: LevelOfAssurance, more: Mapping[str, Any]) -> Expectation:  # Any: as above
        expected = Expectation(_PROVIDER, self.request_id, self.keys.now - 60, minimum, force_authentication=False)
        return replace(expected, **{"name_id_format": UNSPECIFIED, **more})

    def _arguments(self, audience: str, acs: str, minimum: LevelOfAssurance, *, encrypted: bool) -> tuple[str, ...]:
        said = {"--as": "response", "--idp-metadata": "{folder}/idp.xml", "--audience": audience, "--acs": acs}
        said |= {"--request-id": self.request_id, "--minimum-loa": minimum.label, "--at": str(self.keys.now)}
        if encrypted:
            said["--sp-key"] = "{folder}/sp.pem"
        return tuple(part for pair in said.items() for part in pair)


def entrances(keys: Keys, request_id: str) -> Mapping[str, Entrance]:
    """Every way in which we wait for an answer.

    `ciconia inspect` cannot be told of most of a registration and of a login by hand: those have no arguments.
    """
    asked, high = _Asked(keys, request_id), LevelOfAssurance.HIGH
    saml, eidas = asked.saml, asked.eidas
    pinned = identity_provider_metadata(
        [keys.idp, keys.next_idp, *(keys.on[curve] for curve in ("p-256", "p-384", "p-521"))], encrypting=keys.second
    )
    node = node_metadata([keys.node, keys.ended, *keys.on.values()])
    told = eidas("eidas, as the citizen is told", node, told=False)
    by_attribute, cbc = {"subject_attribute": SUBJECT_ATTRIBUTE}, {"deviations": frozenset({AES_CBC})}
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
        "persistent": saml("saml2int, persistent", pinned, keys.ours, **persistent),
        "without use": saml("saml2int, no use", identity_provider_metadata([keys.idp], use="")),
        "came": saml("saml2int, as it came", pinned, judge=AsItCame, told=False),
        "eidas": eidas("eidas", node),
        "eidas login": eidas("eidas, as in a login", node, country="NL", force_authentication=True, **persistent),
        "eidas high": eidas("eidas, high", node, minimum=high),
        "eidas modest": eidas("eidas, substantial published", node_metadata([keys.node], LevelOfAssurance.SUBSTANTIAL)),
        "eidas moved": eidas("eidas, registered for Latvia", node, registered="LV", told=False),
        # Empty is no match
        "eidas nowhere": eidas("nothing expected: a country", node, registered="", country_said="", told=False),
        "eidas older": eidas("eidas, of another version", node_metadata([keys.node], versions=("0.9",)), told=False),
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
