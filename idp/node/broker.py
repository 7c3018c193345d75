"""The steps of a login at a sending node, in their order. It reads as the story of one.

Another country's node asks (`begin`); the citizen goes to one of this country's identity providers (`ask`); its answer is
judged, and what would be sent is made of it (`hear`, a pure step that writes nothing); the citizen, informed, continues or
cancels (`decide`, `cancel`): one unit, durable before anything is sent.

Node, metadata and identity provider are looked up again at each step, and whether one is switched off: a sealed state is
remembered fact, no permission.
Nothing of the person is recorded (decisions.md 26).
"""

from collections.abc import Callable, Mapping

from connectors.connector import Ask, Connector, Inbound, Outbound
from connectors.metadata.peers import PeerInUse, Peers
from connectors.profiles import EIDAS
from connectors.signatures.signer import Signers
from connectors.signatures.xmlenc import check_recipient
from idp.ending import SKEW, Choice, commit_once, login_digest, login_mark, message_digest, unsent_unit
from idp.login import ANSWER_LIFE, DECIDED_LIFE, LOGIN_LIFE
from idp.node.levels import answered_level, levels_for
from idp.node.login import NodeAsked, NodeDecided, NodeRefused, NodeReleased, NodeRequest, NodeRequested
from idp.node.person import carried
from idp.node.record import NodeRecorder
from idp.ports import Commits, DecisionRow, Decisions, Mark, RecordDraft, Unit
from idp.seal import LoginId, Sealer, new_login_id
from idp.suspension import Suspension
from policies.catalogue import Catalogue
from policies.errors import AssuranceTooLow, BrokerError, NotFound, PeerUnavailable, Replayed, RequestRefused
from policies.parties import IdentityProvider, NodeId, ProviderId, RequestingNode, Tenant
from policies.pseudonyms import country_identifier

CONTINUE = "continue"
CANCEL = "cancel"
# A request is taken as long as its IssueInstant is young, and its login lives for fifteen minutes more: after that, a
# second one of the same id is refused for its age.
REQUEST_LIFE = LOGIN_LIFE + EIDAS.max_age + 2 * EIDAS.skew
# SAML Core 2.0 §1.3.4: an id of 160 bits
ID_DIGITS = 40


