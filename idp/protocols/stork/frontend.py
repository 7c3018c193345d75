"""STORK as the citizen's country: another country's S-PEPS asks by POST, and is answered by POST (STORK D5.8).

Keys and addresses are those of the registration in `nodes/`. A request that is verified and wrong gets a signed failure
beside the page, one that nobody vouches for gets the page alone.
"""

from collections.abc import Mapping

from connectors.connector import Inbound, Post
from connectors.formats.eidas.request import RequestHead
from connectors.formats.saml_response import RESPONSE_SIGNATURE_PLACE, ResponseHead, failure_element, message_id
from connectors.formats.stork.registry import ATTRIBUTES, AVAILABLE, CITIZEN_QAA, QAA_NOT_SUPPORTED
from connectors.formats.stork.request import StorkRequest
from connectors.formats.stork.response import StorkAssertion, assertion_element, response_element
from connectors.formats.stork.values import StorkSaid, StorkText
from connectors.node_request import RELAY_STATE, check_relay_state, verified_request
from connectors.profiles import AES256_GCM, KW_AES256, STORK, STORK_SHA1
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import STORK_REQUEST
from connectors.signatures.signer import Signers
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmlenc import check_recipient, encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import post_of
from connectors.stork import OLD_ALGORITHMS, keys_now, pinned_keys
from connectors.stork_request_checks import receive_request
from connectors.wire.names import UNSPECIFIED
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.login.frontend import Admit, Declined, Received
from idp.login.states import Decided, Released
from idp.ports import ParkedRow
from idp.protocols.node_failures import failure_codes, is_awaited
from idp.protocols.stork.person import (
    NAME,
    STORK_QUESTION,
    StorkQuestion,
    answers,
    asked_attributes,
    check_required,
    kinds_asked,
)
from idp.system.addresses import stork_entity_id, stork_sso_url
from policies.assurance import LevelOfAssurance
from policies.authentication import Origin, Requester, ServiceRequest
from policies.catalogue import Catalogue
from policies.deviations import SHA1_SIGNATURE
from policies.errors import BrokerError, PeerUnavailable, RequestRefused
from policies.load import Configuration
from policies.load.ladders import shipped
from policies.parties import EntityId, NodeId, PurposeId, RequestingNode, ServiceId, StorkPeer

# A response is used when it is made
ANSWER_SECONDS = 300


