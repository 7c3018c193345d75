"""Another country's node, which makes any response, right or wrong, and the connector that asks it.

A good answer is made of the product's own writers; each test changes one part: a field of `Answer`, or the tree before it
is encrypted or signed, or the octets afterwards. Other people's code signs and encrypts in tests/connectors/crossing.py.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from connectors.connector import Ask, Expectation, Inbound
from connectors.eidas import EidasConnector
from connectors.formats.eidas.metadata import PeerFacts
from connectors.formats.eidas.registry import (
    ATTRIBUTES,
    NAME_ID_FORMATS,
    NATURAL,
    PROTOCOL_VERSIONS,
    SUB_STATUSES,
    Registry,
    level_uri,
)
from connectors.formats.eidas.response import (
    EidasAssertion,
    assertion_element,
    failure_element,
    response_element,
)
from connectors.formats.eidas.values import EidasValue
from connectors.formats.saml_response import RESPONSE_SIGNATURE_PLACE, ResponseHead
from connectors.metadata.peers import PeerInUse, in_use
from connectors.profiles import EIDAS
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.signer import DecryptionKey, Signer
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import PERSISTENT, POST, REDIRECT, SUCCESS, samlp
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.authentication import Requester
from policies.catalogue import STANDARD, Catalogue
from policies.errors import PeerUnavailable
from policies.parties import EntityId, IdentityProvider, Peer, ProviderId, Source, SubjectNamespace
from tests.connectors.eidas.made import natural
from tests.connectors.metadata.node import NOW, curve_signer, rsa_signer

__all__ = ["NOW"]

OURS = "https://city.example/eidas/metadata"
ACS = "https://city.example/eidas/acs"
REQUEST = "_request0123456789"
LOW, SUBSTANTIAL, HIGH = (level_uri(level, is_notified=True) for level in LevelOfAssurance)
OWN_LOW, OWN_SUBSTANTIAL, OWN_HIGH = (level_uri(level, is_notified=False) for level in LevelOfAssurance)
NOTIFIED: Mapping[str, LevelOfAssurance] = {level.uri: level for level in LevelOfAssurance}
PERSON: Mapping[str, tuple[EidasValue, ...]] = {
    "PersonIdentifier": (EidasValue("EE/NL/0001-äö"),),
    "CurrentFamilyName": (EidasValue("Маасикас", latin=False), EidasValue("Maasikas")),
    "CurrentGivenName": (EidasValue("Mari"),),
    "DateOfBirth": (EidasValue("1887-04-12"),),
}
REQUESTER = Requester("City of Storkhaven", "public", "https://city.example/party/parking")
Change = Callable[[Element], None]


def unchanged(_element: Element) -> None:
    """The tree as it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response in all its parts; times are seconds since the epoch.

    `change` edits the assertion before encryption, `reshape` the response before it is signed, `spoil` afterwards.
    """

    response_id: str = "_response0001"
    assertion_id: str = "_assertion0001"
    issued: int = NOW
    assertion_issued: int = NOW
    destination: str = ACS
    in_response_to: str = REQUEST
    issuer: str = ""  # the node's own
    assertion_issuer: str = ""
    status: str = SUCCESS
    sub_status: str = ""
    message: str = ""
    name_id: str = "a-name"
    name_id_format: str = PERSISTENT
    recipient: str = ACS
    confirmed_request: str = REQUEST
    audience: str = OURS
    begins: int = NOW
    ends: int = NOW + 300
    authenticated: int = NOW
    level: str = HIGH
    person: Mapping[str, tuple[EidasValue, ...]] = field(default_factory=lambda: PERSON)
    registry: Registry = field(default_factory=lambda: ATTRIBUTES)
    change: Change = unchanged
    reshape: Change = unchanged
    spoil: Change = unchanged
    signed: bool = True


@dataclass
class SendingNode:
    """A country's node with keys of its own; its facts and its registration can be changed."""

    country: str = "EE"
    entity_id: str = "https://ee.example/eidas/metadata"
    signer: FileSigner = field(default_factory=curve_signer)
    assurance: frozenset[str] = frozenset({HIGH})
    facts_changes: Mapping[str, object] = field(default_factory=dict)
    # keys that its metadata has beside its own
    more_keys: Sequence[FileSigner] = ()

    @property
    def peer(self) -> Peer:
        """Its registration at the receiving node."""
        source = Source(f"providers/{self.country.lower()}.toml", 3)
        return Peer(EntityId(self.entity_id), self.country, self.entity_id, b"", "", (), source)

    @property
    def provider(self) -> IdentityProvider:
        """The registration as a provider that citizens choose."""
        return IdentityProvider(
            provider_id=ProviderId(self.country.lower()),
            title={"en": self.country},
            country=self.country,
            namespace=SubjectNamespace(f"eidas/{self.country}"),
            entity_id=self.peer.entity_id,
            metadata=b"",
            attributes={},
            subject_attribute="",
            assurance=NOTIFIED,
            source=self.peer.source,
            protocol="eidas",
            peer=self.peer,
        )

    @property
    def facts(self) -> PeerFacts:
        """The facts of its approved metadata."""
        facts = PeerFacts(
            role="proxy",
            entity_id=self.entity_id,
            country=self.country,
            signing=frozenset(signer.certificate for signer in (self.signer, *self.more_keys)),
            encryption=frozenset(),
            endpoints=frozenset({(POST, "https://ee.example/sso/post"), (REDIRECT, "https://ee.example/sso")}),
            attributes=frozenset(NATURAL),
            versions=frozenset({"1.4", "1.3"}),
            assurance=self.assurance,
            name_id_formats=frozenset(NAME_ID_FORMATS),
            encryption_methods=(),
            wants_requester_id=False,
            sp_type="",
            valid_until=NOW + 86_400,
        )
        return replace(facts, **self.facts_changes)  # type: ignore[arg-type] # a test changes fields by their names

    def in_use(self) -> PeerInUse:
        """This node in the form in which the receiving node knows it."""
        version = in_use(self.peer, self.facts, EIDAS, PROTOCOL_VERSIONS).version
        return PeerInUse(self.peer, self.facts, version, tuple(self._pinned()), ())

    def _pinned(self) -> list[PinnedKey]:
        return [key_of_certificate(der, EIDAS) for der in sorted(self.facts.signing)]

    def assertion(self, answer: Answer) -> Element:
        """The assertion, not encrypted yet."""
        element = assertion_element(
            EidasAssertion(
                assertion_id=answer.assertion_id,
                issue_instant=answer.assertion_issued,
                issuer=answer.assertion_issuer or self.entity_id,
                name_id=answer.name_id,
                name_id_format=answer.name_id_format,
                recipient=answer.recipient,
                in_response_to=answer.confirmed_request,
                audience=answer.audience,
                not_before=answer.begins,
                not_on_or_after=answer.ends,
                authn_instant=answer.authenticated,
                context_class=answer.level,
                attributes=tuple((name if ":" in name else natural(name), said) for name, said in answer.person.items()),
            ),
            answer.registry,
        )
        answer.change(element)
        return element

    def response(self, answer: Answer, *encrypted: Element, signer: Signer | None = None) -> bytes:
        """The response around what is encrypted (a good assertion to us where nothing is given), signed by the node."""
        issuer = answer.issuer or self.entity_id
        head = ResponseHead(answer.response_id, answer.issued, answer.destination, answer.in_response_to, issuer)
        if answer.status == SUCCESS:
            held = encrypted or (encrypt(self.assertion(answer), ours().certificate, EIDAS),)
            root = response_element(head, held[0])
            root.extend(held[1:])
        else:
            known = answer.sub_status if answer.sub_status in SUB_STATUSES else ""
            root = failure_element(head, answer.status, known, answer.message)
            root.extend(encrypted)
            if answer.sub_status and answer.sub_status not in SUB_STATUSES:
                # Codes that the profile does not have, and that somebody may send
                top = root.find(f".//{samlp('StatusCode')}")
                assert top is not None
                etree.SubElement(top, samlp("StatusCode")).set("Value", answer.sub_status)
        answer.reshape(root)
        octets = etree.tostring(root)
        if answer.signed:
            octets = sign_enveloped(root, signer or self.signer, place=RESPONSE_SIGNATURE_PLACE, profile=EIDAS)
        if answer.spoil is unchanged:
            return octets
        spoilt = etree.fromstring(octets)
        answer.spoil(spoilt)
        return etree.tostring(spoilt)

    def says(self, **changes: object) -> Inbound:
        """A good answer with parts changed, as it comes to us."""
        answer = replace(Answer(), **changes)  # type: ignore[arg-type] # a test changes fields by their names
        return posted(self.response(answer))