class NodeBroker:
    """One country's sending node. Holds configuration and keys, and no state of any login.

    `signer` is asked whether an answer can be signed: it signs none here.
    """

    def __init__(
        self,
        *,
        tenant: Tenant,
        country: str,
        nodes: Mapping[NodeId, RequestingNode],
        providers: Mapping[ProviderId, IdentityProvider],
        catalogue: Catalogue,
        connectors: Mapping[ProviderId, Connector],
        peers: Peers,
        signer: Signers,
        sealer: Sealer,
        commits: Commits,
        decisions: Decisions,
        recorder: NodeRecorder,
        pairwise_key: bytes,
        suspension: Suspension,
        check_open: Callable[[], None],
    ) -> None:
        self._tenant = tenant
        self._country = country
        self._nodes = nodes
        self._providers = providers
        self._catalogue = catalogue
        self._connectors = connectors
        self._peers = peers
        self._signer = signer
        self._sealer = sealer
        self._commits = commits
        self._decisions = decisions
        self._recorder = recorder
        self._pairwise_key = pairwise_key
        self._suspension = suspension
        self._check_open = check_open

    def begin(self, request: NodeRequest, now: int) -> NodeRequested:
        """A node's request was accepted: a login begins, and holds nothing about a person.

        Raises `AssuranceTooLow` where no identity provider of this country reaches what is asked: nobody is sent away to
        sign in for nothing, so `PeerUnavailable` too where nobody could encrypt the answer, `AllRevoked` where nobody
        could sign it, and `Closed` where it could not be recorded. `Suspended` where the node's country is
        switched off.
        """
        node = self.registered(request)
        self._suspension.check_node(node)
        self._check_open()
        self._recipient(node, now)
        if not self.providers(request):
            raise AssuranceTooLow("assurance_unreachable", "no identity provider here has a level that the node takes")
        return NodeRequested(login=new_login_id(), began=now, request=request)

    def registered(self, request: NodeRequest) -> RequestingNode:
        """Which node asks, as configured now. Raises `RequestRefused` where its registration ended since."""
        node = self._nodes.get(request.node_id)
        if node is None or node.peer.entity_id != request.issuer:
            raise RequestRefused("the node is registered no more", status=403)
        return node

    def providers(self, request: NodeRequest) -> tuple[IdentityProvider, ...]:
        """The identity providers that can answer this request."""
        return tuple(provider for provider in self._providers.values() if levels_for(request, provider))

    def suspended(self, provider: IdentityProvider) -> bool:
        """Whether an identity provider is switched off."""
        return self._suspension.source_off(provider)

    def ask(self, login: NodeRequested | NodeAsked, provider_id: ProviderId, now: int) -> tuple[Outbound, NodeAsked]:
        """Ask an identity provider. Choosing again replaces the question: an answer to the first meets nothing.

        Raises `Suspended` where it, or the country that asks, is switched off, `AllRevoked` where no answer can be signed,
        `Closed` as `begin`.
        """
        self._check_open()
        acts = self._suspension.acts  # before the checks
        provider = self._going(login.request, provider_id)
        self._signer.at(now)
        question = Ask(
            relay_state=login.login,
            minimum_assurance=min(levels_for(login.request, provider)),
            force_authentication=True,
        )
        outbound, expectation = self._connectors[provider.provider_id].request(question, now)
        return outbound, NodeAsked(login.login, login.began, login.request, expectation, acts)

    def hear(self, asked: NodeAsked, inbound: Inbound, now: int) -> NodeDecided:
        """Judge the answer, and make of it what would be sent. Nothing is written, so it may come again until the end.

        Raises `AssertionRejected` and its kinds: also where the minimum data set is not complete. `Suspended` before the
        answer is read.
        """
        node = self.registered(asked.request)
        provider = self._going(asked.request, asked.expectation.provider_id, acts=asked.acts)
        assertion = self._connectors[provider.provider_id].receive(inbound, asked.expectation, now)
        levels = levels_for(asked.request, provider)
        context_class = answered_level(levels, assertion.offered.loa)
        if context_class is None:
            raise AssuranceTooLow("authn_context_too_low", "a level that the node did not ask for")
        identifier = country_identifier(
            self._pairwise_key,
            self._tenant,
            self._country,
            node.peer.country,
            assertion.namespace,
            assertion.subject,
        )
        return NodeDecided(
            login=asked.login,
            began=asked.began,
            end=min(now + DECIDED_LIFE, asked.began + LOGIN_LIFE),
            request=asked.request,
            provider_id=provider.provider_id,
            loa=max(level for level, uri in levels.items() if uri == context_class),
            context_class=context_class,
            authenticated_at=assertion.authenticated_at,
            attributes=carried(asked.request, assertion, identifier, self._catalogue),
            response=message_digest(assertion.issuer, assertion.response_id),
            assertion=message_digest(assertion.issuer, assertion.assertion_id),
            # decisions.md 2: the later of the login's end and the assertion's own, plus skew
            marks_end=max(asked.began + LOGIN_LIFE, assertion.not_on_or_after) + SKEW,
            acts=asked.acts,
            deviations=assertion.deviations,
        )

    def decide(
        self, decided: NodeDecided, word: str, secret: bytes, now: int
    ) -> tuple[NodeReleased | NodeRefused, PeerInUse]:
        """The citizen's word, `continue` or `cancel`, as one unit: marks and record. Durable before it returns.

        With it comes the node as it may be answered now: it is looked up before anything is written, so that nothing stands
        in the ledger that could not be sent. Raises `Suspended` where the citizen would continue and something is switched
        off, `PeerUnavailable` for one that may not be answered any more, `AllRevoked` where no answer can be signed,
        `Replayed` where this login or this request ended before, `RequestRefused`, `StoreUnavailable`.
        """
        node = self.registered(decided.request)
        peer = self._answerable(node, now)
        if word == CANCEL:
            record = self._recorder.cancellation(decided.request.request_id, node.peer.entity_id, now)
            first = self._commit(decided, word, secret, record, now)
            return NodeRefused(decided.request, self._derived("response", decided, secret), first), peer
        if word != CONTINUE:
            raise RequestRefused("a choice that the page does not offer", code="other_site")
        provider = self._going(decided.request, decided.provider_id, acts=decided.acts)
        if decided.context_class not in levels_for(decided.request, provider).values():
            raise Replayed("policy_changed", "the provider's registration has changed since the page was shown")
        # Nothing is recorded as sent that nobody could encrypt
        peer = self._recipient(node, now)
        record = self._recorder.release(decided.request.request_id, node.peer.entity_id, now)
        first = self._commit(decided, word, secret, record, now)
        # decisions.md 8: the same browser and choice get the same ids, and nobody else can compute them
        released = NodeReleased(
            decided,
            response_id=self._derived("response", decided, secret),
            assertion_id=self._derived("assertion", decided, secret),
            transient=self._derived("transient", decided, secret),
            recorded=first,
        )
        try:
            # Asked again: a commit may take seconds, and what was switched off meanwhile is not sent
            self._going(decided.request, decided.provider_id, acts=decided.acts)
        except BrokerError:
            self.not_sent(released, decided.login, now)
            raise
        return released, peer

    def cancel(self, login: NodeRequested | NodeAsked, now: int) -> tuple[NodeRefused, PeerInUse]:
        """The citizen went back before anybody signed them in: the marks of login and request alone, and no record.

        Raises as `decide` does for this word.
        """
        peer = self._answerable(self.registered(login.request), now)
        secret = self._sealer.derive("cancel", login.login.encode(), at=login.began)
        unit = Unit(
            tenant=self._tenant,
            marks=(
                login_mark(login.login, login.began + LOGIN_LIFE + SKEW),
                _request_mark(login.request, login.began),
            ),
            decision=DecisionRow(login_digest(login.login), Choice(CANCEL).digest(secret), now + ANSWER_LIFE),
        )
        commit_once(self._commits, self._decisions, unit, now)
        return NodeRefused(login.request, self._derived("response", login, secret)), peer

    def not_sent(self, ended: NodeReleased | NodeRefused, login: LoginId, now: int) -> None:
        """What was recorded cannot be answered: the record gets an event, once. Raises `StoreUnavailable`."""
        if ended.recorded:
            record = self._recorder.unsent(ended.request.request_id, ended.request.issuer, now)
            self._commits.commit(unsent_unit(self._tenant, login, record, ANSWER_LIFE, now))

    def _provider(self, request: NodeRequest, provider_id: ProviderId) -> IdentityProvider:
        """One that can answer this request. Raises `NotFound`."""
        for provider in self.providers(request):
            if provider.provider_id == provider_id:
                return provider
        raise NotFound("no such identity provider, or none that reaches what the node asks")

    def _going(self, request: NodeRequest, provider_id: ProviderId, *, acts: int | None = None) -> IdentityProvider:
        """One that can answer this request, where neither it nor the country that asks is off, nor was since `acts`."""
        node = self.registered(request)
        self._suspension.check_node(node)
        found = self._provider(request, provider_id)
        if acts is None:
            self._suspension.check_source(found)
        else:
            self._suspension.check_asked_for_node(node, found, acts)
        return found

    def _answerable(self, node: RequestingNode, now: int) -> PeerInUse:
        """The node's metadata as approved and valid now, where whatever it is told can be signed.

        Its address and our key are asked for here, before anything is written.
        """
        peer = self._peers.current(node.peer.entity_id, now)
        _ = peer.acs_url
        self._signer.at(now)
        return peer

    def _recipient(self, node: RequestingNode, now: int) -> PeerInUse:
        """The node as `_answerable`, with a key that can be encrypted to."""
        peer = self._answerable(node, now)
        try:
            check_recipient(peer.encryption_certificate(now), EIDAS)
        except ValueError as error:
            raise PeerUnavailable(f"{node.peer.entity_id}: {error}. Its operator can mend this.") from error
        return peer

    def _commit(self, decided: NodeDecided, word: str, secret: bytes, record: RecordDraft, now: int) -> bool:
        unit = Unit(
            tenant=self._tenant,
            marks=(
                login_mark(decided.login, decided.marks_end),
                _request_mark(decided.request, decided.began),
                Mark("response", decided.response, decided.marks_end),
                Mark("assertion", decided.assertion, decided.marks_end),
            ),
            decision=DecisionRow(login_digest(decided.login), Choice(word).digest(secret), now + ANSWER_LIFE),
            record=record,
        )
        return commit_once(self._commits, self._decisions, unit, now)

    def _derived(self, what: str, login: NodeRequested | NodeAsked | NodeDecided, secret: bytes) -> str:
        """An xs:ID that begins with a letter's stand-in, since a digit may not."""
        return "_" + self._sealer.derive(what, login.login.encode(), secret, at=login.began).hex()[:ID_DIGITS]


def _request_mark(request: NodeRequest, began: int) -> Mark:
    """A request is answered once: a second one of the same id meets this mark."""
    return Mark("request", message_digest(request.issuer, request.request_id), began + REQUEST_LIFE)
