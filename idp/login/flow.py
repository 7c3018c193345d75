"""The steps of a login, in their order. It reads as the story of one, at a city and at a country's sending node.

A service asks (`begin`). The citizen chooses an identity provider, which is asked (`ask`). Its answer is judged, and the
role says what may go (`handle_response`, which writes nothing; nor does `reword`, the question in another language). The
citizen releases, refuses or cancels (`decide`, `cancel`): one unit, durable before anything is released.

What differs by our role is in `idp.login.role`, what differs by the service's protocol in `idp.login.frontend`. Service,
purpose and identity provider are looked up again at each step, and whether one is switched off: a sealed state is no
permission.
"""

import base64
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace

from connectors import request_object
from connectors.connector import Connector, Inbound, Outbound
from connectors.profiles import EIDAS, SAML2INT
from connectors.resumed import remembered, resumed, tells_enough
from connectors.signatures.jws import base64url
from idp.login.finish import SKEW, Choice, commit_fresh, commit_once, login_digest, login_mark, message_digest, request_rows
from idp.login.frontend import Frontends
from idp.login.onward import PHONE, Answers
from idp.login.role import Role
from idp.login.sealing import Sealer, new_login_id
from idp.login.sessions import SessionContent
from idp.login.states import (
    ANSWER_LIFE,
    BY_APPROVAL,
    DECIDED_LIFE,
    LOGIN_LIFE,
    ONWARD_LIFE,
    RECEIPT,
    RECEIPT_LIFE,
    Approved,
    Asked,
    BrowserSession,
    CitizenReceipt,
    Decided,
    Onward,
    Released,
    Requested,
    WaitingAnswer,
    speaking,
)
from idp.login.suspension import Suspension
from idp.ports import Commits, DecisionRow, Decisions, Mark, Unit
from policies.authentication import Assertion, Origin, ServiceRequest
from policies.bounded import judging
from policies.errors import BrokerError, ReleaseDenied, Replayed, RequestRefused, redeeming
from policies.parties import IdentityProvider, ProviderId, Tenant
from policies.persons import NATURAL_ALONE, PersonKind
from policies.release import choose

# A request is taken as long as its IssueInstant is young, and its login lives for fifteen minutes more. After that a second
# one of the same id is refused for its age. A signed one of OpenID Connect says itself until when, within an hour.
REQUEST_LIFE = LOGIN_LIFE + max(
    *(profile.max_age + 2 * profile.skew for profile in (EIDAS, SAML2INT)), request_object.LIFE + 2 * request_object.SKEW
)
# The choice of whoever leaves before anybody signed them in
CANCEL = "cancel"


