"""eIDAS as a proxy service: another country's node asks by Redirect or POST, and is answered by POST (SAML Message Format).

What a request says of itself counts once its signature has held; where the answer goes, the node's metadata says. A request
that is verified and wrong gets a signed failure beside the page, one that nobody vouches for gets the page alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.connector import Inbound, Post
from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    NOTIFIED_LEVELS,
    with_additional,
)
from connectors.formats.eidas.request import EidasRequest
from connectors.formats.eidas.response import (
    EidasAssertion,
    assertion_element,
    failure_element,
    response_element,
)
from connectors.formats.saml_response import RESPONSE_SIGNATURE_PLACE, ResponseHead, message_id
from connectors.metadata.peers import PeerInUse, Peers
from connectors.node_request import RELAY_STATE, check_relay_state, verified_request
from connectors.profiles import AES256_GCM, EIDAS, KW_AES256
from connectors.request_checks import Asking, PeerRequestRefused, receive_request
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.signer import Signers
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmlenc import check_recipient, encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import post_of
from connectors.wire.names import PERSISTENT, TRANSIENT
from idp.login.frontend import Admit, Declined, Received
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import Decided, Released
from idp.ports import ParkedRow
from idp.protocols.eidas.kinds import sets_of
from idp.protocols.eidas.person import names_asked, wire_values
from idp.protocols.node_failures import failure_codes, is_awaited
from idp.system.addresses import node_entity_id
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT
from policies.authentication import AskedAttribute, Origin, Requester, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import BrokerError, PeerUnavailable, RequestRefused, about
from policies.parties import EntityId, NodeId, PurposeId, RequestingNode, ServiceId

# This protocol's name in the table of frontends
NAME = "eidas"
MINIMUM_LEVEL = "minimum"
# A response is used when it is made
ANSWER_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Here:
    """Our own entity and address as other countries' nodes know them."""

    entity_id: str
    sso_url: str


def proxy_here(issuer: str) -> Here:
    """The entity and address of the sending node of this issuer."""
    return Here(entity_id=node_entity_id(issuer), sso_url=f"{issuer}/eidas/sso")


@dataclass(frozen=True, slots=True)
class EidasQuestion:
    """The part of a request that only this protocol reads (`Origin.protocol`). `name_id_format` is "" for none."""

    relay_state: str
    name_id_format: str = ""


EIDAS_QUESTION = Codec(EidasQuestion, plain=NEVER_DEFLATED)


