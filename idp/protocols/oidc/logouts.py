"""Ends sessions, and tells the services that took part (Back-Channel Logout 1.0 §2, Front-Channel Logout 1.0 §2).

A service with a `backchannel_logout_uri` gets a logout token: a JWT that names the session as it knows it (`sid`), and
nobody. It waits in a durable queue until the service takes it (`idp.store.logout_queue`). Each try has a token of its own,
so a service that took one and could not say so takes the next, too. A service with a `frontchannel_logout_uri` alone is
called by the citizen's browser, on our page. A service that speaks SAML gets a LogoutRequest, out of the same queue.
"""

import secrets
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.logout_token import EVENT
from connectors.signatures.jws import base64url, sign
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.login.sessions import Sessions
from idp.login.suspension import Suspension
from idp.store.logout_queue import LEASE, LogoutQueue, QueuedLogout
from idp.store.sessions import EndedParticipant
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import BrokerError, StoreUnavailable
from policies.parties import ClientId, IdentityProvider, ProviderId, RelyingParty, Tenant

# §4: preferably at most two minutes
TOKEN_LIFE = 120
JTI_BYTES = 16
# What a service has to answer in, and how much of its answer is read
POST_SECONDS, MAX_ANSWER = 5.0, 64 * 1024
# How long the citizen's page waits for the services: then it says which of them have not answered
PAGE_SECONDS = 1.5
AT_WORK = 16
TAKEN = frozenset({200, 204})


class Outcome(StrEnum):
    """The outcome of a service's session, as far as we know."""

    ENDED = "ended"  # it took the logout token
    WAITING = "waiting"  # it has not taken it yet, and is told again
    FRAMED = "framed"  # the citizen's browser calls it on our page
    UNREACHED = "unreached"  # it takes no word of ours
    VISIT = "visit"  # the citizen's browser can bring our word there
    SOURCE = "source"  # a provider upstream: the citizen may choose to sign out there, too
    ASKED = "asked"  # an OpenID provider sent the browser back, and says no more
    UNKNOWN = "unknown"  # the browser brought it there, and no answer that holds says that all ended
    ITSELF = "itself"  # it sent the citizen


# Nothing is left to do there
OVER = frozenset({Outcome.ENDED, Outcome.ITSELF})


@dataclass(frozen=True, slots=True)
class SignedOut:
    """One service after a logout. `sid` is its name of the session, `frame` the address that our page calls, or ""."""

    client_id: ClientId
    outcome: Outcome
    sid: str = field(repr=False)
    frame: str = field(default="", repr=False)


