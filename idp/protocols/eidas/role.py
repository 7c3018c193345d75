"""The role of a country's sending node: another country's node asks, and the citizen is informed of what goes to it.

Nothing of the person is recorded, nor of what they have or of who vouched for them: an incident is found by node, message
and time, and the ledger leads to nobody.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from connectors.connector import Ask
from connectors.metadata.members import Member
from connectors.metadata.summaries import Summary
from connectors.request_checks import PeerRequestRefused
from idp.ledger.record_contents import CANCELLATION, RELEASE, UNSENT, DecidedBy, draft_node, new_record
from idp.login.acting import APART, called
from idp.login.finish import Choice
from idp.login.mandated import RepresentedBy, judged_each, represented
from idp.login.registers import RegisterDesk
from idp.login.role import Choices, Reach
from idp.login.sealing import LoginId
from idp.login.states import Decided, Judged
from idp.login.suspension import Suspension
from idp.ports import ApprovalRows, RecordDraft
from idp.protocols.eidas.kinds import check_mandates, kinds_for, kinds_in, wanted_of_others
from idp.protocols.eidas.levels import answered_level, levels_for
from idp.protocols.eidas.person import (
    LEGAL_IDENTIFIER_NAME,
    OTHERS_IDENTIFIER_NAME,
    PERSON_IDENTIFIER_NAME,
    always_sent,
    data_sets,
)
from idp.protocols.stork.person import NAME as STORK
from idp.protocols.stork.person import asked_data, of_mandate
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister
from policies.attributes import AttributeName
from policies.authentication import Assertion, Origin, ServiceRequest
from policies.catalogue import MANDATE, Catalogue
from policies.errors import AssertionRejected, AssuranceTooLow, NotFound, Replayed, RequestRefused
from policies.parties import (
    EntityId,
    IdentityProvider,
    NodeId,
    ProviderId,
    RegisterId,
    RequestingNode,
    SubjectNamespace,
    Tenant,
)
from policies.persons import ABOUT_A_COMPANY, PersonKind
from policies.pseudonyms import PairwiseKey, acting_name, country_identifier
from policies.release import Decision, Reason, Ruling, RulingOutcome


class NodeRole:
    """One country's."""

    has_receipts = False

    def __init__(
        self,
        *,
        tenant: Tenant,
        country: str,
        nodes: Mapping[NodeId, RequestingNode],
        providers: Mapping[ProviderId, IdentityProvider],
        catalogue: Catalogue,
        pairwise_key: PairwiseKey,
        suspension: Suspension,
        desk: RegisterDesk,
    ) -> None:
        self._tenant = tenant
        self._country = country
        self._nodes = nodes
        self._providers = providers
        self._catalogue = catalogue
        self._pairwise_key = pairwise_key
        self._suspension = suspension
        self._desk = desk

    @property
    def registers(self) -> Mapping[RegisterId, AttributeRegister]:
        """The registers that say for whom a person may act."""
        return self._desk.registers

    def node(self, origin: Origin) -> RequestingNode:
        """Which node asks, as configured now. Raises `RequestRefused` where its registration ended since."""
        node = self._nodes.get(NodeId(origin.service))
        if node is None or node.peer.entity_id != origin.issuer:
            raise RequestRefused("the node is registered no more", status=403)
        return node

    def release_word(self, path: DecidedBy) -> str:
        """They continue."""
        return "continue"

    def refusal_words(self, path: DecidedBy) -> Collection[str]:
        """They leave."""
        return ("cancel",)

    def path(self, request: ServiceRequest) -> DecidedBy:
        """The page informs. Nothing is recorded of it."""
        return DecidedBy.INFORMED

    def recalled(self, decided: Decided, now: int, *, forced: bool) -> Decided:
        """Nothing is remembered (decision 0000.26)."""
        return decided

    def remembered(self, decided: Decided, choice: Choice, now: int) -> ApprovalRows:
        """Nor is this. Raises `RequestRefused`."""
        if choice.remember:
            raise RequestRefused("a box that the page does not have", code="other_site")
        return ApprovalRows()

    def check_standing(self, decided: Decided, now: int) -> None:
        """Nobody takes back what nobody remembers."""

    def forgotten(self, decided: Decided, now: int) -> ApprovalRows:
        """There is nothing to forget."""
        return ApprovalRows()

    def check_registered(self, request: ServiceRequest) -> None:
        """Raises `RequestRefused`."""
        self.node(request.origin)

    def completed(self, request: ServiceRequest) -> ServiceRequest:
        """A request that does not ask for the minimum data set gets nothing: `judge` says so."""
        return request

    def check_service(self, origin: Origin) -> None:
        """Raises `Suspended` where the node's country is switched off."""
        self._suspension.check_node(self.node(origin))

    def check_reachable(self, request: ServiceRequest) -> None:
        """Raises `AssuranceTooLow` or `PeerRequestRefused`: nobody is sent away to sign in for nothing."""
        node = self.node(request.origin)
        vouching = [provider for provider in self._providers.values() if self._kinds(request, node, provider)]
        if not vouching:
            raise PeerRequestRefused("persons", "no identity provider here vouches for a kind of person that it asks for")
        if not any(levels_for(request, provider) for provider in vouching):
            raise AssuranceTooLow("assurance_unreachable", "no identity provider here has a level that the node takes")

    def choices(self, request: ServiceRequest, now: int) -> Choices:
        """The identity providers that can answer this request, each with whether it is on."""
        return tuple((one, self.reach(one, now)) for one in self._providers.values() if self._answers(request, one))

    def members(self, request: ServiceRequest, takes: Callable[[Summary], bool]) -> Iterator[Member]:
        """A node has no families."""
        return iter(())

    def reach(self, provider: IdentityProvider, now: int) -> Reach:
        """Whether it is on."""
        return Reach.OFF if self._suspension.source_off(provider) else Reach.OPEN

    def provider(self, provider_id: ProviderId) -> IdentityProvider:
        """One of all that are configured. Raises `NotFound`."""
        found = self._providers.get(provider_id)
        if found is None:
            raise NotFound("no such identity provider")
        return found

    def going(self, request: ServiceRequest, provider_id: ProviderId, acts: int | None = None) -> IdentityProvider:
        """One that can answer this request, where neither it nor the country that asks is off, nor was since `acts`."""
        node = self.node(request.origin)
        self._suspension.check_node(node)
        found = self.provider(provider_id)
        if not self._answers(request, found):
            raise NotFound("an identity provider that does not reach what the node asks")
        if acts is None:
            self._suspension.check_source(found)
        else:
            self._suspension.check_asked_for_node(node, found, acts)
        return found

    def _answers(self, request: ServiceRequest, provider: IdentityProvider) -> bool:
        """Whether this provider can: by its level, and by the kinds of person that it vouches for."""
        return bool(levels_for(request, provider) and self._kinds(request, self.node(request.origin), provider))

    def _kinds(self, request: ServiceRequest, node: RequestingNode, provider: IdentityProvider) -> frozenset[PersonKind]:
        """The kinds that can be answered: those for which the provider vouches, or a register beside it."""
        listed = {kind for one in self._lists(provider) for kind in one.kinds}
        return kinds_for(request, node) & (provider.persons | listed)

    def _lists(self, provider: IdentityProvider) -> list[AttributeRegister]:
        """The mandate registers that are asked by the word of a provider: their registration names it."""
        if PersonKind.NATURAL not in provider.persons:
            return []
        by_it = [one for one in self.registers.values() if one.represents and one.providers]
        return [one for one in by_it if one.may_hear(provider.provider_id, provider.sphere, "")]

    def question(self, login: LoginId, request: ServiceRequest, provider: IdentityProvider) -> Ask:
        """The citizen signs in anew for each request from abroad."""
        return Ask(
            relay_state=login,
            minimum_assurance=min(levels_for(request, provider)),
            force_authentication=True,
        )

    def judge(
        self, request: ServiceRequest, provider: IdentityProvider, assertion: Assertion, language: str, now: int
    ) -> Judged:
        """The minimum data sets, complete, and what was asked beside them. Identifiers are made for the country that asks.

        Where the person may answer for themself or for another, they choose which. Raises `AssertionRejected` and its
        kinds: also where no minimum data set is complete.
        """
        if not assertion.authenticated_at:
            raise AssertionRejected("authentication_time", "no auth_time, and an answer to another country has to say when")
        node = self.node(request.origin)
        kinds, on = self._kinds(request, node, provider), datetime.fromtimestamp(now, tz=UTC).date()
        levels = levels_for(request, provider)
        if answered_level(levels, assertion.offered.loa) is None:
            raise AssuranceTooLow("authn_context_too_low", "a level that the node did not ask for")

        def judged(kind: PersonKind, one: Assertion, reached: LevelOfAssurance) -> Judged:
            found = self._judged(kind, request, node, provider, one, on)
            context = answered_level(levels, reached) or ""
            loa = max(level for level, uri in levels.items() if uri == context)
            return replace(found, loa=loa, context=context, kind=kind, ends=0)

        def by_register(one: RepresentedBy) -> Judged:
            # Whom somebody acts for is known no better than the register knows it
            acts = one.acts(assertion, min(levels), on, told=any(each.name == MANDATE for each in request.asked))
            found = judged(one.kind, acts, min(assertion.offered.loa, one.source.loa))
            return replace(found, ends=one.source.ends, named_by=one.source.register_id, registers=self._digest(one))

        own = kinds_in(assertion, kinds & provider.persons)
        lists = [one for one in self._lists(provider) if one.kinds & kinds]
        if not own and (not lists or assertion.kind is not PersonKind.NATURAL):
            detail = (
                f"{assertion.provider_id} vouched for none of {', '.join(sorted(kinds))}: its `persons`, or what it maps"
            )
            raise AssertionRejected("persons_answered", detail)
        wanted = {one.register_id: wanted_of_others(request, one.kinds & kinds, self._catalogue) for one in lists}
        # Nobody says beforehand that they act for another: a register that is away stops nobody who need not
        named = represented(self._desk, wanted, provider, assertion, "", now, needed=not own)
        ways = [partial(judged, kind, assertion, assertion.offered.loa) for kind in own]
        ways += [partial(by_register, one) for one in named if one.kind in kinds]
        return judged_each(ways, lists)

    def _digest(self, one: RepresentedBy) -> tuple[str, ...]:
        return self._desk.registered((), one.source.register_id)

    def _judged(
        self,
        kind: PersonKind,
        request: ServiceRequest,
        node: RequestingNode,
        provider: IdentityProvider,
        assertion: Assertion,
        on: date,
    ) -> Judged:
        """The answer of one kind, whole."""
        if kind.acts:
            check_mandates(request, assertion, on)
        identifiers = self._identifiers(kind, node.peer.country, provider.namespace, assertion)
        # Between countries the whole minimum data set goes, or nothing, and with it the bounds of a mandate. What is beside
        # them is the citizen's to leave out. STORK has no minimum data set but that of a mandate
        always = {one.name for one in request.asked if one.required or one.name == MANDATE}
        if request.origin.frontend == STORK:
            attributes = asked_data(kind, request.asked, assertion, identifiers, self._catalogue, on)
            always |= of_mandate(kind)
        else:
            attributes = data_sets(kind, request.asked, assertion, identifiers, self._catalogue)
            always |= always_sent(kind, self._catalogue)
        rulings = tuple(
            Ruling(one.name, one.form, RulingOutcome.AS_ASKED, Reason.AS_ASKED, one.name in always, node.source, one)
            for one in attributes
        )
        sub = next(iter(identifiers.values()))
        if len(identifiers) > 1:
            acting, other = identifiers.values()
            between = f"{self._country}/{node.peer.country}/"
            sub = acting_name(self._pairwise_key, self._tenant, between, acting, other)
        # What the page calls whoever is represented is what is sent
        sent = {one.name: one.latin or one.value for one in attributes}
        company = str(sent.get(AttributeName("legal_name"), ""))
        return Judged(
            sub=sub,
            loa=LevelOfAssurance.LOW,
            context="",
            decision=Decision(rulings),
            acting_for=called(kind, sent) if kind.acts else company,
            number=str(sent.get(APART[kind], "")) if kind.acts else "",
        )

    def _identifiers(
        self, kind: PersonKind, receiving: str, persons: SubjectNamespace, assertion: Assertion
    ) -> dict[AttributeName, str]:
        """The identifiers between the two countries: of whoever signs in, then of the one for whom they act."""
        offered, acting = assertion.offered.attributes, assertion.acting_for
        other = acting if acting and acting.kind is PersonKind.NATURAL else None
        found: dict[AttributeName, str] = {}

        def derived(namespace: SubjectNamespace, subject: str) -> str:
            return country_identifier(self._pairwise_key, self._tenant, self._country, receiving, namespace, subject)

        if kind is not PersonKind.LEGAL:
            found[PERSON_IDENTIFIER_NAME] = derived(persons, assertion.subject)
        if kind is PersonKind.FOR_NATURAL:
            namespace = SubjectNamespace(other.namespace) if other else persons
            theirs = other.identifier if other else offered.get(OTHERS_IDENTIFIER_NAME)
            if not isinstance(theirs, str) or theirs == assertion.subject:
                raise AssertionRejected("represented_person", "somebody who acts for themself, or for nobody")
            found[OTHERS_IDENTIFIER_NAME] = derived(namespace, theirs)
        if kind in ABOUT_A_COMPANY:
            number = offered.get(LEGAL_IDENTIFIER_NAME)
            found[LEGAL_IDENTIFIER_NAME] = f"{self._country}/{receiving}/{number if isinstance(number, str) else ''}"
        return found

    def waits(self, request: ServiceRequest) -> bool:
        """Whether a register may be asked for whom the person acts."""
        kinds = kinds_for(request, self.node(request.origin))
        return any(one.kinds & kinds for provider in self._providers.values() for one in self._lists(provider))

    def enforces(self, origin: Origin) -> bool:
        """A node's services are other countries' nodes: they judge for themselves."""
        return False

    def short_of(self, decided: Decided) -> tuple[AttributeName, ...]:
        """Nothing, as `enforces`."""
        return ()

    def vouchers(self, decided: Decided) -> tuple[str, ...]:
        """Nobody: eIDAS has the country."""
        return ()

    def check_shown(self, decided: Decided) -> None:
        """A citizen may always leave, whatever changed."""

    def check_approvable(self, decided: Decided, now: int) -> None:
        """Raises `Replayed` where the level that the page showed is none of the provider's any more.

        And where the register that named whom the person acts for is off, or another one by now.
        """
        provider, judged = self.going(decided.request, decided.provider_id), decided.judged
        if self._desk.ended((), judged.named_by, decided.acts) or self._desk.changed(judged.registers):
            raise Replayed("policy_changed", "the register that said for whom they act is off, or has changed")
        if decided.judged.context not in levels_for(decided.request, provider).values():
            raise Replayed("policy_changed", "the provider's registration has changed since the page was shown")

    def notice(self, request: ServiceRequest, decision: Decision, language: str) -> str:
        """Nothing is recorded of what the page showed."""
        return ""

    def release_record(self, decided: Decided, chosen: Decision, evidence: Mapping[str, str], now: int) -> RecordDraft:
        """The citizen continued: an assertion goes to the node."""
        return self._record(RELEASE, decided.request.origin, now)

    def refusal_record(self, decided: Decided, word: str, now: int) -> RecordDraft:
        """The citizen left."""
        return self._record(CANCELLATION, decided.request.origin, now)

    def unsent_record(self, origin: Origin, record: bytes, now: int) -> RecordDraft:
        """How the login of this message ended is recorded, and its answer could not be made: nothing left."""
        return self._record(UNSENT, origin, now)

    def _record(self, kind: str, origin: Origin, now: int) -> RecordDraft:
        node = EntityId(origin.issuer)
        return draft_node(record=new_record(), time=now, kind=kind, message=origin.message_id, node=node)
