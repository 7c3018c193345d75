"""eIDAS as a proxy service: another country's node asks by Redirect or POST, and is answered by POST (SAML Message Format).

What a request says of itself counts once its signature has held; where the answer goes, the node's metadata says. A request
that is verified and wrong gets a signed failure beside the page, one that nobody vouches for gets the page alone.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.connector import Inbound, Post
from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    PERSON_IDENTIFIER,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
)
from connectors.formats.eidas.request import EidasRequest
from connectors.formats.eidas.response import (
    RESPONSE_SIGNATURE_PLACE,
    EidasAssertion,
    assertion_element,
    failure_element,
    response_element,
)
from connectors.formats.names import PERSISTENT, TRANSIENT
from connectors.metadata.peers import PeerInUse, Peers
from connectors.profiles import AES256_GCM, EIDAS, KW_AES256
from connectors.request_checks import Asking, PeerRequestRefused, receive_request
from connectors.signatures.keys import PinnedKey
from connectors.signatures.parse import Element
from connectors.signatures.signed import Signed
from connectors.signatures.signer import Signers
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from idp.addresses import node_entity_id
from idp.login import LOGIN_LIFE
from idp.node.login import NodeRefused, NodeReleased, NodeRequest
from idp.node.person import eidas_values
from idp.responders.eidas_request import verified_request
from policies.catalogue import Catalogue
from policies.errors import AssuranceTooLow, BrokerError, PeerUnavailable, StoreUnavailable, Suspended, about
from policies.parties import EntityId, NodeId, RequestingNode

# SAML Bindings 2.0 §3.4.3, in octets
MAX_RELAY_STATE = 80
RELAY_STATE = "relay_state"
# A response is used when it is made: spec/eidas.md §4
ANSWER_SECONDS = 300
ID_BYTES = 20


@dataclass(frozen=True, slots=True)
class Here:
    """Who we are to other countries' nodes, and where they ask."""

    entity_id: str
    sso_url: str


def proxy_here(issuer: str) -> Here:
    """Who a sending node of this issuer is, and where it is asked."""
    return Here(entity_id=node_entity_id(issuer), sso_url=f"{issuer}/eidas/sso")


@dataclass(frozen=True, slots=True)
class Declined:
    """A verified request that is refused: whose it is, why, and the signed failure for its node, if it can be signed."""

    node: RequestingNode
    error: PeerRequestRefused
    answer: Post | None


@dataclass(frozen=True, slots=True)
class _Question:
    """What an answer refers to."""

    request_id: str
    relay_state: str