class StorkFrontend:
    """Judges requests and makes answers, a frontend (`idp.login.frontend`); `signer` signs messages.

    `entity_id`, `sso_url` and `country` are ours. A certificate of a registration that cannot be used is `Misconfigured`.
    """

    path = "/stork/sso"
    signed = True
    own_page = False

    def __init__(
        self,
        *,
        entity_id: str,
        sso_url: str,
        country: str,
        nodes: Mapping[NodeId, RequestingNode],
        signer: Signers,
        catalogue: Catalogue,
    ) -> None:
        self._entity_id, self._sso_url, self._country = entity_id, sso_url, country
        self._signer, self._catalogue = signer, catalogue
        self._nodes = {EntityId(one.peer.entity_id): one for one in nodes.values() if isinstance(one.peer, StorkPeer)}
        self._peers = {name: one.peer for name, one in self._nodes.items() if isinstance(one.peer, StorkPeer)}
        self._keys = {name: pinned_keys(peer) for name, peer in self._peers.items()}

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received | Declined:
        """Judge a request. Who asks is the Issuer, if it has the key that signed.

        Raises `PeerRequestRefused` where nobody vouches for it or it has no id to answer to.
        """
        if inbound.binding != "post":
            raise PeerRequestRefused("binding", "a request by another binding than POST")
        (signed, head, relay_state, entity_id), used = self._verified(inbound, now)
        node = self._nodes[entity_id]
        service = ServiceId(node.node_id)
        try:
            request = self._judged(signed, relay_state, node, now)
        except PeerRequestRefused as error:
            error.peer = node.node_id
            if not is_awaited(head, now):
                raise
            admit(service)
            question = StorkQuestion("" if error.check == RELAY_STATE else relay_state)
            return Declined(_origin(node, head.request_id, question), error)
        admit(service)
        known = tuple(one for one in request.attributes if one.name in ATTRIBUTES)
        origin = _origin(node, request.request_id, StorkQuestion(relay_state, known))
        return Received(self._asked(request, origin), deviations=used)

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the country's registration ended since."""
        self._registered(origin)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """The answer to the country can be signed, and encrypted where its registration has a certificate for that."""
        peer = self._registered(origin)[1]
        self._signer.at(now).ready()
        if release and peer.encryption_certificate:
            try:
                check_recipient(peer.encryption_certificate, STORK)
            except ValueError as error:
                raise PeerUnavailable(f"{peer.entity_id}: {error}. Its registration can mend this.") from error

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """A sending node's record has country and message, and nothing else."""
        return {}

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """Countries share no sign-in."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """Nothing: the answer is whole."""
        return ()

    def answer(self, released: Released, now: int) -> Post:
        """The signed Response with its one assertion, encrypted where the registration has a certificate for that."""
        origin = released.grant.origin
        peer = self._registered(origin)[1]
        held = assertion_element(self._assertion(released, now))
        if peer.encryption_certificate:
            held = encrypt(held, peer.encryption_certificate, STORK, content=AES256_GCM, wrap=KW_AES256)
        head = self._head(message_id(released.answer_key, "response"), peer, origin, now)
        return self._posted(response_element(head, held), peer, origin, now)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Post:
        """A signed failure. After the citizen left it says nothing, unless the country may be told."""
        node, peer = self._registered(origin)
        status, sub_status, message = failure_codes(error, (QAA_NOT_SUPPORTED, ""), tell=node.tell_refusal)
        head = self._head(message_id(answer_key, "response"), peer, origin, now)
        return self._posted(failure_element(head, status, sub_status, message), peer, origin, now)

    def _verified(self, inbound: Inbound, now: int) -> tuple[tuple[Signed, RequestHead, str, EntityId], tuple[str, ...]]:
        """A request by today's algorithms; by SHA-1 only of a country whose registration says so. Its deviations, too."""
        keys: dict[EntityId, tuple[PinnedKey, ...]] = {}
        for name, peer in self._peers.items():
            try:
                keys[name] = keys_now(peer, self._keys[name], now)
            except PeerUnavailable:
                continue
        try:
            return verified_request(inbound, keys, STORK, shape=STORK_REQUEST), ()
        except PeerRequestRefused as error:
            old = {name: them for name, them in keys.items() if SHA1_SIGNATURE in self._peers[name].deviations}
            if error.check not in OLD_ALGORITHMS or not old:
                raise
            return verified_request(inbound, old, STORK_SHA1, shape=STORK_REQUEST), (SHA1_SIGNATURE,)

    def _judged(self, signed: Signed, relay_state: str, node: RequestingNode, now: int) -> StorkRequest:
        check_relay_state(relay_state)
        peer = self._peers[EntityId(node.peer.entity_id)]
        request = receive_request(signed, here=self._sso_url, country=self._country, peer=peer, now=now)
        check_required(request.attributes, self._catalogue)
        if node.persons.isdisjoint(kinds_asked(asked_attributes(request.attributes, self._catalogue))):
            raise PeerRequestRefused("persons", "a request for a kind of person that the node is not registered for")
        return request

    def _registered(self, origin: Origin) -> tuple[RequestingNode, StorkPeer]:
        node = self._nodes.get(EntityId(origin.issuer))
        if node is None or node.node_id != NodeId(origin.service):
            raise RequestRefused("the country is registered no more", status=403)
        return node, self._peers[EntityId(origin.issuer)]

    def _asked(self, request: StorkRequest, origin: Origin) -> ServiceRequest:
        """The request in our words. QAA 1 and 2 are answered by every level."""
        levels = shipped()[NAME].levels
        return ServiceRequest(
            origin=origin,
            purpose_id=PurposeId(""),
            asked=asked_attributes(request.attributes, self._catalogue),
            unknown=(),
            minimum_assurance=levels.get(request.qaa, LevelOfAssurance.LOW),
            force_authentication=True,
            # STORK has no word for it: its services were public bodies
            requester=Requester(request.provider_name, "public"),
        )

    def _assertion(self, released: Released, now: int) -> StorkAssertion:
        grant = released.grant
        node, peer = self._registered(grant.origin)
        question = STORK_QUESTION.load(grant.origin.protocol.encode())
        left_out = frozenset(grant.left_out if node.tell_refusal else ())
        said = dict(answers(question, grant.attributes, left_out, self._catalogue, now))
        said[CITIZEN_QAA] = StorkSaid(AVAILABLE, (StorkText(grant.context),))
        return StorkAssertion(
            assertion_id=message_id(released.answer_key, "assertion"),
            issue_instant=now,
            issuer=self._entity_id,
            # Who it is, the attributes say
            name_id=message_id(released.answer_key, "transient"),
            name_id_format=UNSPECIFIED,
            recipient=peer.url,
            in_response_to=grant.origin.message_id,
            audience=peer.entity_id,
            not_before=now,
            not_on_or_after=now + ANSWER_SECONDS,
            authn_instant=grant.authenticated_at,
            context_class="",
            attributes=tuple(said.items()),
        )

    def _head(self, response_id: str, peer: StorkPeer, origin: Origin, now: int) -> ResponseHead:
        return ResponseHead(response_id, now, peer.url, origin.message_id, self._entity_id)

    def _posted(self, root: Element, peer: StorkPeer, origin: Origin, now: int) -> Post:
        """Signed, and to the address of the registration, never to one that a request named."""
        octets = sign_enveloped(root, self._signer.at(now), place=RESPONSE_SIGNATURE_PLACE, profile=STORK)
        return post_of(octets, peer.url, STORK_QUESTION.load(origin.protocol.encode()).relay_state)


def stork_frontend(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> StorkFrontend:
    """The frontend of this node. Raises `Misconfigured`."""
    return StorkFrontend(
        entity_id=stork_entity_id(settings.issuer),
        sso_url=stork_sso_url(settings.issuer),
        country=settings.country,
        nodes=configuration.nodes,
        signer=keys.saml,
        catalogue=configuration.catalogue,
    )


def _origin(node: RequestingNode, message_id: str, question: StorkQuestion) -> Origin:
    protocol = STORK_QUESTION.dump(question).decode()
    return Origin(NAME, ServiceId(node.node_id), node.peer.entity_id, message_id, protocol)
