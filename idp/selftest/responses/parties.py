"""The parties of a run and their keys, what each registration of ours expects, and the entrances that judge by it.

saml2int   an identity provider of Estonia, its metadata pinned: two RSA keys in rollover, P-256, P-384 and P-521
eidas      the node of Estonia: RSA-3072, every curve of the profile, and a key whose certificate ended

Two keys are nobody's here: a stranger's, and that of a second identity provider whom we trust, and did not ask.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from connectors.connector import Expectation
from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import ASSURANCE_CERTIFICATION, MDATTR, PROTOCOL_VERSION, read_pinned_peer
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import NAME_ID_FORMATS, PROTOCOL_VERSIONS
from connectors.formats.names import ATTRNAME_URI, MD, PERSISTENT, POST, REDIRECT, SAML, SAMLP, UNSPECIFIED
from connectors.metadata.peers import PeerInUse, in_use
from connectors.profiles import EIDAS
from connectors.saml import SamlConnector
from connectors.signatures.profile import DS
from idp.keys.file import FileSigner, unwrapper_of_pem
from idp.selftest.case import Entrance
from idp.selftest.keys import Holder
from idp.selftest.responses.answer import fresh
from idp.selftest.responses.judging import AsItCame, AsTold, ByPost, Judging
from idp.selftest.responses.party_keys import Keys
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
_SOURCE = Source("selftest", 1)
_LEVELS = {level.uri: level for level in LevelOfAssurance}


@dataclass(frozen=True, slots=True)
class OneNode:
    """The one node that is known: implements `connectors.eidas.ApprovedPeers`."""

    node: PeerInUse

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:  # noqa: ARG002 - there is one, and it has no end
        """As `ApprovedPeers` has it."""
        return self.node


def identity_provider_metadata(
    holders: Sequence[Holder], use: str = ' use="signing"', encrypting: Holder | None = None
) -> bytes:
    """Metadata of the identity provider. `use` is that attribute of its KeyDescriptors; `encrypting` is no signing key."""
    keys = "".join(_key(holder, use) for holder in holders)
    if encrypting is not None:
        keys += _key(encrypting, ' use="encryption"')
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
    keys = "".join(_key(holder, ' use="signing"') for holder in holders)
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" xmlns:saml="{SAML}" entityID="{NODE}"><md:Extensions>'
        f'<mdattr:EntityAttributes xmlns:mdattr="{MDATTR}">{attributes}</mdattr:EntityAttributes></md:Extensions>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"><md:Extensions>'
        f'<eidas:NodeCountry xmlns:eidas="{EIDAS_NAMESPACE}">EE</eidas:NodeCountry></md:Extensions>{keys}{formats}'
        f'<md:SingleSignOnService Binding="{POST}" Location="https://ee.selftest.example/sso"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def _key(holder: Holder, use: str) -> str:
    certificate = base64.b64encode(holder.certificate).decode()
    return (
        f"<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


@dataclass(frozen=True)
class Entrances:
    """Each way in which we are waiting for an answer. All of them asked with one request, a minute ago."""

    keys: Keys
    request_id: str = field(default_factory=lambda: fresh("q"))

    @cached_property
    def saml2int(self) -> Entrance:
        """The pinned identity provider; nothing is encrypted to us."""
        return self._saml("saml2int")

    @cached_property
    def encrypted(self) -> Entrance:
        """The same, where we have a key to which assertions are encrypted."""
        return self._saml("saml2int, encrypted", ours=(self.keys.ours,))

    @cached_property
    def two_keys(self) -> Entrance:
        """Two of our keys for decryption in rollover. `inspect` is told one key."""
        return self._saml("saml2int, two keys of ours", ours=(self.keys.ours, self.keys.ours_older), arguments=False)

    @cached_property
    def aes_cbc(self) -> Entrance:
        """A provider with the deviation, and a key of its own. `inspect` has no registration by hand."""
        return self._saml("saml2int, AES-CBC", ours=(self.keys.own,), deviations=(AES_CBC,), arguments=False)

    @cached_property
    def aes_cbc_off(self) -> Entrance:
        """The same, after the deviation was switched off."""
        return self._saml("saml2int, AES-CBC off", ours=(self.keys.own,), deviations=(AES_CBC,), off=True, arguments=False)

    @cached_property
    def own_key(self) -> Entrance:
        """A provider whose answers are opened with that key, and that has no deviation."""
        return self._saml("saml2int, that key without AES-CBC", ours=(self.keys.own,))

    @cached_property
    def high(self) -> Entrance:
        """A login that needs the level high."""
        return self._saml("saml2int, high", minimum=LevelOfAssurance.HIGH)

    @cached_property
    def forced(self) -> Entrance:
        """A login whose authentication was forced. `inspect` cannot be told so."""
        return self._saml("saml2int, forced", force=True, arguments=False)

    @cached_property
    def max_age(self) -> Entrance:
        """A login that takes an authentication of at most ten minutes before. `inspect` cannot be told so."""
        return self._saml("saml2int, max_age", max_age=600, arguments=False)

    @cached_property
    def by_attribute(self) -> Entrance:
        """A registration that knows its subjects by an attribute. `inspect` cannot be told so by hand."""
        return self._saml("saml2int, by attribute", subject_attribute=SUBJECT_ATTRIBUTE, arguments=False)

    @cached_property
    def persistent(self) -> Entrance:
        """A registration that asks for persistent NameIDs. `inspect` cannot be told so by hand."""
        return self._saml("saml2int, persistent", ours=(self.keys.ours,), name_id_format=PERSISTENT, arguments=False)

    @cached_property
    def without_use(self) -> Entrance:
        """Metadata whose one KeyDescriptor does not say what it is for."""
        return self._saml("saml2int, no use", metadata=identity_provider_metadata([self.keys.idp], use=""))

    @cached_property
    def eidas(self) -> Entrance:
        """The node, as `inspect` can be told to expect it: any receiving country, any NameID format."""
        return self._eidas("eidas")

    @cached_property
    def eidas_login(self) -> Entrance:
        """The node, as a login expects it: forced, persistent, made for NL. `inspect` cannot be told so by hand."""
        return self._eidas("eidas, as in a login", country="NL", force=True, name_id_format=PERSISTENT, arguments=False)

    @cached_property
    def eidas_high(self) -> Entrance:
        """A login across the border that needs the level high."""
        return self._eidas("eidas, high", minimum=LevelOfAssurance.HIGH)

    @cached_property
    def eidas_modest(self) -> Entrance:
        """A node that publishes no more than substantial."""
        metadata = node_metadata([self.keys.node], LevelOfAssurance.SUBSTANTIAL)
        return self._eidas("eidas, substantial published", metadata=metadata)

    @cached_property
    def eidas_moved(self) -> Entrance:
        """A node that is registered for another country than its metadata says. `inspect` has no registration by hand."""
        return self._eidas("eidas, registered for Latvia", registered="LV", arguments=False)

    @cached_property
    def eidas_nowhere(self) -> Entrance:
        """A node of no country that is registered for none: empty is no match. `inspect` has no registration by hand."""
        return self._eidas("nothing expected: a country", registered="", country_said="", arguments=False)

    @cached_property
    def eidas_older(self) -> Entrance:
        """A node that speaks no version of the protocol that we speak: no answer is bad, and `inspect` gives no verdict."""
        metadata = node_metadata([self.keys.node], versions=("0.9",))
        return self._eidas("eidas, of another version", metadata=metadata, arguments=False)

    @cached_property
    def eidas_told(self) -> Entrance:
        """The node, and what becomes of the citizen: each refusal by its code. `inspect` says checks."""
        told = self._eidas("eidas, as the citizen is told", arguments=False)
        return replace(told, judge=AsTold(told.judge))

    @cached_property
    def came(self) -> Entrance:
        """The pinned identity provider, and how its answer came. `inspect` reads messages, that came in no way."""
        return self._saml("saml2int, as it came", judge=AsItCame, arguments=False)

    @cached_property
    def eidas_came(self) -> Entrance:
        """The node, and how its answer came."""
        return self._eidas("eidas, as it came", judge=AsItCame, arguments=False)

    @cached_property
    def eidas_on(self) -> Mapping[str, Entrance]:
        """The node, where our key for decryption is on a curve, by the curve."""
        return {name: self._eidas(f"eidas, our key on {name}", ours=holder) for name, holder in self.keys.ours_on.items()}

    def _saml(
        self,
        name: str,
        *,
        metadata: bytes = b"",
        ours: Sequence[Holder] = (),
        minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL,
        force: bool = False,
        max_age: int | None = None,
        subject_attribute: str = "",
        name_id_format: str = UNSPECIFIED,
        deviations: Sequence[str] = (),
        off: bool = False,
        judge: Judging = ByPost,
        arguments: bool = True,
    ) -> Entrance:
        keys = self.keys
        signing = [keys.idp, keys.next_idp, *(keys.on[curve] for curve in ("p-256", "p-384", "p-521"))]
        pinned = metadata or identity_provider_metadata(signing, encrypting=keys.second)
        provider = replace(
            _registration(IDP, "EE"),
            metadata=pinned,
            subject_attribute=subject_attribute,
            deviations=frozenset(deviations),
        )
        connector = SamlConnector(
            provider=provider,
            entity_id=SP,
            acs_url=ACS,
            signer=_signer(keys.ours),
            unwrappers=[unwrapper_of_pem(each.pem) for each in ours],
            suspended=lambda _deviation: off,
        )
        expectation = replace(
            self._expectation(minimum), force_authentication=force, max_age=max_age, name_id_format=name_id_format
        )
        asked = self._arguments(SP, ACS, minimum, encrypted=bool(ours)) if arguments else None
        files = {"idp.xml": pinned} | ({"sp.pem": ours[0].pem} if ours else {})
        return Entrance(name, judge(connector, expectation, keys.now), asked, files)

    def _eidas(
        self,
        name: str,
        *,
        metadata: bytes = b"",
        ours: Holder | None = None,
        minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL,
        country: str | None = None,
        force: bool = False,
        name_id_format: str = UNSPECIFIED,
        registered: str = "EE",
        country_said: str = "EE",
        judge: Judging = ByPost,
        arguments: bool = True,
    ) -> Entrance:
        keys, our_key = self.keys, ours or self.keys.our_node
        pinned = metadata or node_metadata([keys.node, keys.ended, *keys.on.values()])
        facts = replace(read_pinned_peer(pinned, "proxy"), country=country_said)
        peer = Peer(EntityId(NODE), registered, NODE, b"", "", (), _SOURCE)
        connector = EidasConnector(
            provider=replace(_registration(NODE, registered), protocol="eidas", peer=peer),
            entity_id=OUR_NODE,
            acs_url=NODE_ACS,
            signer=_signer(keys.our_node),
            unwrappers=[unwrapper_of_pem(our_key.pem)],
            peers=OneNode(in_use(peer, facts, EIDAS, PROTOCOL_VERSIONS)),
            country=country,
            catalogue=STANDARD,
        )
        expectation = replace(self._expectation(minimum), force_authentication=force, name_id_format=name_id_format)
        asked = None
        if arguments:
            asked = (*self._arguments(OUR_NODE, NODE_ACS, minimum, encrypted=True), "--profile", "eidas")
        return Entrance(name, judge(connector, expectation, keys.now), asked, {"idp.xml": pinned, "sp.pem": our_key.pem})

    def _expectation(self, minimum: LevelOfAssurance) -> Expectation:
        return Expectation(
            provider_id=_PROVIDER,
            request_id=self.request_id,
            issued_at=self.keys.now - 60,
            minimum_assurance=minimum,
            force_authentication=False,
        )

    def _arguments(self, audience: str, acs: str, minimum: LevelOfAssurance, *, encrypted: bool) -> tuple[str, ...]:
        said = {"--as": "response", "--idp-metadata": "{folder}/idp.xml", "--audience": audience, "--acs": acs}
        said |= {"--request-id": self.request_id, "--minimum-loa": minimum.label, "--at": str(self.keys.now)}
        if encrypted:
            said["--sp-key"] = "{folder}/sp.pem"
        return tuple(part for pair in said.items() for part in pair)


def _registration(entity_id: str, country: str) -> IdentityProvider:
    return IdentityProvider(
        provider_id=_PROVIDER,
        title={"en": "Self-test"},
        country=country,
        namespace=SubjectNamespace("selftest/EE"),
        entity_id=EntityId(entity_id),
        metadata=b"",
        attributes={"urn:oid:2.5.4.4": (AttributeName("family_name"), "")},
        subject_attribute="",
        assurance=_LEVELS,
        source=_SOURCE,
    )


def _signer(holder: Holder) -> FileSigner:
    """Nobody is asked anything, but a connector wants a key to sign with."""
    return FileSigner(
        _private_key=holder.key, public_key=holder.key.public_key(), certificate=holder.certificate, key_id=holder.name
    )
