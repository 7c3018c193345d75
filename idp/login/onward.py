"""The second half of a login: the citizen decided, it is recorded, and the answer is made when they go on (decision 0074).

What the answer is made of lies parked for five minutes under the secret of this browser's Strict cookie. Whoever goes on
has that cookie. What was switched off, withdrawn or changed since the decision is not sent, and the record says so.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from idp.ledger.ledger_keys import framed, mac
from idp.login.finish import commit_once, login_digest, unsent_unit
from idp.login.frontend import Frontend, Frontends
from idp.login.role import Role
from idp.login.sealing import LoginId, Sealer
from idp.login.states import (
    ANSWER_LIFE,
    ONWARD,
    ONWARD_LIFE,
    Decided,
    Grant,
    Onward,
    Refused,
    Released,
)
from idp.ports import Commits, DecisionRow, Decisions, Mark, ParkedRow, SessionRow, Unit
from policies.authentication import Origin, ServiceRequest
from policies.errors import BrokerError, Conflict, NotFound, Replayed, RequestRefused, Suspended
from policies.parties import Tenant

KIND, PHONE, PHONE_BYTES = "onward", "phone", 16
# What cannot be sent any more, however often the citizen tries
FINAL = (Replayed, RequestRefused, Suspended, NotFound)


class Answers:
    """One tenant's. Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        role: Role,
        frontends: Frontends,
        sealer: Sealer,
        commits: Commits,
        decisions: Decisions,
        reference: Callable[[str], str],
    ) -> None:
        self._tenant = tenant
        self._role = role
        self._frontends = frontends
        self._sealer = sealer
        self._commits = commits
        self._decisions = decisions
        self._reference = reference

    def frontend(self, origin: Origin) -> Frontend:
        """The frontend that received a request. Raises `RequestRefused` where it is no longer served."""
        found = self._frontends.get(origin.frontend)
        if found is None:
            raise RequestRefused("a request in a protocol that is not served any more")
        return found

    def check_registered(self, request: ServiceRequest) -> None:
        """Raises `RequestRefused` where the service, its purpose or its address is registered no more."""
        self._role.check_registered(request)
        self.frontend(request.origin).check_registered(request.origin)

    def check_releasable(self, decided: Decided, now: int) -> None:
        """Raises as `Broker.decide` does for a release that cannot be."""
        self._role.going(decided.request, decided.provider_id, decided.acts)
        self._role.check_approvable(decided, now)
        self.frontend(decided.request.origin).check_answerable(decided.request.origin, now, release=True)

    def session(self, decided: Decided, secret: bytes, now: int) -> tuple[bytes, SessionRow | None]:
        """The handle of the session that a release leaves in the browser, and its row; None where there is none."""
        handle = self._sealer.derive("session", decided.login.encode(), secret, at=decided.heard)
        return handle, self.frontend(decided.request.origin).session(decided, handle, now)

    def parked(self, login: LoginId, onward: Onward, secret: bytes, now: int) -> ParkedRow:
        """The row of what the answer is made of, for whoever has the cookie's secret."""
        return self._sealer.park(KIND, _handle(login, secret), ONWARD.dump(onward), now + ONWARD_LIFE)

    def receipt(self, login: LoginId, onward: Onward, secret: bytes) -> bytes:
        """The handle of the citizen's receipt in this browser."""
        return self._sealer.derive("receipt", login.encode(), secret, at=onward.at)

    def phone(self, login: LoginId, onward: Onward, secret: bytes) -> bytes:
        """The handle by which another device may have that receipt, once."""
        return self._sealer.derive(PHONE, login.encode(), secret, at=onward.at)[:PHONE_BYTES]

    def kept(self, login: LoginId, secret: bytes, now: int) -> Onward:
        """This browser's decision that has not gone on yet. Raises `Replayed` where there is nothing, or no more."""
        handle = _handle(login, secret)
        try:
            row = self._decisions.parked(self._tenant, KIND, hashlib.sha256(handle).digest(), now)
            return ONWARD.load(self._sealer.unpark(KIND, handle, row, now))
        except NotFound as error:
            raise Replayed("login_ended", "nobody may go on with this login any more", code="login_ended") from error

    def check_waits(self, login: LoginId, now: int) -> None:
        """Raises `Replayed` where somebody went on in the last minute."""
        if self._decisions.decision(self._tenant, _digest(login), now) is not None:
            raise Replayed("decided", "whoever went on reads no more what will go")

    def released(
        self, login: LoginId, onward: Onward, decided: Decided, secret: bytes, session: SessionRow | None
    ) -> Released:
        """The release that the frontend makes its answer of."""
        record = bytes.fromhex(onward.record)
        grant = Grant(
            origin=decided.request.origin,
            purpose_id=decided.request.purpose_id,
            provider_id=decided.provider_id,
            sub=decided.judged.sub,
            loa=decided.judged.loa,
            context=decided.judged.context,
            authenticated_at=decided.authenticated_at,
            attributes=decided.decision.released,
            record=onward.record if onward.values_nonce else "",
            values_nonce=onward.values_nonce,
            reference=self._reference(login),
            acts=decided.acts,
            approved=onward.approved,
            sid=session.sid if session is not None else "",
            authorities=self._role.vouchers(decided),
            decided=onward.pressed,
            left_out=() if self._role.has_receipts else decided.decision.left_out,
            kind=decided.judged.kind,
            named_by=decided.judged.named_by,
        )
        return Released(grant, self.key(login, onward, secret), record=record)

    def go_on(self, login: LoginId, onward: Onward, secret: bytes, now: int) -> Released | Refused:
        """The citizen goes on with what is `kept`: the answer is theirs to bring, and the same for a minute from here.

        Raises as `Broker.decide`, and `Replayed` after that minute. What can never be sent any more is recorded as unsent.
        """
        if self._decisions.unsent(self._tenant, login_digest(login), now):
            raise Replayed("decided", "the record says that nothing left for this login")
        try:
            ended, session = self._made(login, onward, secret, now)
        except FINAL:
            with suppress(Conflict):  # it was said already, or somebody went on before this
                self._unsent(login, onward, now, _mark(login, now))
            raise
        parked: tuple[ParkedRow, ...] = ()
        if isinstance(ended, Released):
            parked = self.frontend(onward.asked.origin).parked(ended, now)
        went = DecisionRow(_digest(login), mac(secret, b"onward"), now + ANSWER_LIFE)
        unit = Unit(tenant=self._tenant, marks=(_mark(login, now),), decision=went, parked=parked, session=session)
        first = commit_once(self._commits, self._decisions, unit, now)
        try:
            # Asked again: a commit may take seconds, and what was switched off or taken back meanwhile is not sent
            self._made(login, onward, secret, now)
        except BrokerError:
            if first:
                self._unsent(login, onward, now)
            raise
        return ended if first else replace(ended, record=b"")

    def not_sent(self, ended: Released | Refused, login: LoginId, now: int) -> None:
        """Record, once, that a recorded release could not be answered."""
        if ended.record:
            origin = ended.grant.origin if isinstance(ended, Released) else ended.origin
            record = self._role.unsent_record(origin, ended.record, now)
            self._commits.commit(unsent_unit(self._tenant, login, record, ONWARD_LIFE, now))

    def key(self, login: LoginId, onward: Onward, secret: bytes) -> bytes:
        """The same browser and choice get the same answer, and nobody else can compute it."""
        return self._sealer.derive("answer", login.encode(), secret, at=onward.at)

    def _made(
        self, login: LoginId, onward: Onward, secret: bytes, now: int
    ) -> tuple[Released | Refused, SessionRow | None]:
        """The answer's content as far as it holds now, and the row of the session that it rests on."""
        self.check_registered(onward.asked)
        decided, origin = onward.decided, onward.asked.origin
        if decided is None:
            self.frontend(origin).check_answerable(origin, now, release=False)
            return Refused(origin, self.key(login, onward, secret), bytes.fromhex(onward.record)), None
        self.check_releasable(decided, now)
        self._role.check_shown(decided)
        self._role.check_standing(decided, now)
        _, session = self.session(decided, secret, now)
        # The decision began it: if it has ended since, nothing goes
        joined = None if session is None else replace(session, joined=True)
        return self.released(login, onward, decided, secret, session), joined

    def _unsent(self, login: LoginId, onward: Onward, now: int, *marks: Mark) -> None:
        if onward.record:
            record = self._role.unsent_record(onward.asked.origin, bytes.fromhex(onward.record), now)
            unit = unsent_unit(self._tenant, login, record, ONWARD_LIFE, now)
            self._commits.commit(replace(unit, marks=marks))


def _handle(login: LoginId, secret: bytes) -> bytes:
    return mac(secret, framed(KIND.encode(), login.encode()))


def _digest(login: LoginId) -> bytes:
    return hashlib.sha256(framed(KIND.encode(), login.encode())).digest()


def _mark(login: LoginId, now: int) -> Mark:
    return Mark(KIND, _digest(login), now + ONWARD_LIFE + ANSWER_LIFE)
