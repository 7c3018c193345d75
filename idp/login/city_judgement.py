"""A city's judgement of a sign-in: what may go of it to the service, for whom, and under which pseudonym."""

import secrets
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from idp.ledger.leaf import subject_index
from idp.login.acting import APART, called, check_person
from idp.login.approvals import Approvals
from idp.login.eligible import minimum_level, reached
from idp.login.mandated import RepresentedBy, judged_each, registers_for, represented, with_bounds
from idp.login.states import Judged
from idp.login.vouching import Vouching
from policies.assurance.ladders import said_name
from policies.authentication import Assertion, ServiceRequest
from policies.bounded import Bounded
from policies.catalogue import MANDATE
from policies.errors import AssertionRejected, AssuranceTooLow, OtherPerson
from policies.mandates import read_mandates
from policies.notice import notice_hash
from policies.parties import IdentityProvider, SubjectNamespace, Tenant
from policies.persons import ActingFor, PersonKind
from policies.pseudonyms import PairwiseKey, pairwise_subject, subject_digest, transient_subject
from policies.release import Decision


class CityJudgement:
    """One city's. See `idp.login.city_role.CityRole` for what it is made of."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        sources: Vouching,
        approvals: Approvals,
        template: str,
        index_key: bytes,
        pairwise_key: PairwiseKey,
    ) -> None:
        self._tenant, self._sources, self._template, self._links = tenant, sources, template, approvals.links
        self._index_key, self._pairwise_key = index_key, pairwise_key

    def judge(
        self,
        request: ServiceRequest,
        provider: IdentityProvider,
        assertion: Assertion,
        terms: Bounded,
        language: str,
        now: int,
    ) -> Judged:
        """Decide what may go: `policies.release.decide`, for each for whom mandate registers let the person act.

        Raises `AssuranceTooLow` where the purpose has come to need more since it was asked, `OtherPerson` where the service
        expects somebody else, `AssertionRejected` if it has to hear when they signed in and nobody knows, `RegisterAway`.
        """
        party, purpose = terms.terms.party, terms.terms.purpose
        takes, desk = party.persons & purpose.persons, self._sources.registers
        on = datetime.fromtimestamp(now, tz=UTC).date()
        needed = minimum_level(request, purpose)
        # No register hears of a sign-in that does not do
        enough = min(assertion.offered.loa, request.at_most) >= needed
        registers = registers_for(request, terms.terms, desk) if enough else {}
        named = represented(desk, registers, provider, assertion, party.sphere, now) if registers else ()
        level = max(needed, purpose.level_of(MANDATE)) if MANDATE in purpose.needs else needed

        def judged(one: RepresentedBy | None) -> Judged:
            acts = assertion if one is None else one.acts(assertion, level, on)
            found = self._judged(request, provider, acts, terms, on, now)
            return replace(found, notice=self.notice(request, found.decision, language))

        # Whoever may not act for themself here is not asked whether they would
        alone = not registers or assertion.kind is not PersonKind.NATURAL or assertion.kind in takes
        ways = [*([None] if alone else []), *(one for one in named if one.kind in takes)]
        return judged_each([partial(judged, one) for one in ways], [desk.registers[one] for one in registers])

    def _judged(
        self,
        request: ServiceRequest,
        provider: IdentityProvider,
        assertion: Assertion,
        terms: Bounded,
        on: date,
        now: int,
    ) -> Judged:
        """The answer of one sign-in, without the page."""
        party, purpose = terms.terms.party, terms.terms.purpose
        if (party.saml or party.openid.answers.require_auth_time) and not assertion.authenticated_at:
            raise AssertionRejected("authentication_time", "no auth_time, and the service has to hear when it was")
        subject = subject_index(self._index_key, self._tenant, assertion.namespace, assertion.subject)
        known = self._links.known(request, assertion, subject, minimum_level(request, purpose), now)
        loa = min(assertion.offered.loa, request.at_most, known.loa)
        if loa < minimum_level(request, purpose):
            raise AssuranceTooLow("authn_context_too_low", "below what the purpose needs by now", reached=loa.label)
        # A name of the source's own is about the new identity alone
        said = assertion.said if known.loa >= assertion.offered.loa else ""
        having = reached(provider, said, loa, party.vocabulary)
        context = said_name(request.contexts or request.wished, party.vocabulary, having)
        if request.contexts and not context:
            raise AssuranceTooLow("authn_context_too_low", "none of the levels that the service names", reached=loa.label)
        check_person(assertion, provider, party, purpose, on)
        acting, values = assertion.acting_for, assertion.offered.attributes
        named_by = acting.register if acting else ""
        sub = (
            transient_subject(secrets.token_bytes(32))
            if party.registered
            else pairwise_subject(self._pairwise_key, self._tenant, party.sector, *known.person, acting)
        )
        if request.expected and request.expected != subject_digest(sub):
            raise OtherPerson("hinted_subject", "somebody else signed in than the service expects")
        offered = replace(assertion.offered, loa=loa, kind=assertion.kind)
        decision, ends = self._sources.decided(request, provider, terms, offered, on, now)
        powers = acting.mandates if acting and named_by else read_mandates(values.get(MANDATE)) or ()
        if acting and (named_by or powers):
            decision = with_bounds(decision, powers, on)
        return Judged(
            sub=sub,
            loa=loa,
            context=context,
            decision=decision,
            subject=subject,
            policy=purpose.digest,
            arrived=tuple(name for name in assertion.arrived if name not in offered.sources),
            vouched=self._sources.digest(provider, now),
            kind=assertion.kind,
            represented=self._index(acting) if acting else b"",
            acting_for=called(assertion.kind, values),
            number=str(values.get(APART[assertion.kind], "")) if assertion.kind.acts else "",
            named_by=named_by,
            transfer=purpose.crossing(provider.sphere, party.sphere),
            ends=ends,
            registers=self._sources.registers.registered(decision.released, named_by),
            link=known.proof,
            identity=known.identity if known.own_page else None,
        )

    def _index(self, acting: ActingFor) -> bytes:
        """The ledger's index of whoever is represented: nobody finds a record by it but who knows them."""
        return subject_index(self._index_key, self._tenant, SubjectNamespace(acting.namespace), acting.identifier)

    def notice(self, request: ServiceRequest, decision: Decision, language: str) -> str:
        """The hash of what the page shows: template, language, names and forms, never values."""
        return notice_hash(template=self._template, language=language, purpose_id=request.purpose_id, decision=decision)