class Broker:
    """One tenant's broker. Holds configuration and keys, and no state of any login."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        role: Role,
        frontends: Frontends,
        connectors: Mapping[ProviderId, Connector],
        sealer: Sealer,
        commits: Commits,
        decisions: Decisions,
        suspension: Suspension,
        check_open: Callable[[], None],
        reference: Callable[[str], str] = lambda _login: "",
    ) -> None:
        self._tenant = tenant
        self._role = role
        self._connectors = connectors
        self._sealer = sealer
        self._commits = commits
        self._decisions = decisions
        self._suspension = suspension
        self._check_open = check_open
        self.answers = Answers(
            tenant=tenant,
            role=role,
            frontends=frontends,
            sealer=sealer,
            commits=commits,
            decisions=decisions,
            reference=reference,
        )

    def begin(self, request: ServiceRequest, now: int) -> Requested:
        """A service's request was accepted: a login begins, and holds nothing about a person.

        Nobody is sent to sign in for nothing. Raises `Suspended`, `Closed` where no release could be recorded, what
        `Frontend.check_answerable` raises, and `AssuranceTooLow` where no source reaches what is asked.
        """
        self._role.check_service(request.origin)
        self._check_open()
        self.answers.frontend(request.origin).check_answerable(request.origin, now, release=True)
        self._role.check_reachable(request)
        return Requested(login=new_login_id(), began=now, request=self._role.completed(request))

    def ask(self, login: Requested | Asked, provider_id: ProviderId, now: int) -> tuple[Outbound, Asked]:
        """Ask the chosen identity provider. Choosing again replaces the question: an answer to the first meets nothing.

        Raises what the provider's connector raises, before anybody is sent anywhere: `AssuranceTooLow` where it cannot
        reach what is asked, `PeerUnavailable` where a country's node cannot be asked now, or not for this service.
        `Suspended` where it or the service is switched off, `AllRevoked` and `Closed` as `begin`.
        """
        # Before the checks: what is switched off and on again after them has a number that is not known yet
        acts = self._suspension.acts
        self._check_open()
        self.answers.check_registered(login.request)
        provider = self._role.going(login.request, provider_id)
        self.answers.frontend(login.request.origin).check_answerable(login.request.origin, now, release=True)
        question = self._role.question(login.login, login.request, provider)
        outbound, expectation = self._connectors[provider.provider_id].request(question, now)
        return outbound, Asked(login.login, login.began, login.request, expectation, acts)

    def handle_response(self, asked: Asked, inbound: Inbound, language: str, now: int) -> Decided:
        """Judge the answer, and decide what may go. Nothing is written, so it may come again until somebody decided.

        Raises `Suspended` before the answer is read, where the service or who answers is switched off, and
        `AssertionRejected` and its kinds.
        """
        request = asked.request
        self.answers.check_registered(request)
        provider = self._role.going(request, asked.expectation.provider_id, asked.acts)
        assertion = self._connectors[provider.provider_id].receive(inbound, asked.expectation, now)
        forced = asked.expectation.force_authentication
        with redeeming() if asked.expectation.secret else nullcontext():
            decided = self._judged(asked, provider, assertion, language, now)
            return self._recalled(replace(decided, acts=asked.acts), language, now, forced=forced)

    def resume(self, login: Requested, session: SessionContent, language: str, now: int) -> Decided:
        """Decide what may go by a session alone. Nothing is written: it goes on when the login is decided, or has ended.

        Raises `RequestRefused` where its provider has to be asked again, and as `handle_response` where it does not do for
        this request.
        """
        request, signed_in = login.request, session.signed_in
        self.answers.check_registered(request)
        provider = self._role.going(request, signed_in.provider_id, session.acts)
        if signed_in.judging != judging(provider):
            # What it vouched for may have been taken back: a level, or whose identifiers these are
            raise Replayed("policy_changed", "the identity provider's registration has changed since the session began")
        question = self._role.question(login.login, request.all_ticked, provider)
        does = signed_in.loa >= question.minimum_assurance and tells_enough(request.scoping, provider)
        # The provider said it to that body, and to no other
        # A session is of a person for themself: where another kind may sign in, too, they say again which they are
        does = does and question.persons == NATURAL_ALONE
        if request.force_authentication or not does or signed_in.speaks_as != question.speaks_as:
            raise RequestRefused("The person has to sign in anew for this.", oauth="login_required")
        when = signed_in.authenticated_at
        if request.max_age is not None and (not when or now - when > request.max_age):
            raise RequestRefused("The person signed in longer ago than max_age, or nobody knows.", oauth="login_required")
        if question.attributes or self._role.waits(request.all_ticked):
            # No session keeps a value, of whatever the citizen would tick
            raise RequestRefused("The purpose needs attributes, which only the country has.", oauth="interaction_required")
        decided = self._judged(login, provider, resumed(signed_in, login.login, now), language, now)
        if decided.decision.blocked:
            raise RequestRefused("A required attribute cannot be released.", oauth="interaction_required")
        decided = replace(decided, acts=session.acts, signed_in=signed_in, resumed=True)
        return self._recalled(decided, language, now, forced=False)

    def _judged(
        self, login: Requested | Asked, provider: IdentityProvider, assertion: Assertion, language: str, now: int
    ) -> Decided:
        """The policy's decision about a provider's word, before it is known whether a page asks."""
        speaks_as = login.expectation.speaks_as if isinstance(login, Asked) else ""
        # No session is of somebody who acts for another: whoever signs in next would be taken for that one
        judged = self._role.judge(login.request, provider, assertion, language, now)
        shares = login.request.shared is not None and judged.kind is PersonKind.NATURAL
        return Decided(
            login=login.login,
            began=login.began,
            end=judged.until(min(now + DECIDED_LIFE, login.began + LOGIN_LIFE)),
            request=login.request,
            provider_id=provider.provider_id,
            judged=judged,
            authenticated_at=assertion.authenticated_at,
            response=message_digest(assertion.issuer, assertion.response_id),
            assertion=message_digest(assertion.issuer, assertion.assertion_id),
            # The later of the login's end and the assertion's own
            marks_end=max(login.began + LOGIN_LIFE, assertion.not_on_or_after) + SKEW,
            path=self._role.path(login.request),
            earlier=None,
            deviations=assertion.deviations,
            authorities=assertion.authorities,
            signed_in=remembered(assertion, provider, speaks_as) if shares else None,
        )

    def _recalled(self, decided: Decided, language: str, now: int, *, forced: bool) -> Decided:
        """The same with what is remembered of an earlier approval, once it is for whom, and the hash of the page left."""
        recalled = decided if decided.judged.instead else self._role.recalled(decided, now, forced=forced)
        return recalled if recalled.shared is None else self._noticed(recalled, language)

    def reword(self, decided: Decided, language: str, now: int, *, whole: bool = False) -> Decided:
        """The same question in another language, or the `whole` page in place of one line. Nothing is written.

        The hash of what is shown is that of the new page. Raises what `decide` does for a release that cannot be.
        """
        self.answers.check_registered(decided.request)
        self._role.check_shown(decided)
        self.answers.check_releasable(decided, now)
        path = self._role.path(decided.request) if whole else decided.path
        return self._noticed(replace(speaking(decided, language), path=path), language)

    def acting(self, decided: Decided, choice: int, language: str, now: int) -> Decided:
        """The question about the one for whom the citizen chose to act, by the place on the page. Raises as `reword`."""
        acting = self.reword(decided.acting(choice), language, now)
        return self._recalled(acting, language, now, forced=decided.request.force_authentication)

    def forget(self, decided: Decided, language: str, now: int) -> Decided:
        """Forget the earlier approval, durably, and ask with the whole page. Raises as `reword`."""
        asking = replace(self.reword(decided, language, now, whole=True), earlier=None)
        if (rows := self._role.forgotten(decided, now)).written:
            commit_fresh(self._commits, Unit(tenant=self._tenant, approvals=rows))
        return asking

    def decide(self, decided: Decided, choice: Choice, secret: bytes, now: int) -> Released | WaitingAnswer:
        """The citizen's choice, as one unit: marks, record and what is parked. Durable before it returns.

        The answer waits for the citizen to go on (`Answers.go_on`), but for a release at a sending node, and one where an
        earlier approval counts.

        Raises `Replayed` where this login was decided otherwise or too long ago, `RequestRefused` where the
        choice names what was not offered, `ReleaseDenied` where a required attribute is denied, `PeerUnavailable` where
        nothing that the country's node vouches holds now, `Suspended` for a release (one that is asked again, too) where
        service or provider is switched off, `AllRevoked` where no answer can be made, `StoreUnavailable` where nothing
        could be written. In each of them nothing was released.
        """
        origin = decided.request.origin
        self.answers.check_registered(decided.request)
        self._role.check_shown(decided)
        # Before anything is written: nothing stands in the ledger that could not be sent
        self.answers.frontend(origin).check_answerable(origin, now, release=False)
        if choice.word == self._role.release_word(decided.path):
            return self._release(decided, choice, secret, now)
        if choice.shared or choice.word not in self._role.refusal_words(decided.path):
            raise RequestRefused("a choice that the page does not offer", code="other_site")
        record = self._role.refusal_record(decided, choice.word, now)
        onward = Onward(choice.word, decided.heard, record.record.hex(), request=decided.request, pressed=now)
        approvals = self._role.remembered(decided, choice, now)
        parked = (self.answers.parked(decided.login, onward, secret, now),)
        unit = Unit(tenant=self._tenant, record=record, approvals=approvals, parked=parked)
        first = self._commit(decided, choice, secret, now, unit, ONWARD_LIFE)
        return WaitingAnswer(decided.login, onward, secret, first=first)

    def cancel(self, login: Requested | Asked, now: int) -> WaitingAnswer:
        """The citizen went back before anybody signed them in: the marks of login and request alone.

        Nobody was authenticated, so nothing is recorded: else any visitor could grow the ledger without end.
        """
        origin = login.request.origin
        self.answers.check_registered(login.request)
        self.answers.frontend(origin).check_answerable(origin, now, release=False)
        secret = self._sealer.derive("cancel", login.login.encode(), at=login.began)
        onward = Onward(CANCEL, login.began, "", request=login.request, pressed=now)
        unit = Unit(
            tenant=self._tenant,
            marks=(
                login_mark(login.login, login.began + LOGIN_LIFE + SKEW),
                *_request_marks(origin, login.began),
            ),
            removed=request_rows(origin),
            parked=(self.answers.parked(login.login, onward, secret, now),),
            decision=DecisionRow(login_digest(login.login), Choice(CANCEL).digest(secret), now + ONWARD_LIFE),
        )
        first = commit_once(self._commits, self._decisions, unit, now)
        return WaitingAnswer(login.login, onward, secret, first=first)

    def _release(self, decided: Decided, choice: Choice, secret: bytes, now: int) -> Released | WaitingAnswer:
        if decided.judged.instead:
            raise RequestRefused("an answer to a question that was not asked yet", code="other_site")
        self.answers.check_releasable(decided, now)
        if not choice.shared <= (frozenset() if decided.shared is not None else set(decided.decision.optional)):
            raise RequestRefused("a box that the page does not have", code="other_site")
        chosen = choose(decided.decision, choice.shared if decided.shared is None else decided.shared)
        if chosen.blocked or self._role.short_of(decided):
            raise ReleaseDenied("what the purpose requires is denied, so nothing goes")
        # A box that may stay unticked on the page may be required by now
        going = replace(decided, judged=replace(decided.judged, decision=chosen))
        self._role.check_shown(going)
        frontend, login = self.answers.frontend(decided.request.origin), decided.login
        approvals = self._role.remembered(decided, choice, now)
        key, session = self.answers.session(decided, secret, now)
        record = self._role.release_record(decided, chosen, frontend.evidence(decided.request.origin), now)
        receipts = self._role.has_receipts
        onward = Onward(
            choice.word,
            decided.heard,
            record.record.hex(),
            decided=going,
            approved=_approved(decided, choice, now) if receipts else None,
            values_nonce=base64.b64encode(record.nonce("values")).decode() if receipts else "",
            pressed=now,
        )
        released = self.answers.released(login, onward, going, secret, session)
        browser = None
        if session is not None and decided.request.shared is not None:
            before = bytes.fromhex(decided.request.shared.session)
            left = b"" if before == session.session else before
            browser = BrowserSession(decided.request.shared.group, base64url(key), session.end, left)
        waits = receipts and decided.path not in BY_APPROVAL
        parked = (self.answers.parked(login, onward, secret, now),) if waits else frontend.parked(released, now)
        receipt = b""
        if receipts:
            held = CitizenReceipt(onward.record, onward.values_nonce)
            receipt = self.answers.receipt(login, onward, secret)
            parked = (*parked, self._sealer.park("receipt", receipt, RECEIPT.dump(held), now + RECEIPT_LIFE))
        if waits:
            phone = self.answers.phone(login, onward, secret)
            parked = (*parked, self._sealer.park(PHONE, phone, receipt, now + ONWARD_LIFE))
        unit = Unit(tenant=self._tenant, parked=parked, record=record, approvals=approvals, session=session)
        first = self._commit(decided, choice, secret, now, unit, ONWARD_LIFE if waits else ANSWER_LIFE)
        released = replace(released, record=record.record if first else b"", receipt=_text(receipt), session=browser)
        try:
            # Asked again: a commit may take seconds, and what was switched off, taken back or ended meanwhile is not sent
            self._role.going(decided.request, decided.provider_id, decided.acts)
            self._role.check_standing(decided, now)
            if session is not None:
                self.answers.session(decided, secret, now)
        except BrokerError:
            self.answers.not_sent(released, login, now)
            raise
        if not waits:
            return released
        return WaitingAnswer(login, onward, secret, released.receipt, browser, first)

    def _commit(self, decided: Decided, choice: Choice, secret: bytes, now: int, unit: Unit, life: int) -> bool:
        """Complete the unit with the marks and the row of the decision, and commit it once. Returns as `commit_once`."""
        whole = replace(
            unit,
            marks=(
                login_mark(decided.login, decided.marks_end),
                *_request_marks(decided.request.origin, decided.began),
                Mark("response", decided.response, decided.marks_end),
                Mark("assertion", decided.assertion, decided.marks_end),
            ),
            decision=DecisionRow(login_digest(decided.login), choice.digest(secret), now + life),
            removed=request_rows(decided.request.origin),
        )
        return commit_once(self._commits, self._decisions, whole, now)

    def _noticed(self, decided: Decided, language: str) -> Decided:
        """With the hash of what the page shows: one line shows only what went before."""
        shown = decided.decision if decided.shared is None else choose(decided.decision, decided.shared)
        notice = self._role.notice(decided.request, shown, language)
        return replace(decided, judged=replace(decided.judged, notice=notice))


def _request_marks(origin: Origin, began: int) -> tuple[Mark, ...]:
    """A request with an id is answered once: a second one of the same id meets this mark."""
    if not origin.message_id:
        return ()
    return (Mark("request", message_digest(origin.issuer, origin.message_id), began + REQUEST_LIFE),)


def _approved(decided: Decided, choice: Choice, now: int) -> Approved:
    """The approval, for a release that comes after it: `CityRole.remembered` keeps the same moment."""
    again = decided.earlier.given if decided.shared is not None and decided.earlier else 0
    given = now if choice.remember else again
    judged = decided.judged
    return Approved(judged.subject, given, judged.policy, judged.notice, decided.stop, judged.transfer)


def _text(handle: bytes) -> str:
    return base64url(handle) if handle else ""