class ProxyService:
    """Judges requests and makes answers; `signer` signs messages."""

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

    def receive(
        self, inbound: Inbound, now: int, counted: Callable[[NodeId], None] = lambda _node: None
    ) -> NodeRequest | Declined:
        """Judge a request. Who asks is the Issuer, if it has the key that signed.

        `counted` hears of a request of now that a node signed, before anything of ours is signed for it, and may raise.
        Raises `PeerRequestRefused` where nobody vouches for it or it has no id to answer to, `PeerUnavailable` where its
        node has no address.
        """
        signed, head, relay_state, entity_id = verified_request(inbound, self._keys(now))
        node = next(node for node in self._nodes.values() if node.peer.entity_id == entity_id)
        with about(node.node_id):
            peer = self._peers.current(entity_id, now)
        try:
            request = self._judged(signed, relay_state, peer, now)
        except PeerRequestRefused as error:
            error.peer = node.node_id
            # One that is too long does not go back either
            question = _Question(head.request_id, "" if error.check == RELAY_STATE else relay_state)
            # Nobody waits any more for the answer to an old one, and it would buy anybody our signature for ever
            if not question.request_id or head.issue_instant is None or abs(now - head.issue_instant) > LOGIN_LIFE:
                raise
            counted(node.node_id)
            try:
                answer = self._failure(question, peer, _codes(error), _new_id(), now)
            except StoreUnavailable:
                answer = None
            return Declined(node, error, answer)
        counted(node.node_id)
        return NodeRequest(
            node_id=node.node_id,
            issuer=node.peer.entity_id,
            request_id=request.request_id,
            relay_state=relay_state,
            name_id_format=request.name_id_format,
            comparison=request.comparison,
            contexts=request.contexts,
            attributes=request.attributes,
            sp_type=request.sp_type,
            provider_name=request.provider_name,
        )

    def respond(self, released: NodeReleased, peer: PeerInUse, now: int) -> Post:
        """The signed Response with its one assertion, encrypted to the node's key of this moment.

        Raises `AllRevoked` and `StoreUnavailable` as `Signers.at`: where the last key was revoked since it was decided.
        """
        request = released.decided.request
        encrypted = encrypt(
            assertion_element(self._assertion(released, peer, now)),
            peer.encryption_certificate(now),
            EIDAS,
            content=_method(peer, EIDAS.content_encryption, AES256_GCM),
            wrap=_method(peer, EIDAS.key_wraps, KW_AES256),
        )
        root = response_element(
            response_id=released.response_id,
            issue_instant=now,
            destination=peer.acs_url,
            in_response_to=request.request_id,
            issuer=self._here.entity_id,
            encrypted=encrypted,
        )
        return self._posted(root, peer, request.relay_state, now)

    def refuse(self, request: NodeRequest, error: BrokerError, now: int) -> Post:
        """A signed failure for an error that stopped a login before anybody decided.

        Raises `PeerUnavailable`, and `AllRevoked` and `StoreUnavailable` as `Signers.at`.
        """
        peer = self._peers.current(request.issuer, now)
        return self._failure(_Question(request.request_id, request.relay_state), peer, _codes(error), _new_id(), now)

    def end(self, refused: NodeRefused, peer: PeerInUse, *, tell: bool, now: int) -> Post:
        """The signed failure after the citizen left: the one that says nothing, unless the node may be told."""
        codes = (REQUESTER, REQUEST_DENIED, "") if tell else (RESPONDER, AUTHN_FAILED, "")
        question = _Question(refused.request.request_id, refused.request.relay_state)
        return self._failure(question, peer, codes, refused.response_id, now)

    def _keys(self, now: int) -> Mapping[EntityId, tuple[PinnedKey, ...]]:
        """The keys of every registered node that may be answered now."""
        found: dict[EntityId, tuple[PinnedKey, ...]] = {}
        for node in self._nodes.values():
            try:
                found[node.peer.entity_id] = self._peers.current(node.peer.entity_id, now).signing_keys(now)
            except PeerUnavailable:
                continue
        return found

    def _judged(self, signed: Signed, relay_state: str, peer: PeerInUse, now: int) -> EidasRequest:
        if len(relay_state.encode()) > MAX_RELAY_STATE:
            detail = f"a RelayState of more than {MAX_RELAY_STATE} octets"
            raise PeerRequestRefused(RELAY_STATE, detail, saml_sub_status=REQUEST_DENIED)
        asking = Asking(
            entity_id=peer.peer.entity_id,
            acs_url=peer.acs_url,
            sp_type=peer.facts.sp_type,
            name_id_formats=peer.facts.name_id_formats,
        )
        return receive_request(signed, here=self._here.sso_url, peer=asking, now=now, profile=EIDAS)

    def _assertion(self, released: NodeReleased, peer: PeerInUse, now: int) -> EidasAssertion:
        decided = released.decided
        attributes = tuple(eidas_values(one, self._catalogue) for one in decided.attributes)
        wanted = decided.request.name_id_format or PERSISTENT
        identifier = next(values[0].text for uri, values in attributes if uri == PERSON_IDENTIFIER)
        return EidasAssertion(
            assertion_id=released.assertion_id,
            issue_instant=now,
            issuer=self._here.entity_id,
            name_id=released.transient if wanted == TRANSIENT else identifier,
            name_id_format=wanted,
            recipient=peer.acs_url,
            in_response_to=decided.request.request_id,
            audience=peer.peer.entity_id,
            not_before=now,
            not_on_or_after=now + ANSWER_SECONDS,
            authn_instant=decided.authenticated_at,
            context_class=decided.context_class,
            attributes=attributes,
        )

    def _failure(
        self, question: _Question, peer: PeerInUse, codes: tuple[str, str, str], response_id: str, now: int
    ) -> Post:
        status, sub_status, message = codes
        root = failure_element(
            response_id=response_id,
            issue_instant=now,
            destination=peer.acs_url,
            in_response_to=question.request_id,
            issuer=self._here.entity_id,
            status=status,
            sub_status=sub_status,
            message=message,
        )
        return self._posted(root, peer, question.relay_state, now)

    def _posted(self, root: Element, peer: PeerInUse, relay_state: str, now: int) -> Post:
        """Signed, and to the address of the metadata, never to one that a request named."""
        octets = sign_enveloped(root, self._signer.at(now), place=RESPONSE_SIGNATURE_PLACE, profile=EIDAS)
        fields = [("SAMLResponse", base64.b64encode(octets).decode())]
        if relay_state:
            fields.append(("RelayState", relay_state))
        return Post(url=peer.acs_url, fields=tuple(fields))


def _codes(error: BrokerError) -> tuple[str, str, str]:
    """Status, second-level status and message of a failure.

    What the citizen or the country could not give is told as if it had been refused (decisions.md 29); but for the level,
    which the node's service has to know.
    """
    match error:
        case PeerRequestRefused():
            return error.saml_status, error.saml_sub_status, f"{error.check}: {error.detail}"
        case AssuranceTooLow():
            return RESPONDER, AUTHN_FAILED, LEVEL_NOT_REACHED
        case Suspended():
            # SAML Core 2.0 §3.2.2.2: able to process the request, and has chosen not to respond
            return RESPONDER, REQUEST_DENIED, ""
        case _:
            return RESPONDER, AUTHN_FAILED, ""


def _method(peer: PeerInUse, taken: frozenset[str], otherwise: str) -> str:
    """The first method of the node's metadata that is taken; the other one where it names none."""
    return next((uri for uri in peer.facts.encryption_methods if uri in taken), otherwise)


def _new_id() -> str:
    """SAML Core 2.0 §1.3.4."""
    return "_" + secrets.token_hex(ID_BYTES)