class Logouts:
    """One tenant's, for one configuration. `count` is told of each try: taken, failed or given_up.

    `otherwise` tells a service that speaks SAML of the end of its session, and any service of a person's act. It returns
    why the service did not take it, or "".
    """

    def __init__(
        self,
        *,
        issuer: str,
        parties: Mapping[ClientId, RelyingParty],
        providers: Mapping[ProviderId, IdentityProvider],
        signers: Mapping[str, Signers],
        sessions: Sessions,
        queue: LogoutQueue,
        suspension: Suspension,
        fetcher: Fetcher,
        otherwise: Callable[[RelyingParty, str, int], str],
        count: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self.issuer, self.parties, self.signers = issuer, parties, signers
        self.sessions, self._providers, self._queue = sessions, providers, queue
        self._suspension, self._fetcher, self._count = suspension, fetcher, count
        self._otherwise = otherwise
        self._swept = -1
        # Of all citizens who sign out now, together
        self._places = threading.BoundedSemaphore(AT_WORK)

    def sign_out(self, names: Collection[bytes], by: ClientId | None, now: int) -> tuple[SignedOut, ...]:
        """End sessions, tell their services, and say what is known after `PAGE_SECONDS`. `by` is who asked for it."""
        # They are ours to send until another worker may
        ended = self.sessions.stored.end(names, now, told=partial(self._told, by), due=now + LEASE)
        waiting = [one for one in ended if one.logout]
        entries = [QueuedLogout(one.logout, one.client_id, one.sid, now, 0, None, "") for one in waiting]
        taken = self._sent(entries, now)
        return tuple(self._said(one, by, taken) for one in ended)

    def _told(self, by: ClientId | None, client_id: ClientId) -> bool:
        """Of SAML, who asks has ended its own session, and hears of the others in its answer (Core 2.0 §3.7.3.2)."""
        party = self.parties.get(client_id)
        asked = party is not None and party.saml is not None and client_id == by
        return self.sessions.told(client_id) and not asked

    def step(self, now: int) -> None:
        """One look of the background: sessions that a switch ended, all tokens that are due. Raises `StoreUnavailable`."""
        if self._swept != (acts := self._suspension.acts):
            self._sweep(now)
            self._swept = acts
        began, failing, under_way = time.monotonic(), set[ClientId](), dict[Future[bool], ClientId]()
        with ThreadPoolExecutor(AT_WORK, thread_name_prefix="logout") as pool:
            while True:
                busy = {*under_way.values()} | failing
                taken = self._queue.take(now, busy, AT_WORK - len(under_way)) if len(under_way) < AT_WORK else ()
                for one in taken:
                    moment = now + int(time.monotonic() - began)
                    under_way[pool.submit(self._attempt, one, moment)] = one.client_id
                if not under_way:
                    return
                if not taken:
                    # A service that does not take one waits for the next look with the rest
                    for sent in wait(under_way, return_when=FIRST_COMPLETED).done:
                        client = under_way.pop(sent)
                        if not sent.result():
                            failing.add(client)

    def _sweep(self, now: int) -> None:
        """A source that is off vouches for nobody, and a service that is off takes part in nothing and is told nothing."""
        known, stored = self._providers, self.sessions.stored
        off = [
            name for name in stored.providers() if name not in known or self._suspension.source_off(known[ProviderId(name)])
        ]
        if off:
            self.sessions.end(stored.of_providers(off), now)
        gone = [
            name for name in stored.participants() if name not in self.parties or self._suspension.party_off(ClientId(name))
        ]
        if gone:
            stored.leave(gone)

    def _sent(self, entries: Sequence[QueuedLogout], now: int) -> frozenset[bytes]:
        """Send at once, each in a thread of its own, and wait for them for a while. Returns what was taken by then.

        What there is no place for is due when its lease is over: the courier sends it.
        """
        taken: set[bytes] = set()

        def send(one: QueuedLogout) -> None:
            try:
                if self._attempt(one, now):
                    taken.add(one.logout)
            finally:
                self._places.release()

        threads: list[threading.Thread] = []
        for one in entries:
            if not self._places.acquire(blocking=False):
                break
            thread = threading.Thread(target=send, args=(one,), name="logout", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine gives no more
                self._places.release()
                break
            threads.append(thread)
        end = time.monotonic() + PAGE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return frozenset(taken.copy())

    def _attempt(self, one: QueuedLogout, now: int) -> bool:
        """Send one token, and note how it went. Returns whether the service took it."""
        failed = self._failure(one, now)
        try:
            if not failed:
                self._queue.done(one)
                self._count("taken")
                return True
            self._count("given_up" if self._queue.failed(one, failed, now) else "failed")
        except StoreUnavailable:
            pass  # its lease ends, and it is sent again
        return not failed

    def _failure(self, one: QueuedLogout, now: int) -> str:
        """Send one token. Returns why it was not taken, "" where it was: a check of ours or a status, no text of theirs."""
        party = self.parties.get(one.client_id)
        if party is None:
            return "unregistered"
        choices = party.openid.logout
        if not (choices.events_uri if one.record else party.saml or choices.backchannel_logout_uri):
            return "unregistered"
        try:
            if self._suspension.party_off(one.client_id):
                return "suspended"
            if one.record or party.saml is not None:
                return self._otherwise(party, one.sid, now)
            answer = self._fetcher.post(
                choices.backchannel_logout_uri,
                {"logout_token": self._token(party, one.sid, now)},
                networks=choices.backchannel_networks,
                limit=MAX_ANSWER,
                timeout=POST_SECONDS,
            )
        except FetchError as error:
            return error.check
        except BrokerError as error:
            return error.code
        return "" if answer.status in TAKEN else f"status {answer.status}"

    def _token(self, party: RelyingParty, sid: str, now: int) -> str:
        """Back-Channel Logout §2.4. No `sub`: whose session it was, `sid` says to the service and to nobody else."""
        claims: dict[str, Json] = {
            "iss": self.issuer,
            "aud": party.client_id,
            "iat": now,
            "exp": now + TOKEN_LIFE,
            "jti": base64url(secrets.token_bytes(JTI_BYTES)),
            "events": {EVENT: {}},
            "sid": sid,
        }
        return sign(claims, self.signers[party.id_token_alg].at(now), alg=party.id_token_alg, typ="logout+jwt")

    def _said(self, one: EndedParticipant, by: ClientId | None, taken: Collection[bytes]) -> SignedOut:
        if one.logout and one.logout in taken:
            return SignedOut(one.client_id, Outcome.ENDED, one.sid)
        if one.client_id == by:
            return SignedOut(one.client_id, Outcome.ITSELF, one.sid)
        if one.logout:
            return SignedOut(one.client_id, Outcome.WAITING, one.sid)
        party = self.parties.get(one.client_id)
        if party is None or not party.openid.logout.frontchannel_logout_uri:
            return SignedOut(one.client_id, Outcome.UNREACHED, one.sid)
        address = party.openid.logout.frontchannel_logout_uri
        query = urllib.parse.urlencode({"iss": self.issuer, "sid": one.sid})
        frame = f"{address}{'&' if '?' in address else '?'}{query}"
        return SignedOut(one.client_id, Outcome.FRAMED, one.sid, frame)


# The courier: a thread that sends what services have still to hear, in the worker that holds the ledger's lease.
#
# While no worker holds it, all look: an entry of the queue is taken by one at a time.

LOOK_SECONDS = 1.0
# The end of the process does not wait for a service that does not answer: its token stays due
STOP_SECONDS = 1.0


class Courier(Repeated):
    """Does what is due every second until `stop`. `elsewhere` says whether another worker does."""

    def __init__(self, step: Callable[[], None], *, elsewhere: Callable[[], bool], tenant: Tenant) -> None:
        super().__init__("logout-courier", LOOK_SECONDS, STOP_SECONDS)
        self._step, self._elsewhere, self._tenant = step, elsewhere, tenant
        self._said = ""

    def step(self) -> None:
        """One look, unless another worker does it. A failure is logged once."""
        if self._elsewhere():
            return
        try:
            self._step()
            self._said = ""
        except Exception as error:  # noqa: BLE001  a thread that died would tell nobody of a logout again
            self._say(error.detail if isinstance(error, BrokerError) else type(error).__name__)

    def _say(self, what: str) -> None:
        if self._said != what:
            self._said = what
            with suppress(Exception):  # the log itself may fail
                log_of(self._tenant).warning("logouts_failed", detail=what, fix="Look at the database.")
