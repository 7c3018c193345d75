"""The steps of a login, in their order. It reads as the story of one.

A relying party asks (`begin`); the citizen chooses a country, whose identity provider is asked (`ask`); its answer is
judged and what may go is decided (`hear`, a pure step that writes nothing, as is `reword`, the question in another
language); the citizen approves, refuses or cancels (`decide`, `cancel`): one unit, durable before anything is released.

Relying party, purpose and identity provider are looked up again at each step, and whether one of them is switched off: a
sealed state is remembered fact, no permission.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from connectors.connector import Ask, Connector, Inbound, Outbound
from connectors.signatures.jws import base64url
from connectors.signatures.signer import Signers
from idp.eligible import Nodes, requester, serves
from idp.ending import SKEW, Choice, commit_once, login_digest, login_mark, message_digest, unsent_unit
from idp.login import (
    ANSWER_LIFE,
    CODE_LIFE,
    DECIDED_LIFE,
    GRANT,
    LOGIN_LIFE,
    RECEIPT,
    RECEIPT_LIFE,
    Asked,
    CitizenReceipt,
    Decided,
    Grant,
    Refused,
    Released,
    Requested,
    grant_of,
    speaking,
)
from idp.ports import Commits, DecisionRow, Decisions, Mark, Unit
from idp.record import Recorder
from idp.responders.oidc_hint import check_expected
from idp.seal import LoginId, Sealer, new_login_id
from idp.suspension import Suspension
from policies.assurance import LevelOfAssurance
from policies.authentication import AuthenticationRequest
from policies.errors import (
    AssuranceTooLow,
    BrokerError,
    NotFound,
    PeerUnavailable,
    ReleaseDenied,
    Replayed,
    RequestRefused,
)
from policies.load import Configuration
from policies.parties import ClientId, IdentityProvider, ProviderId, PurposeId, RelyingParty, Tenant
from policies.pseudonyms import pairwise_subject
from policies.purposes import Purpose
from policies.release import choose, decide, may_still_go


class Broker:
    """One tenant's broker. Holds configuration and keys, and no state of any login.

    `issuer` begins the name that other countries know a relying party by; `own_name` stands in for a blind one's. `signers`
    are our keys for id_tokens by their algorithm: they are asked whether one can be signed, and sign none here.
    """

    def __init__(
        self,
        *,
        tenant: Tenant,
        configuration: Configuration,
        connectors: Mapping[ProviderId, Connector],
        nodes: Nodes,
        issuer: str,
        own_name: str,
        signers: Mapping[str, Signers],
        sealer: Sealer,
        commits: Commits,
        decisions: Decisions,
        recorder: Recorder,
        pairwise_key: bytes,
        suspension: Suspension,
        check_open: Callable[[], None],
        reference: Callable[[str], str] = lambda _login: "",
    ) -> None:
        self._tenant = tenant
        self._configuration = configuration
        self._connectors = connectors
        self._nodes = nodes
        self._issuer = issuer
        self._own_name = own_name
        self._signers = signers
        self._sealer = sealer
        self._commits = commits
        self._decisions = decisions
        self._recorder = recorder
        self._pairwise_key = pairwise_key
        self._suspension = suspension
        self._check_open = check_open
        self._reference = reference

    @property
    def parties(self) -> Mapping[ClientId, RelyingParty]:
        """The relying parties as configured now."""
        return self._configuration.parties

    @property
    def purposes(self) -> Mapping[PurposeId, Purpose]:
        """The purposes as configured now."""
        return self._configuration.purposes

    def check_party(self, client_id: ClientId) -> None:
        """Raises `Suspended` for a relying party that is switched off: nobody is sent to it, whatever it asked."""
        self._suspension.check_party(client_id)

    def check_signer(self, party: RelyingParty, now: int) -> None:
        """Raises `AllRevoked` where each key that could sign this relying party's id_tokens is revoked."""
        self._signers[party.id_token_alg].at(now)

    def begin(self, request: AuthenticationRequest, now: int) -> Requested:
        """A relying party's request was accepted: a login begins, and holds nothing about a person.

        Raises `Suspended`, `AllRevoked` where no id_token for it can be signed, and `Closed` where no release could be
        recorded: nobody is sent to sign in for nothing.
        """
        self.check_party(request.client_id)
        self._check_open()
        party = self.parties.get(request.client_id)
        if party is not None:  # else the first step that looks it up says so
            self.check_signer(party, now)
        return Requested(login=new_login_id(), began=now, request=request)

    def registered(self, request: AuthenticationRequest) -> tuple[RelyingParty, Purpose]:
        """Who asks, and what for, as configured now. Raises `RequestRefused` where that ended since."""
        party = self._configuration.parties.get(request.client_id)
        purpose = self._configuration.purposes.get(request.purpose_id)
        if party is None or purpose is None or request.purpose_id not in party.purposes:
            raise RequestRefused("relying party or purpose is registered no more", oauth="unauthorized_client")
        if not party.takes(request.redirect_uri):
            raise RequestRefused("the redirect address is registered no more", oauth="unauthorized_client")
        return party, purpose

    def providers(self, request: AuthenticationRequest, now: int) -> tuple[tuple[IdentityProvider, bool], ...]:
        """The identity providers that this request's citizen can choose, each with whether it can be reached now.

        The request and its purpose may name countries. A country's node of which nothing valid is known is not there. One
        that is switched off cannot be reached. Raises `Suspended` where the relying party is.
        """
        self._suspension.check_party(request.client_id)
        purpose = self.registered(request)[1]
        eligible = [one for one in self._configuration.providers.values() if serves(one, request, purpose)]
        return tuple((one, self._reachable(one, now)) for one in eligible if self._known(one, now))

    def provider(self, provider_id: ProviderId) -> IdentityProvider:
        """One of all that are configured. Raises `NotFound`."""
        found = self._configuration.providers.get(provider_id)
        if found is None:
            raise NotFound("no such identity provider")
        return found

    def vouched(self, provider_id: ProviderId, now: int) -> bool:
        """Whether an identity provider is registered and, where it is a country's node, something valid is known of it."""
        provider = self._configuration.providers.get(provider_id)
        return provider is not None and self._known(provider, now)

    def suspended(self, provider: IdentityProvider) -> bool:
        """Whether an identity provider, or its country, is switched off."""
        return self._suspension.source_off(provider)

    def ended(self, grant: Grant) -> bool:
        """Whether what a grant rests on was switched off at any time since its login was asked."""
        provider = self._configuration.providers.get(grant.provider_id)
        return self._suspension.ended(grant.client_id, provider, grant.acts)

    def ask(self, login: Requested | Asked, provider_id: ProviderId, now: int) -> tuple[Outbound, Asked]:
        """Ask the chosen identity provider. Choosing again replaces the question: an answer to the first meets nothing.

        Raises what the provider's connector raises, before anybody is sent anywhere: `AssuranceTooLow` where it cannot
        reach what is asked, `PeerUnavailable` where a country's node cannot be asked now, or not for this relying party,
        `Suspended` where it or the relying party is switched off, `AllRevoked` and `Closed` as `begin`.
        """
        # Before the checks: what is switched off and on again after them has a number that is not known yet
        acts = self._suspension.acts
        self._check_open()
        party, purpose = self.registered(login.request)
        connector = self._connectors[self._going(provider_id, login.request, purpose).provider_id]
        self.check_signer(party, now)
        # Nobody is asked for more than the purpose needs, the service asked for and its registration lets go
        needed = [one.name for one in login.request.asked if one.name in purpose.needs and one.name in party.attributes]
        question = Ask(
            relay_state=login.login,
            minimum_assurance=self._minimum(login.request),
            force_authentication=login.request.force_authentication,
            max_age=login.request.max_age,
            attributes=tuple(needed),
            required=frozenset([name for name in needed if purpose.needs[name].required]),
            requester=requester(party, self._issuer, self._own_name),
        )
        outbound, expectation = connector.request(question, now)
        return outbound, Asked(login.login, login.began, login.request, expectation, acts)

    def hear(self, asked: Asked, inbound: Inbound, language: str, now: int) -> Decided:
        """Judge the answer, and decide what may go. Nothing is written, so it may come again until somebody decided.

        Raises `Suspended` before the answer is read, where the relying party or who answers is switched off, and
        `AssuranceTooLow` where the purpose has come to need more since it was asked, and `OtherPerson` where somebody
        else was asked for.
        """
        party, purpose = self.registered(asked.request)
        provider = self._going(asked.expectation.provider_id, asked.request, purpose, acts=asked.acts)
        assertion = self._connectors[provider.provider_id].receive(inbound, asked.expectation, now)
        if assertion.offered.loa < self._minimum(asked.request):
            raise AssuranceTooLow("authn_context_too_low", "a level below what the purpose needs by now")
        sub = pairwise_subject(self._pairwise_key, self._tenant, party.sector, assertion.namespace, assertion.subject)
        check_expected(asked.request.expected, sub)
        decision = decide(
            asked.request.asked,
            purpose,
            party,
            assertion.offered,
            on=datetime.fromtimestamp(now, tz=UTC).date(),
            catalogue=self._configuration.catalogue,
        )
        return Decided(
            login=asked.login,
            end=min(now + DECIDED_LIFE, asked.began + LOGIN_LIFE),
            request=asked.request,
            provider_id=provider.provider_id,
            sub=sub,
            subject=self._recorder.subject_of(assertion),
            loa=assertion.offered.loa,
            authenticated_at=assertion.authenticated_at,
            decision=decision,
            policy=purpose.digest,
            notice=self._recorder.notice(language, purpose, decision),
            response=message_digest(assertion.issuer, assertion.response_id),
            assertion=message_digest(assertion.issuer, assertion.assertion_id),
            marks_end=max(asked.began + LOGIN_LIFE, assertion.not_on_or_after) + SKEW,  # decisions.md 2
            arrived=tuple(sorted(assertion.offered.attributes)) if provider.peer else (),
            vouched=self._vouched(provider, now),
            acts=asked.acts,
            deviations=assertion.deviations,
        )

    def reword(self, decided: Decided, language: str, now: int) -> Decided:
        """The same question in another language: same marks, same end. Nothing is written.

        The hash of what is shown is that of the new page. Raises what `decide` does for an approval that cannot be.
        """
        party, purpose, provider = self._as_shown(decided)
        self._check_approvable(decided, party, provider, now)
        return replace(speaking(decided, language), notice=self._recorder.notice(language, purpose, decided.decision))

    def decide(self, decided: Decided, choice: Choice, secret: bytes, now: int) -> Released | Refused:
        """The citizen's choice, as one unit: marks, record and what is parked. Durable before it returns.

        Raises `Replayed` where this login was decided otherwise or longer than a minute ago, `RequestRefused` where the
        choice names what was not offered, `ReleaseDenied` where a required attribute is denied, `PeerUnavailable` where
        nothing that the country's node vouches holds now, `Suspended` for an approval (one that is asked again, too) where
        relying party or provider is switched off, `AllRevoked` for an approval where no id_token can be signed,
        `StoreUnavailable` where nothing could be written (in each of them nothing was released).
        """
        party, purpose, provider = self._as_shown(decided)
        if choice.word == "approve":
            self._check_approvable(decided, party, provider, now)
            released = self._approve(decided, purpose, choice, secret, now)
            try:
                # Asked again: a commit may take seconds
                self._suspension.check_asked(party.client_id, provider, decided.acts)
            except BrokerError:
                self.not_sent(released, decided.login, now)
                raise
            return released
        if choice.shared or choice.word not in ("refuse", "cancel"):
            raise RequestRefused("a choice that the page does not offer", code="other_site")
        record = self._recorder.refusal(decided, purpose, choice.word, now)
        first = self._commit(decided, choice, secret, now, Unit(tenant=self._tenant, record=record))
        return Refused(decided.request, record.record if first else b"")

    def cancel(self, login: Requested | Asked, now: int) -> Refused:
        """The citizen went back before any country answered: the same shape of unit, with the login's mark alone.

        Nobody was authenticated, so nothing is recorded: else any visitor could grow the ledger without end.
        """
        self.registered(login.request)
        choice = Choice("cancel").digest(self._sealer.derive("cancel", login.login.encode(), at=login.began))
        unit = Unit(
            tenant=self._tenant,
            marks=(login_mark(login.login, login.began + LOGIN_LIFE + SKEW),),
            decision=DecisionRow(login_digest(login.login), choice, now + ANSWER_LIFE),
        )
        commit_once(self._commits, self._decisions, unit, now)
        return Refused(login.request)

    def not_sent(self, ended: Released | Refused, login: LoginId, now: int) -> None:
        """What was recorded cannot be answered: the record gets an event, once. Raises `StoreUnavailable`."""
        if ended.record:
            record = self._recorder.unsent(ended.record, now)
            self._commits.commit(unsent_unit(self._tenant, login, record, ANSWER_LIFE, now))

    def _as_shown(self, decided: Decided) -> tuple[RelyingParty, Purpose, IdentityProvider]:
        """Whom a question is about. Raises `Replayed` where what was shown is not so any more."""
        party, purpose = self.registered(decided.request)
        provider = self._eligible(decided.provider_id, decided.request, purpose)
        if purpose.digest != decided.policy:
            raise Replayed("policy_changed", "the purpose's file has changed since the page was shown")
        given = [ruling.released for ruling in decided.decision.rulings if ruling.released is not None]
        if not may_still_go(given, purpose, party, self._configuration.catalogue):
            raise Replayed("policy_changed", "the registration has changed since the page was shown")
        return party, purpose, provider

    def _check_approvable(self, decided: Decided, party: RelyingParty, provider: IdentityProvider, now: int) -> None:
        self._suspension.check_asked(party.client_id, provider, decided.acts)
        # The page stood open for a while: an approval that was withdrawn, or metadata that ended, vouches for nothing, nor
        # does a key or a level that the node took back.
        # Who refuses or goes back releases nothing, and may do so at any time.
        if self._vouched(provider, now) != decided.vouched:
            raise Replayed("policy_changed", "what the country's node publishes has changed since the page was shown")
        # The code would stand for a release that nobody can redeem
        self.check_signer(party, now)

    def _approve(self, decided: Decided, purpose: Purpose, choice: Choice, secret: bytes, now: int) -> Released:
        if not choice.shared <= set(decided.decision.optional):
            raise RequestRefused("a box that the page does not have", code="other_site")
        decision = choose(decided.decision, choice.shared)
        if decision.blocked:
            raise ReleaseDenied("a required attribute is denied, so nothing goes")
        # decisions.md 8: the same browser and choice get the same code, and nobody else can compute it
        handle = self._sealer.derive("code", decided.login.encode(), secret, at=decided.heard)
        receipt = self._sealer.derive("receipt", decided.login.encode(), secret, at=decided.heard)
        record = self._recorder.release(decided, decision, purpose, now)
        held = CitizenReceipt(record.record.hex(), base64.b64encode(record.nonce("values")).decode())
        grant = grant_of(decided, decision, held, self._reference(decided.login))
        parked = (
            self._sealer.park("code", handle, GRANT.dump(grant), now + CODE_LIFE),
            self._sealer.park("receipt", receipt, RECEIPT.dump(held), now + RECEIPT_LIFE),
        )
        first = self._commit(decided, choice, secret, now, Unit(tenant=self._tenant, parked=parked, record=record))
        return Released(decided.request, base64url(handle), base64url(receipt), record.record if first else b"")

    def _commit(self, decided: Decided, choice: Choice, secret: bytes, now: int, unit: Unit) -> bool:
        """Complete the unit with the marks and the row of the decision, and commit it once. Returns as `commit_once`."""
        whole = Unit(
            tenant=unit.tenant,
            marks=(
                login_mark(decided.login, decided.marks_end),
                Mark("response", decided.response, decided.marks_end),
                Mark("assertion", decided.assertion, decided.marks_end),
            ),
            decision=DecisionRow(login_digest(decided.login), choice.digest(secret), now + ANSWER_LIFE),
            parked=unit.parked,
            record=unit.record,
        )
        return commit_once(self._commits, self._decisions, whole, now)

    def _eligible(self, provider_id: ProviderId, request: AuthenticationRequest, purpose: Purpose) -> IdentityProvider:
        """One that this request, and its purpose, may be about: no address that somebody typed leads to another."""
        found = self.provider(provider_id)
        if not serves(found, request, purpose):
            raise NotFound("an identity provider of a country that this request or its purpose does not take")
        return found

    def _going(
        self, provider_id: ProviderId, request: AuthenticationRequest, purpose: Purpose, *, acts: int | None = None
    ) -> IdentityProvider:
        """One that this request may be about, where neither it nor who asks is switched off. Raises `Suspended`.

        Raises `Replayed` where one of them was off at any time since so many `acts`: what is of before goes no further.
        """
        self._suspension.check_party(request.client_id)
        found = self._eligible(provider_id, request, purpose)
        if acts is None:
            self._suspension.check_source(found)
        else:
            self._suspension.check_asked(request.client_id, found, acts)
        return found

    def _vouched(self, provider: IdentityProvider, now: int) -> str:
        """The digest of what is approved of a country's node, "" of a pinned provider. Raises `PeerUnavailable`."""
        return "" if provider.peer is None else self._nodes.digest(provider.peer.entity_id, now)

    def _known(self, provider: IdentityProvider, now: int) -> bool:
        """A pinned identity provider always is; a country's node while its metadata holds."""
        try:
            return provider.peer is None or self._nodes.current(provider.peer.entity_id, now) is not None
        except PeerUnavailable:
            return False

    def _reachable(self, provider: IdentityProvider, now: int) -> bool:
        if self._suspension.source_off(provider):
            return False
        return provider.peer is None or self._nodes.available(provider.peer.entity_id, now)

    def _minimum(self, request: AuthenticationRequest) -> LevelOfAssurance:
        return max(request.minimum_assurance, self._configuration.purposes[request.purpose_id].minimum_assurance)
