"""The role of a city: relying parties ask for a purpose, the policy decides, and the citizen approves what goes."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from connectors.connector import Ask
from connectors.metadata.members import Member
from connectors.metadata.summaries import Summary
from idp.ledger.record_contents import CANCELLATION, REFUSAL, DecidedBy, draft_unsent
from idp.login.approvals import Approvals, tells_by_a_no
from idp.login.begun import TermsOfLogins
from idp.login.bodies import judged_in_the_name
from idp.login.city_judgement import CityJudgement
from idp.login.city_records import record_of_refusal, record_of_release
from idp.login.eligible import Eligible, ask_for, one_of_each, requester, serves
from idp.login.finish import Choice
from idp.login.registers import wanted_of
from idp.login.role import Choices, Configurations, Reach
from idp.login.sealing import LoginId
from idp.login.states import BY_APPROVAL, Decided, Grant, Judged
from idp.login.suspension import Suspension
from idp.login.vouching import Vouching
from idp.ports import ApprovalRows, RecordDraft
from policies.attributes import AttributeName
from policies.authentication import Assertion, Origin, ServiceRequest
from policies.bounded import judges_alike
from policies.errors import (
    NotFound,
    PeerUnavailable,
    Replayed,
    RequestRefused,
)
from policies.federations import MEMBER_ID, family_of
from policies.parties import ClientId, IdentityProvider, ProviderId, RelyingParty, Tenant
from policies.pseudonyms import PairwiseKey
from policies.purposes import SIGN_IN, AskMode, AskRule, Purpose, Show
from policies.release import Decision, completed, may_still_go, passes, short_of

DAY, YEAR_DAYS = 24 * 3600, 365


class CityRole:
    """One city's. `issuer` begins the name that other countries know a relying party by; `own_name` hides a blind one's.

    `template` is the version of the pages, `index_key` keys the persons' index in the ledger, `pairwise_key` their
    pseudonyms.
    """

    has_receipts = True

    def __init__(
        self,
        *,
        tenant: Tenant,
        configurations: Configurations,
        sources: Vouching,
        issuer: str,
        own_name: str,
        template: str,
        index_key: bytes,
        pairwise_key: PairwiseKey,
        suspension: Suspension,
        approvals: Approvals,
    ) -> None:
        self._tenant = tenant
        self.configuration, self._begun = configurations.now, TermsOfLogins(configurations)
        self.eligible = Eligible(self.configuration.providers, self._begun)
        self._sources = sources
        self._issuer = issuer
        self._own_name = own_name
        self._judgement = CityJudgement(
            tenant=tenant,
            sources=sources,
            approvals=approvals,
            template=template,
            index_key=index_key,
            pairwise_key=pairwise_key,
        )
        self._suspension = suspension
        self._approvals = approvals

    def registered(self, request: ServiceRequest) -> tuple[RelyingParty, Purpose]:
        """The service and its purpose, as this login has them: bounded by what was in force when it began.

        Raises `RequestRefused` if that registration has ended, and `Replayed` if the login cannot go on after a change.
        """
        terms = self._begun.terms(request).terms
        return terms.party, terms.purpose

    def release_word(self, path: DecidedBy) -> str:
        """To approve is to answer a question."""
        return "approve" if path is DecidedBy.PAGE else "continue"

    def refusal_words(self, path: DecidedBy) -> Collection[str]:
        """A citizen who is asked may refuse, also in one line. Where a page informs they cancel."""
        return ("refuse", "cancel") if path in (DecidedBy.PAGE, DecidedBy.REMEMBERED) else ("cancel",)

    def path(self, request: ServiceRequest) -> DecidedBy:
        """The purpose says it."""
        return DecidedBy.INFORMED if self.registered(request)[1].show is Show.INFORM else DecidedBy.PAGE

    def recalled(self, decided: Decided, now: int, *, forced: bool) -> Decided:
        """One line is enough while the same would go, and no page after a new sign-in. Whoever objected is always asked."""
        standing = self._approvals.of(decided, now)
        decided = replace(decided, stop=standing.stop, path=DecidedBy.PAGE if standing.stopped else decided.path)
        if self._ask(decided).mode is AskMode.EACH_TIME or decided.decision.blocked or self.short_of(decided):
            return decided
        if not decided.is_covered_by(earlier := standing.earlier(decided.judged)):
            return replace(decided, earlier=earlier)
        party, purpose = self.registered(decided.request)
        # Anybody can use a public client's name (RFC 8252 §8.6)
        if (party.enforce and tells_by_a_no(decided.decision, purpose)) or party.public:
            return replace(decided, earlier=earlier, path=DecidedBy.REMEMBERED)
        silent = decided.resumed and decided.request.shared is not None and decided.request.shared.passive
        path = DecidedBy.UNASKED if forced else DecidedBy.SILENT if silent else DecidedBy.REMEMBERED
        return replace(decided, earlier=earlier, path=path)

    def remembered(self, decided: Decided, choice: Choice, now: int) -> ApprovalRows:
        """An approval with the box ticked is kept; without it, or refused, an earlier one is forgotten.

        `on_change` remembers for a year from the last use, `remember` for its days from the approval.
        """
        ask, released = self._ask(decided), choice.word == self.release_word(decided.path)
        days = YEAR_DAYS if ask.mode is AskMode.ON_CHANGE else ask.days
        if choice.remember and (not days or decided.shared is not None):
            raise RequestRefused("a box that the page does not have", code="other_site")
        if not released:
            return self.forgotten(decided, now) if choice.word == "refuse" else ApprovalRows()
        standing, shared, given = self._approvals.relied_on(decided, now), choice.shared, now
        if decided.shared is not None and decided.earlier:
            if standing.earlier(decided.judged) != decided.earlier:
                raise Replayed("approval_ended", "an earlier approval that holds no more")
            if ask.mode is not AskMode.ON_CHANGE:
                return standing.unchanged
            shared, given = decided.shared, decided.earlier.given
        elif not choice.remember:
            return self.forgotten(decided, now) if decided.earlier else self._approvals.agreed(standing, now)
        kept = self._approvals.kept(standing, decided.judged, shared, given, now + days * DAY)
        return self._approvals.agreed(standing, now, kept)

    def check_standing(self, decided: Decided, now: int) -> None:
        """See `idp.login.role.Role`."""
        self._approvals.relied_on(decided, now)

    def forgotten(self, decided: Decided, now: int) -> ApprovalRows:
        """The citizen is asked every time from now on, unless they tick the box again."""
        return self._approvals.forgotten(self._approvals.of(decided, now), now) if decided.earlier else ApprovalRows()

    def _ask(self, decided: Decided) -> AskRule:
        return self.registered(decided.request)[1].ask

    def check_registered(self, request: ServiceRequest) -> None:
        """Raises `RequestRefused`."""
        self._begun.now(request)

    def completed(self, request: ServiceRequest) -> ServiceRequest:
        """The request with what its purpose requires, and under which configuration it came."""
        terms = self._begun.now(request)
        asked = completed(request.asked, request.unknown, terms.purpose, terms.catalogue)
        return replace(request, asked=asked, applied=self._begun.number)

    def check_service(self, origin: Origin) -> None:
        """Raises `Suspended` for a relying party that is switched off: nobody is sent to it, whatever it asked."""
        self._suspension.check_party(ClientId(origin.service))

    def check_reachable(self, request: ServiceRequest) -> None:
        """See `Eligible.check`. Who does not answer now is shown on the picker: a login may begin without any that does."""
        self.eligible.check(request)

    def choices(self, request: ServiceRequest, now: int) -> Choices:
        """The identity providers that this request's citizen can choose, each with whether it can be reached now.

        A family stands for its `members`, but for those that the request names.
        The request and its purpose may name countries, and ask a level. A country's node of which nothing valid is known is
        not there. One that is switched off cannot be reached. Raises `Suspended` where the relying party is.
        """
        self.check_service(request.origin)
        able = self.eligible.able(request)
        return one_of_each([(one, self._sources.reach(one, now)) for one in able if self._sources.is_known(one, now)])

    def members(self, request: ServiceRequest, takes: Callable[[Summary], bool]) -> Iterator[Member]:
        """See `idp.login.role.Role`."""
        return self.eligible.members(request, takes)

    def reach(self, provider: IdentityProvider, now: int) -> Reach:
        """See `idp.login.role.Role`."""
        return self._sources.reach(provider, now)

    def going(self, request: ServiceRequest, provider_id: ProviderId, acts: int | None = None) -> IdentityProvider:
        """A provider that this request, and its purpose, may be about: no address that somebody typed leads to another.

        Raises `NotFound`, `Suspended`, and `Replayed` where the party or the provider was off at any time since `acts`.
        """
        self.check_service(request.origin)
        found = self._eligible(request, provider_id)
        if acts is None:
            self._suspension.check_source(found)
        else:
            self._suspension.check_asked(ClientId(request.origin.service), found, acts)
        return found

    def question(self, login: LoginId, request: ServiceRequest, provider: IdentityProvider) -> Ask:
        """Nobody is asked for more than the purpose needs, the service asked for and its registration lets go."""
        party, purpose = self.registered(request)
        said = requester(party, self._issuer, self._own_name)
        ask = ask_for(login, request, party, purpose, provider, said, self._sources.registers.registers)
        return judged_in_the_name(ask, provider, party, self.configuration.bodies, self._issuer)

    def judge(
        self, request: ServiceRequest, provider: IdentityProvider, assertion: Assertion, language: str, now: int
    ) -> Judged:
        """See `idp.login.role.Role`."""
        return self._judgement.judge(request, provider, assertion, self._begun.terms(request), language, now)

    def waits(self, request: ServiceRequest) -> bool:
        """See `idp.login.role.Role`."""
        return any(source != SIGN_IN for _, _, source in wanted_of(request, *self.registered(request)))

    def enforces(self, origin: Origin) -> bool:
        """The registration says it."""
        party = self.configuration.parties.get(ClientId(origin.service))
        return party is not None and party.enforce

    def short_of(self, decided: Decided) -> tuple[AttributeName, ...]:
        """The attributes that the purpose requires or wants to be true: `policies.release.short_of`."""
        party, purpose = self.registered(decided.request)
        return short_of(decided.decision, purpose) if party.enforce else ()

    def vouchers(self, decided: Decided) -> tuple[str, ...]:
        """The one that we asked, and those behind it, of a service whose registration has them told."""
        party, _ = self.registered(decided.request)
        if party.saml is None or not party.saml.tells_authorities:
            return ()
        return tuple(dict.fromkeys((self.provider(decided.provider_id).entity_id, *decided.authorities)))

    def check_shown(self, decided: Decided) -> None:
        """Raises `Replayed` where purpose or registration let go less than the page showed, or say otherwise what for."""
        terms = self._begun.terms(decided.request)
        party, purpose = terms.terms.party, terms.terms.purpose
        provider = self._eligible(decided.request, decided.provider_id)
        # Of an answer that was heard, nobody knows what it would be today
        if not self._begun.alike(provider, decided.request, judges_alike):
            raise Replayed("policy_changed", "the identity provider's registration has changed since the answer")
        asks = (decided.path is DecidedBy.INFORMED and purpose.show is not Show.INFORM) or (
            decided.path in BY_APPROVAL and purpose.ask.mode is AskMode.EACH_TIME
        )
        asks |= decided.judged.kind not in party.persons & purpose.persons
        if asks or purpose.digest != decided.judged.policy or decided.judged.loa < purpose.minimum_assurance:
            raise Replayed("policy_changed", "the purpose's file has changed since the page was shown")
        given = [ruling.released for ruling in decided.decision.rulings if ruling.released is not None]
        had = {name for name in terms.required if decided.judged.kind in terms.terms.catalogue.attributes[name].persons}
        if had - {one.name for one in given} - {*decided.decision.blocked}:
            raise Replayed("policy_changed", "the purpose requires more than the page showed")
        registers = self._sources.registers
        judged = decided.judged
        if registers.ended(given, judged.named_by, decided.acts) or registers.changed(judged.registers):
            raise Replayed("policy_changed", "a register that vouches for what the page showed is off, or has changed")
        whole = all(passes(party, provider.sphere, one.form) for one in given)
        if not whole or not may_still_go(given, purpose, party, self.configuration.catalogue):
            raise Replayed("policy_changed", "the registration has changed since the page was shown")

    def check_approvable(self, decided: Decided, now: int) -> None:
        """The page stood open for a while: an approval that was withdrawn, or metadata that ended, vouches for nothing.

        Nor does a key or a level that the node took back. Whoever refuses releases nothing, and may do so at any time.
        """
        provider = self._eligible(decided.request, decided.provider_id)
        if self._sources.digest(provider, now) != decided.judged.vouched:
            raise Replayed("policy_changed", "what the country's node publishes has changed since the page was shown")

    def notice(self, request: ServiceRequest, decision: Decision, language: str) -> str:
        """The hash of what the page shows: template, language, names and forms, never values."""
        return self._judgement.notice(request, decision, language)

    def release_record(self, decided: Decided, chosen: Decision, evidence: Mapping[str, str], now: int) -> RecordDraft:
        """The record of a release: what went to whom, for what, under the person's keyed index."""
        purpose = self.registered(decided.request)[1]
        return record_of_release(decided, chosen, evidence, purpose, self._issuer, now)

    def refusal_record(self, decided: Decided, word: str, now: int) -> RecordDraft:
        """The citizen saw the question and said no, or left: no subject, no values."""
        kind = REFUSAL if word == "refuse" else CANCELLATION
        return record_of_refusal(decided, kind, self.registered(decided.request)[1], now)

    def unsent_record(self, origin: Origin, record: bytes, now: int) -> RecordDraft:
        """An event about the record that could not be answered."""
        return draft_unsent(time=now, about=record)

    def provider(self, provider_id: ProviderId) -> IdentityProvider:
        """One of all that are configured, and no family. Raises `NotFound`, and `PeerUnavailable` for whoever left one."""
        providers = self.configuration.providers
        found = providers.get(provider_id)
        # A log has the id of whoever left, and no text of an address
        if found is None and MEMBER_ID.fullmatch(provider_id) and family_of(provider_id) in providers:
            raise PeerUnavailable(f"{family_of(provider_id)} has no member of the id {provider_id} now")
        if found is None or found.members:
            raise NotFound("no such identity provider")
        return found

    def vouches(self, provider_id: ProviderId, now: int) -> bool:
        """Whether an identity provider is registered and, of a country's node or a federation, something valid is known."""
        provider = self.configuration.providers.get(provider_id)
        return provider is not None and self._sources.stands(provider, now)

    def ended(self, grant: Grant) -> bool:
        """Whether what a grant rests on was switched off since its login was asked, or does not lie so any more."""
        client = ClientId(grant.origin.service)
        provider, party = self.configuration.providers.get(grant.provider_id), self.configuration.parties.get(client)
        if provider and party and not all(passes(party, provider.sphere, one.form) for one in grant.attributes):
            return True
        registers = self._sources.registers
        if (party and grant.kind not in party.persons) or registers.ended(grant.attributes, grant.named_by, grant.acts):
            return True
        return self._suspension.ended(client, provider, grant.acts)

    def _eligible(self, request: ServiceRequest, provider_id: ProviderId) -> IdentityProvider:
        found = self.provider(provider_id)
        if not serves(found, request, self.registered(request)[1]):
            raise NotFound("an identity provider of a country that this request or its purpose does not take")
        if not self._begun.alike(found, request):
            raise Replayed("policy_changed", "the identity provider's registration has changed since the login began")
        return found