class ProxyService:
    """Judges requests and makes answers, a frontend (`idp.login.frontend`); `signer` signs messages."""

    path = "/eidas/sso"
    signed = True
    own_page = False

    def __init__(
        self,
        *,
        here: Here,
        nodes: Mapping[NodeId, RequestingNode],
        peers: Peers,
        signer: Signers,
        catalogue: Catalogue,
    ) -> None:
        self._here = here
        self._nodes = nodes
        self._peers = peers
        self._signer = signer
        self._catalogue = catalogue
        self._registry = with_additional(catalogue)

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received | Declined:
        """Judge a request. Who asks is the Issuer, if it has the key that signed.

        Raises `PeerRequestRefused` where nobody vouches for it or it has no id to answer to, `PeerUnavailable` where its
        node has no address.
        """
        signed, head, relay_state, entity_id = verified_request(inbound, self._keys(now))
        node = next(node for node in self._nodes.values() if node.peer.entity_id == entity_id)
        with about(node.node_id):
            peer = self._peers.current(entity_id, now)
        service = ServiceId(node.node_id)
        try:
            request = self._judged(signed, relay_state, node, peer, now)
        except PeerRequestRefused as error:
            error.peer = node.node_id
            if not is_awaited(head, now):
                raise
            admit(service)
            question = EidasQuestion("" if error.check == RELAY_STATE else relay_state)
            return Declined(_origin(node, head.request_id, question), error)
        admit(service)
        question = EidasQuestion(relay_state, request.name_id_format)
        return Received(self._asked(request, _origin(node, request.request_id, question)))

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the node's registration ended since."""
        self._node(origin)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """The node's metadata is approved and valid now, and what it is told can be signed; a release can be encrypted."""
        peer = self._peer(origin, now)
        _ = peer.acs_url
        self._signer.at(now).ready()
        if release:
            try:
                check_recipient(peer.encryption_certificate(now), EIDAS)
            except ValueError as error:
                raise PeerUnavailable(f"{peer.peer.entity_id}: {error}. Its operator can mend this.") from error

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """A sending node's record has node and message, and nothing else."""
        return {}

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """Nodes share no sign-in."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """Nothing: the answer is whole."""
        return ()

    def answer(self, released: Released, now: int) -> Post:
        """The signed Response with its one assertion, encrypted to the node's key of this moment."""
        origin = released.grant.origin
        peer = self._peer(origin, now)
        encrypted = encrypt(
            assertion_element(self._assertion(released, peer, now), self._registry),
            peer.encryption_certificate(now),
            EIDAS,
            content=_method(peer, EIDAS.content_encryption, AES256_GCM),
            wrap=_method(peer, EIDAS.key_wraps, KW_AES256),
        )
        head = self._head(message_id(released.answer_key, "response"), peer, origin, now)
        return self._posted(response_element(head, encrypted), peer, origin, now)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Post:
        """A signed failure. After the citizen left it says nothing, unless the node may be told."""
        peer = self._peer(origin, now)
        too_low = (AUTHN_FAILED, LEVEL_NOT_REACHED)
        status, sub_status, message = failure_codes(error, too_low, tell=self._node(origin).tell_refusal)
        response_id = message_id(answer_key, "response")
        head = self._head(response_id, peer, origin, now)
        return self._posted(failure_element(head, status, sub_status, message), peer, origin, now)

    def _head(self, response_id: str, peer: PeerInUse, origin: Origin, now: int) -> ResponseHead:
        return ResponseHead(response_id, now, peer.acs_url, origin.message_id, self._here.entity_id)

    def _node(self, origin: Origin) -> RequestingNode:
        node = self._nodes.get(NodeId(origin.service))
        if node is None or node.peer.entity_id != origin.issuer:
            raise RequestRefused("the node is registered no more", status=403)
        return node

    def _peer(self, origin: Origin, now: int) -> PeerInUse:
        """The node's metadata as approved and valid now. Raises `PeerUnavailable`."""
        return self._peers.current(self._node(origin).peer.entity_id, now)

    def _keys(self, now: int) -> Mapping[EntityId, tuple[PinnedKey, ...]]:
        """The keys of every registered node that may be answered now."""
        found: dict[EntityId, tuple[PinnedKey, ...]] = {}
        for node in self._nodes.values():
            try:
                found[node.peer.entity_id] = self._peers.current(node.peer.entity_id, now).signing_keys(now)
            except PeerUnavailable:
                continue
        return found

    def _judged(self, signed: Signed, relay_state: str, node: RequestingNode, peer: PeerInUse, now: int) -> EidasRequest:
        check_relay_state(relay_state)
        asking = Asking(
            entity_id=peer.peer.entity_id,
            acs_url=peer.acs_url,
            sp_type=peer.facts.sp_type,
            name_id_formats=peer.facts.name_id_formats,
            sets=sets_of(node.persons),
        )
        here, known = self._here.sso_url, self._registry
        return receive_request(signed, here=here, peer=asking, now=now, profile=EIDAS, registry=known)

    def _asked(self, request: EidasRequest, origin: Origin) -> ServiceRequest:
        """The request in our words. Attributes that our catalogue does not know cannot be sent."""
        names = names_asked(self._catalogue)
        wanted = sorted((names[one.name], one.required) for one in request.attributes if one.name in names)
        minimum = request.comparison == MINIMUM_LEVEL
        return ServiceRequest(
            origin=origin,
            purpose_id=PurposeId(""),
            asked=tuple(AskedAttribute(name, EXACT, required) for name, required in wanted),
            unknown=(),
            minimum_assurance=NOTIFIED_LEVELS[request.contexts[0]] if minimum else LevelOfAssurance.LOW,
            contexts=() if minimum else request.contexts,
            force_authentication=True,
            requester=Requester(request.provider_name, request.sp_type),
        )

    def _assertion(self, released: Released, peer: PeerInUse, now: int) -> EidasAssertion:
        grant = released.grant
        wanted = EIDAS_QUESTION.load(grant.origin.protocol.encode()).name_id_format or PERSISTENT
        return EidasAssertion(
            assertion_id=message_id(released.answer_key, "assertion"),
            issue_instant=now,
            issuer=self._here.entity_id,
            name_id=message_id(released.answer_key, "transient") if wanted == TRANSIENT else grant.sub,
            name_id_format=wanted,
            recipient=peer.acs_url,
            in_response_to=grant.origin.message_id,
            audience=peer.peer.entity_id,
            not_before=now,
            not_on_or_after=now + ANSWER_SECONDS,
            authn_instant=grant.authenticated_at,
            context_class=grant.context,
            attributes=wire_values(grant.attributes, self._catalogue),
        )

    def _posted(self, root: Element, peer: PeerInUse, origin: Origin, now: int) -> Post:
        """Signed, and to the address of the metadata, never to one that a request named."""
        octets = sign_enveloped(root, self._signer.at(now), place=RESPONSE_SIGNATURE_PLACE, profile=EIDAS)
        return post_of(octets, peer.acs_url, EIDAS_QUESTION.load(origin.protocol.encode()).relay_state)


def _origin(node: RequestingNode, message_id: str, question: EidasQuestion) -> Origin:
    protocol = EIDAS_QUESTION.dump(question).decode()
    return Origin(NAME, ServiceId(node.node_id), node.peer.entity_id, message_id, protocol)


def _method(peer: PeerInUse, taken: frozenset[str], otherwise: str) -> str:
    """The first method of the node's metadata that is taken; the other one where it names none."""
    return next((uri for uri in peer.facts.encryption_methods if uri in taken), otherwise)
