"""How a login ends, once: what was pressed, the marks that the end takes, and the same answer for the same choice.

Approve, refuse and cancel are one shape of unit (decision 0000.1); while its row lives the same browser and choice get the
same end, and any other is refused (decision 0000.8). Both roles end their logins so.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace

from idp.ledger.ledger_keys import mac
from idp.login.sealing import LoginId
from idp.ports import APPROVAL, UNSENT, Commits, Decisions, Mark, ParkedRow, RecordDraft, Unit
from policies.attributes import AttributeName
from policies.authentication import Origin
from policies.errors import Conflict, Replayed
from policies.parties import Tenant

# saml2int's skew (spec: three to five minutes): a mark outlives the assertion by it
SKEW = 180
MARK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """The citizen's choice: the button's word, the optional attributes that they ticked, and whether to remember that."""

    word: str
    shared: frozenset[AttributeName] = frozenset()
    remember: bool = False

    def digest(self, secret: bytes) -> bytes:
        """A digest that only the same choice in the same browser gives again (decision 0000.8)."""
        text = "\n".join([self.word, *(["+remember"] if self.remember else []), *sorted(self.shared)])
        return mac(secret, b"choice\n" + text.encode())


def commit_once(commits: Commits, decisions: Decisions, unit: Unit, now: int) -> bool:
    """Commit; where the login was decided already, the same choice within its minute passes, any other is `Replayed`.

    Returns whether this unit is the one that is written, with its record. In a session that has ended since, the same
    choice is `Replayed`, too: whoever goes back in the browser after a logout is not signed in again.

    It passes when a mark of its own is durable. The first answer may have been lost because its COMMIT still waited for a
    standby, and then what is decided stands on one disk alone; this one is behind it and waits as long.
    """
    try:
        commits.commit(unit)
    except Conflict as error:
        if unit.decision is None:
            raise
        before = decisions.decision(unit.tenant, unit.decision.login, now)
        if before is None or not secrets.compare_digest(before.choice, unit.decision.choice):
            check = "approval_ended" if error.kind == APPROVAL else "decided"
            raise Replayed(check, f"the {error.kind} is taken, or changed") from error
        if decisions.unsent(unit.tenant, unit.decision.login, now):
            raise Replayed("decided", "the record says that nothing left for this login") from error
        again = Mark("again", secrets.token_bytes(MARK_BYTES), before.end)
        session = None if unit.session is None else replace(unit.session, joined=True)
        try:
            commits.commit(Unit(tenant=unit.tenant, marks=(again,), session=session))
        except Conflict as ended:
            raise Replayed("session_ended", "the session of this sign-in was ended since") from ended
        return False
    return True


def commit_fresh(commits: Commits, unit: Unit) -> None:
    """Commit what rests on an approval. Raises `Replayed` where that changed since it was read."""
    try:
        commits.commit(unit)
    except Conflict as error:
        raise Replayed("approval_ended", "an approval that changed since it was read") from error


def unsent_unit(tenant: Tenant, login: LoginId, record: RecordDraft, life: int, now: int) -> Unit:
    """The event that nothing left for this login. With it the same choice gets no answer: the record would be untrue."""
    return Unit(tenant=tenant, parked=(ParkedRow(UNSENT, login_digest(login), b"", now + life),), record=record)


def login_digest(login: LoginId) -> bytes:
    """The digest by which the store knows a login."""
    return hashlib.sha256(login.encode()).digest()


def login_mark(login: LoginId, end: int) -> Mark:
    """The mark that whoever ends this login takes."""
    return Mark("login", login_digest(login), end)


def request_rows(origin: Origin) -> tuple[bytes, ...]:
    """The row under which a request with an id lies with us, where it does: with the answer it goes."""
    return (message_digest(origin.issuer, origin.message_id),) if origin.message_id else ()


def message_digest(issuer: str, identifier: str) -> bytes:
    """The digest by which a mark knows a message: SHA-256 over (issuer, id)."""
    return hashlib.sha256(message_octets(issuer, identifier)).digest()


def message_octets(issuer: str, identifier: str) -> bytes:
    """Issuer and id of a message as octets: two issuers' ids never meet."""
    name = issuer.encode()
    return len(name).to_bytes(4) + name + identifier.encode()