def posted(octets: bytes, **more: str) -> Inbound:
    return Inbound("post", {"SAMLResponse": base64.b64encode(octets).decode(), **more})


def ours() -> FileUnwrapper:
    """Our key for decryption."""
    return unwrapper_of(rsa_signer(1))


def unwrapper_of(signer: FileSigner) -> FileUnwrapper:
    """The key pair of a signer, to decrypt with."""
    key = signer._private_key
    return FileUnwrapper(key, signer.certificate, signer.key_id)  # type: ignore[arg-type] # an RSA key by its name


@dataclass
class KnownNodes:
    """The nodes that the receiving node knows at the moment; a test may take one out."""

    nodes: list[SendingNode]

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:
        for node in self.nodes:
            if node.entity_id == entity_id and node.facts.valid_until > now:
                return node.in_use()
        raise PeerUnavailable(f"nothing of {entity_id} is valid")


def connector_to(node: SendingNode, *others: SendingNode, **changes: object) -> EidasConnector:
    """Our connector to a node; `changes` are fields of its registration."""
    provider = replace(node.provider, **changes)  # type: ignore[arg-type] # a test changes fields by their names
    return connector_opening(provider, [ours()], node, *others)


def connector_opening(
    provider: IdentityProvider,
    unwrappers: Sequence[DecryptionKey],
    *nodes: SendingNode,
    catalogue: Catalogue = STANDARD,
) -> EidasConnector:
    """Our connector for a registration, which knows these nodes and decrypts with these keys."""
    return EidasConnector(
        provider=provider,
        entity_id=OURS,
        acs_url=ACS,
        signer=rsa_signer(0),
        unwrappers=unwrappers,
        peers=KnownNodes(list(nodes)),
        country="NL",
        catalogue=catalogue,
    )


def ask(minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL, **changes: object) -> Ask:
    made = Ask(
        relay_state=secrets.token_urlsafe(16), minimum_assurance=minimum, force_authentication=False, requester=REQUESTER
    )
    return replace(made, **changes)  # type: ignore[arg-type] # a test changes fields by their names


def expectation(minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL, **changes: object) -> Expectation:
    made = Expectation(
        provider_id=ProviderId("ee"),
        request_id=REQUEST,
        issued_at=NOW - 30,
        minimum_assurance=minimum,
        force_authentication=True,
        name_id_format=PERSISTENT,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # a test changes fields by their names
