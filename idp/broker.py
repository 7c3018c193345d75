"""The steps of a login, in their order. It reads as the story of one.

A relying party asks (`begin`); the citizen chooses a country, whose identity provider is asked (`ask`); its answer is
judged and what may go is decided (`hear`, a pure step that writes nothing); the citizen approves, refuses or cancels
(`decide`, `cancel`): one unit, durable before anything is released.

Relying party, purpose and identity provider are looked up again at each step: a sealed state is remembered fact, no
permission.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from connectors.connector import Ask, Connector, Inbound, Outbound
from connectors.signatures.jws import base64url
from idp.ending import SKEW, Choice, commit_once, login_digest, login_mark, message_digest
from idp.login import (
    ANSWER_LIFE,
    CODE_LIFE,
    DECIDED_LIFE,
    GRANT,
    LOGIN_LIFE,
    Asked,
    Decided,
    Grant,
    Refused,
    Released,
    Requested,
)
from idp.ports import Commits, DecisionRow, Decisions, Mark, Unit
from idp.record import Recorder
from idp.seal import Sealer, new_login_id
from policies.assurance import LevelOfAssurance
from policies.attributes import Attribute
from policies.authentication import AuthenticationRequest
from policies.errors import NotFound, ReleaseDenied, Replayed, RequestRefused
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId, RelyingParty, Tenant
from policies.pseudonyms import pairwise_subject
from policies.purposes import Purpose
from policies.release import choose, decide

ACCESS_DENIED = "access_denied"


class Broker:
    """One tenant's broker. Holds configuration and keys, and no state of any login."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        configuration: Configuration,
        connectors: Mapping[ProviderId, Connector],
        sealer: Sealer,
        commits: Commits,
        decisions: Decisions,
        recorder: Recorder,
        pairwise_key: bytes,
    ) -> None:
        self._tenant = tenant
        self._configuration = configuration
        self._connectors = connectors
        self._sealer = sealer
        self._commits = commits
        self._decisions = decisions
        self._recorder = recorder
        self._pairwise_key = pairwise_key

    def begin(self, request: AuthenticationRequest, now: int) -> Requested:
        """A relying party's request was accepted: a login begins, and holds nothing about a person."""
        return Requested(login=new_login_id(), began=now, request=request)

    def registered(self, request: AuthenticationRequest) -> tuple[RelyingParty, Purpose]:
        """Who asks, and what for, as configured now. Raises `RequestRefused` where that ended since."""
        party = self._configuration.parties.get(request.client_id)
        purpose = self._configuration.purposes.get(request.purpose_id)
        if party is None or purpose is None or request.purpose_id not in party.purposes:
            raise RequestRefused("relying party or purpose is registered no more", oauth="unauthorized_client")
        if request.redirect_uri not in party.redirect_uris:
            raise RequestRefused("the redirect address is registered no more", oauth="unauthorized_client")
        return party, purpose

    def providers(self) -> tuple[IdentityProvider, ...]:
        """The identity providers that a citizen can choose now."""
        return tuple(self._configuration.providers.values())

    def provider(self, provider_id: ProviderId) -> IdentityProvider:
        """One of them. Raises `NotFound`."""
        found = self._configuration.providers.get(provider_id)
        if found is None:
            raise NotFound("no such identity provider")
        return found

    def ask(self, login: Requested | Asked, provider_id: ProviderId, now: int) -> tuple[Outbound, Asked]:
        """Ask the chosen identity provider. Choosing again replaces the question: an answer to the first meets nothing."""
        self.registered(login.request)
        connector = self._connectors[self.provider(provider_id).provider_id]
        question = Ask(
            relay_state=login.login,
            minimum_assurance=self._minimum(login.request),
            force_authentication=login.request.force_authentication,
            max_age=login.request.max_age,
        )
        outbound, expectation = connector.request(question, now)
        return outbound, Asked(login.login, login.began, login.request, expectation)

    def hear(self, asked: Asked, inbound: Inbound, language: str, now: int) -> Decided:
        """Judge the answer, and decide what may go. Nothing is written, so it may come again until somebody decided."""
        party, purpose = self.registered(asked.request)
        provider = self.provider(asked.expectation.provider_id)
        assertion = self._connectors[provider.provider_id].receive(inbound, asked.expectation, now)
        decision = decide(
            asked.request.asked, purpose, party, assertion.offered, on=_date(now), catalogue=self._configuration.catalogue
        )
        return Decided(
            login=asked.login,
            end=min(now + DECIDED_LIFE, asked.began + LOGIN_LIFE),
            request=asked.request,
            provider_id=provider.provider_id,
            sub=pairwise_subject(self._pairwise_key, self._tenant, party.sector, assertion.namespace, assertion.subject),
            subject=self._recorder.subject_of(assertion),
            loa=assertion.offered.loa,
            authenticated_at=assertion.authenticated_at,
            decision=decision,
            policy=purpose.digest,
            notice=self._recorder.notice(language, purpose, decision),
            response=message_digest(assertion.issuer, assertion.response_id),
            assertion=message_digest(assertion.issuer, assertion.assertion_id),
            # decisions.md 2: the later of the login's end and the assertion's own, plus skew
            marks_end=max(asked.began + LOGIN_LIFE, assertion.not_on_or_after) + SKEW,
        )

    def decide(self, decided: Decided, choice: Choice, secret: bytes, now: int) -> Released | Refused:
        """The citizen's choice, as one unit: marks, record and what is parked. Durable before it returns.

        Raises `Replayed` where this login was decided otherwise or longer than a minute ago, `RequestRefused` where the
        choice names what was not offered, `ReleaseDenied` where a required attribute is denied, `StoreUnavailable` where
        nothing could be written (then nothing was released).
        """
        party, purpose = self.registered(decided.request)
        self.provider(decided.provider_id)
        if purpose.digest != decided.policy:
            raise Replayed("policy_changed", "the purpose's file has changed since the page was shown")
        for ruling in decided.decision.rulings:
            if ruling.released is not None and not self._still_allowed(ruling.released, party):
                raise Replayed("policy_changed", "the registration has changed since the page was shown")
        if choice.word == "approve":
            return self._approve(decided, party, purpose, choice, secret, now)
        if choice.shared or choice.word not in ("refuse", "cancel"):
            raise RequestRefused("a choice that the page does not offer", code="other_site")
        record = self._recorder.refusal(decided, purpose, choice.word, now)
        self._commit(decided, choice, secret, now, Unit(tenant=self._tenant, record=record))
        return Refused(decided.request, ACCESS_DENIED)

    def cancel(self, login: Requested | Asked, now: int) -> Refused:
        """The citizen went back before any country answered: the same shape of unit, with the login's mark alone.

        Nobody was authenticated, so nothing is recorded: else any visitor could grow the ledger without end.
        """
        self.registered(login.request)
        choice = Choice("cancel").digest(self._sealer.derive("cancel", login.login.encode()))
        unit = Unit(
            tenant=self._tenant,
            marks=(login_mark(login.login, login.began + LOGIN_LIFE + SKEW),),
            decision=DecisionRow(login_digest(login.login), choice, now + ANSWER_LIFE),
        )
        commit_once(self._commits, self._decisions, unit, now)
        return Refused(login.request, ACCESS_DENIED)

    def _approve(
        self, decided: Decided, party: RelyingParty, purpose: Purpose, choice: Choice, secret: bytes, now: int
    ) -> Released:
        if not choice.shared <= set(decided.decision.optional):
            raise RequestRefused("a box that the page does not have", code="other_site")
        decision = choose(decided.decision, choice.shared)
        if decision.blocked:
            raise ReleaseDenied("a required attribute is denied, so nothing goes")
        # decisions.md 8: the same browser and choice get the same code, and nobody else can compute it
        handle = self._sealer.derive("code", decided.login.encode(), secret)
        grant = Grant(
            client_id=party.client_id,
            redirect_uri=decided.request.redirect_uri,
            code_challenge=decided.request.code_challenge,
            nonce=decided.request.nonce,
            purpose_id=purpose.purpose_id,
            provider_id=decided.provider_id,
            sub=decided.sub,
            loa=decided.loa,
            authenticated_at=decided.authenticated_at,
            attributes=decision.released,
            in_id_token=decided.request.in_id_token,
        )
        parked = self._sealer.park("code", handle, GRANT.dump(grant), now + CODE_LIFE)
        record = self._recorder.release(decided, decision, purpose, now)
        self._commit(decided, choice, secret, now, Unit(tenant=self._tenant, parked=(parked,), record=record))
        return Released(decided.request, base64url(handle))

    def _commit(self, decided: Decided, choice: Choice, secret: bytes, now: int, unit: Unit) -> None:
        """Complete the unit with the marks and the row of the decision, and commit it once."""
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
        commit_once(self._commits, self._decisions, whole, now)

    def _still_allowed(self, released: Attribute, party: RelyingParty) -> bool:
        """Whether the registration of this moment lets this form go: one that was narrowed meanwhile does not."""
        rule = party.attributes.get(released.name)
        form = released.form
        return rule is not None and self._configuration.catalogue.meet(released.name, form, rule.form) == form

    def _minimum(self, request: AuthenticationRequest) -> LevelOfAssurance:
        return max(request.minimum_assurance, self._configuration.purposes[request.purpose_id].minimum_assurance)


def _date(now: int) -> date:
    return datetime.fromtimestamp(now, tz=UTC).date()
