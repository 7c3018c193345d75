"""The short session of the citizen's page: ten minutes after a sign-in for it, in one browser.

The browser has a random handle in the cookie `__Host-me` (Strict). Under its digest the database has a row that only the
handle opens: the person's keyed index in the ledger, the level of the sign-in, and by whom it was. It is not the session of
any service, and no such session opens it.
"""

import hashlib
from dataclasses import dataclass, field, replace
from os import urandom

from connectors.signatures.jws import base64url, read_handle
from idp.citizen.own_page import SERVICE
from idp.citizen.register_words import RegisterWord
from idp.ledger.leaf import subject_index
from idp.login.ended_persons import ended_row
from idp.login.finish import login_mark
from idp.login.identity_links import LinkedIdentity
from idp.login.sealing import KEY_BYTES, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import Decided
from idp.login.suspension import Suspension
from idp.ports import ENDED, Commits, Mark, Parked, ParkedRow, Unit
from policies.assurance import LevelOfAssurance
from policies.errors import Conflict, NotFound, Replayed
from policies.parties import IdentityProvider, ProviderId, PurposeId, RegisterId, Tenant

KIND = "me"
VISIT_LIFE = 10 * 60
MOMENT_BYTES = 8
NO_PURPOSE = PurposeId("")


@dataclass(frozen=True, slots=True)
class OwnPageVisit:
    """A visit: its own random name, the person, the level of the sign-in, and its end.

    `acts`: what was switched off since ends it. `beside` names the visit in whose browser an earlier identity signed in; ""
    of a visit to the page itself. `identity` is for a link alone. Where a register was asked, `purpose_id` says under which
    purpose, and `asker` for whom. Then `identity` is what it said, and None where nothing of that counts.
    """

    name: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    loa: LevelOfAssurance
    provider_id: ProviderId
    country: str
    acts: int
    end: int
    beside: str = field(default="", repr=False)
    identity: LinkedIdentity | None = field(default=None, repr=False)
    purpose_id: PurposeId = NO_PURPOSE
    asker: bytes = field(default=b"", repr=False)

    @property
    def called(self) -> str:
        """Its name in text."""
        return base64url(self.name)


_CODEC = Codec(OwnPageVisit, plain=NEVER_DEFLATED)


class OwnPageVisits:
    """One tenant's. Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        index_key: bytes,
        sealer: Sealer,
        commits: Commits,
        parked: Parked,
        suspension: Suspension,
    ) -> None:
        self._tenant, self._sealer, self._commits, self._parked = tenant, sealer, commits, parked
        self._index_key, self._suspension = index_key, suspension

    def begin(self, decided: Decided, provider: IdentityProvider, word: RegisterWord | None, now: int) -> str:
        """The handle of a new session. The country's answer is used up by it. Raises `Replayed`."""
        handle = urandom(KEY_BYTES)
        visit = OwnPageVisit(
            name=urandom(KEY_BYTES),
            subject=decided.judged.subject,
            loa=decided.judged.loa,
            provider_id=decided.provider_id,
            country=provider.country,
            acts=decided.acts,
            end=now + VISIT_LIFE,
            beside=decided.request.origin.protocol,
            identity=decided.judged.identity,
        )
        if word is not None:
            named = word.earlier and (word.earlier.namespace, word.earlier.identifier)
            subject = subject_index(self._index_key, self._tenant, *named) if named else visit.subject
            visit = replace(visit, subject=subject, loa=word.loa, country=word.country, identity=word.earlier)
            visit = replace(visit, purpose_id=word.purpose_id, asker=word.asker)
        unit = Unit(
            tenant=self._tenant,
            marks=(
                login_mark(decided.login, decided.marks_end),
                Mark("response", decided.response, decided.marks_end),
                Mark("assertion", decided.assertion, decided.marks_end),
            ),
            parked=(self._sealer.park(KIND, handle, _CODEC.dump(visit), visit.end),),
        )
        try:
            self._commits.commit(unit)
        except Conflict as error:
            raise Replayed("decided", f"the mark of the {error.kind} is taken") from error
        return base64url(handle)

    def of(self, text: str, now: int) -> OwnPageVisit:
        """The session under a cookie's text. Raises `NotFound` where none lives."""
        handle = _handle(text)
        payload = self._parked.parked(self._tenant, KIND, hashlib.sha256(handle).digest(), now)
        visit = _CODEC.load(self._sealer.unpark(KIND, handle, payload, now))
        if self._left(visit, now):
            raise NotFound("another visit of the person has ended this one")
        return visit

    def _left(self, visit: OwnPageVisit, now: int) -> bool:
        try:
            ended = self._parked.parked(self._tenant, ENDED, ended_row(SERVICE, visit.subject.hex(), now).digest, now)
        except NotFound:
            return False
        return visit.end - VISIT_LIFE <= int.from_bytes(ended[:MOMENT_BYTES]) and ended[MOMENT_BYTES:] != visit.name

    def stands(self, visit: OwnPageVisit, provider: IdentityProvider | None, *registers: RegisterId) -> bool:
        """Whether whoever vouched for the person was not switched off since, nor one of these registers."""
        off = self._suspension.register_off(*registers, acts=visit.acts)
        return not (off or self._suspension.ended(SERVICE, provider, visit.acts))

    def end(self, text: str) -> None:
        """The session is over, in whatever browser its handle lies."""
        try:
            digest = hashlib.sha256(_handle(text)).digest()
        except NotFound:
            return
        self._commits.commit(Unit(tenant=self._tenant, removed=(digest,)))


def others_end(visit: OwnPageVisit, now: int) -> ParkedRow:
    """The row that ends all visits of the same person that began until now, but for this one."""
    row = ended_row(SERVICE, visit.subject.hex(), now)
    return replace(row, payload=row.payload + visit.name, end=now + VISIT_LIFE)


def _handle(text: str) -> bytes:
    if not (handle := read_handle(text, KEY_BYTES)):
        raise NotFound("no handle of a session of the citizen's page")
    return handle
