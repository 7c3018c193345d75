"""Every error that the broker raises on purpose, sorted by whose move it is.

The class says who can mend it. `code` is stable and documented. `public` is one sentence for a person. `detail` goes to the
log with the login's reference, and names checks, parties and sizes. Neither holds an attribute value, a token or a piece of
a message. `peer` is the id of a party, provider or node in our configuration, never a name that a request brought.
`reference` is the login's, where no request led to the error. `used_up` says that what an answer brought was redeemed
before it failed, so that it does no second time.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType


class BrokerError(Exception):
    """The base of all: `code`, `public`, `detail`, `peer` and `reference` as the module's docstring has them."""

    code = "internal"
    public = "Something went wrong on our side."
    peer = ""
    reference = ""
    used_up = False

    def __init__(self, detail: str = "", *, code: str | None = None, public: str | None = None) -> None:
        super().__init__(detail)
        self.code = code or type(self).code
        self.public = public or type(self).public
        self.detail = detail


class about(AbstractContextManager[None]):  # noqa: N801 - called as a function is
    """Say of an error whom it is about, unless somebody nearer has said so: `source` of one of its `kinds`, else `peer`."""

    # A class and no generator: a login enters six, and leaves all but few without an error
    __slots__ = ("_kinds", "_peer", "_source")

    def __init__(self, peer: str, source: str = "", *kinds: type[BrokerError]) -> None:
        self._peer, self._source, self._kinds = peer, source, kinds

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, BrokerError):
            source = self._source if isinstance(error, self._kinds) else ""
            error.peer = error.peer or source or self._peer


@contextmanager
def redeeming() -> Iterator[None]:
    """Say of an error that it comes after what an answer brought was redeemed."""
    try:
        yield
    except BrokerError as error:
        error.used_up = True
        raise


class RequestRefused(BrokerError):
    """The relying party's move: its request is malformed, or asks for what is not registered.

    `oauth` is the error code of RFC 6749 / OpenID Connect Core that a verified redirect address or the token endpoint
    gets; `redirectable` is False until client and redirect address have been verified.
    """

    code = "request_refused"
    public = "The service that sent you here made a request that we cannot accept. Its operator can mend this."

    def __init__(
        self,
        detail: str = "",
        *,
        oauth: str = "invalid_request",
        status: int = 400,
        code: str | None = None,
        public: str | None = None,
    ) -> None:
        super().__init__(detail, code=code, public=public)
        self.oauth = oauth
        self.status = status


class AssertionRejected(BrokerError):
    """The identity provider's move. `check` is the stable name of the check that failed.

    `deviation` names the one of `policies.deviations` by which the message failed and whose failures are counted, else "".
    """

    code = "assertion_rejected"
    public = "The answer of your country's sign-in service could not be accepted. Please start again at the service."

    def __init__(self, check: str, detail: str = "", *, code: str | None = None, public: str | None = None) -> None:
        super().__init__(detail or check, code=code, public=public)
        self.check = check
        self.deviation = ""


class SignatureInvalid(AssertionRejected):
    """The message is not signed by whom we asked, in the way that its profile allows."""

    code = "signature_invalid"


class AssuranceTooLow(AssertionRejected):
    """The level of assurance is unknown, or below what was asked. `reached` is its label; "" where nobody knows it."""

    code = "assurance_too_low"
    public = "The sign-in method that you used is not strong enough for this service. Use a stronger one, if you have one."

    def __init__(self, check: str, detail: str = "", *, reached: str = "") -> None:
        super().__init__(check, detail)
        self.reached = reached


class AuthenticationFailed(AssertionRejected):
    """The identity provider says itself that it did not authenticate: the citizen stopped, or it could not."""

    code = "authentication_failed"
    public = "Your country's sign-in service did not sign you in. You can start again at the service."


class Replayed(AssertionRejected):
    """A thing for one use was used before, or its login is not alive in this browser."""

    code = "replayed"
    public = "This sign-in has ended, or began in another browser. Please start again at the service that you came from."


class OtherPerson(AssertionRejected):
    """The citizen's move: the service asked for a certain person to sign in again, and somebody else did."""

    code = "other_person"
    public = "This service asked for the person who used it before, and you are somebody else. Start again at the service."


class PersonNotTaken(AuthenticationFailed):
    """The citizen's move: the service takes other kinds of person, or whoever acts for another lacks the mandate.

    `helper` has the register that was asked for whom they may act, who answers for it, and how to reach that one.
    """

    helper: tuple[Mapping[str, str], Mapping[str, str], str] | None = None
    code = "person_not_taken"
    public = "This service does not take this sign-in: for whom you act, or your mandate, does not fit. Nothing was shared."


class ErasureRefused(BrokerError):
    """The citizen's or an officer's move: an erasure that is not begun or not withdrawn."""

    code = "erasure_refused"
    public = "Your data are not erased. Sign in again with the same identity, at the highest level that you ever used here."


class GrantRefused(BrokerError):
    """The auditor's move: they may not open this. Whoever needs it asks two officers for a grant."""

    code = "grant_refused"
    public = "This is not open to you. Two officers can grant it."


class ReleaseDenied(BrokerError):
    """The policy's or the citizen's move: a required attribute cannot be released."""

    code = "release_denied"
    public = "What this service needs cannot be passed on, so you cannot continue."


class Conflict(BrokerError):
    """A one-time mark was already taken. `kind` is the kind of the mark that was lost."""

    code = "conflict"
    public = "This was already done. Please start again at the service that you came from."

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail or kind)
        self.kind = kind


class NotFound(BrokerError):
    """The store holds nothing (or nothing alive) under this handle."""

    code = "not_found"
    public = "What you are looking for is not here, or has ended."


class StoreUnavailable(BrokerError):
    """The database is read-only, locked or full: the operator's move; trying again later is right."""

    code = "store_unavailable"
    public = "We cannot record anything at the moment, so nothing was passed on. Please try again in a few minutes."


class Closed(StoreUnavailable):
    """Nothing would be recorded, as is known beforehand: the ledger is halted, or the database was restored lately."""


class AllRevoked(StoreUnavailable):
    """No key of a kind is left: known, and not that nobody could be asked, where a set without keys would be a lie."""

    code = "keys_revoked"
    public = "A key that this needs was withdrawn, and there is no new one yet. Please try again later."


class KeysUnavailable(StoreUnavailable):
    """The token that holds a key does not serve: the operator's move. `detail` says which token, and what to do."""

    code = "keys_unavailable"
    public = "The device that holds a key of ours does not answer, so nothing was passed on. Please try again later."


def is_of_database(error: Exception) -> bool:
    """Whether the database may be the cause, and not that something which it answers is not there."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, AllRevoked | KeysUnavailable)


class Overloaded(BrokerError):
    """More comes than can be done: nobody's move but time's. What was turned away has changed nothing."""

    code = "busy"
    public = "Too many people are signing in at this moment. Please try again in a minute."


class TooManyRequests(BrokerError):
    """One address, party or node asks more often than its limit. `limit` names which; `seconds` is when it may again."""

    code = "too_many"
    public = "Too many requests came from your network, or for this service. Please wait a minute, and try again."

    def __init__(self, limit: str, seconds: int = 60) -> None:
        super().__init__(f"more than the limit {limit} takes")
        self.limit = limit
        self.seconds = seconds


class PeerUnavailable(BrokerError):
    """Another country's node cannot be asked or answered now: nothing valid and approved is known of it.

    `check` names what failed where it was asked by ourselves, else "".
    """

    code = "country_unavailable"
    public = "The sign-in service of this country cannot be reached at the moment. Please try again later."

    def __init__(self, detail: str = "", *, check: str = "") -> None:
        super().__init__(detail)
        self.check = check


class RegisterAway(PeerUnavailable):
    """A register has to vouch for what the purpose requires, and gave no answer that counts. `peer` is its id.

    `title` and `helper` are its own and that of whoever answers for it, by language; `contact` reaches the latter.
    """

    code = "register_unavailable"
    public = "A register that this service needs does not answer at the moment. Please try again later."

    def __init__(self, detail: str, peer: str, title: Mapping[str, str], helper: Mapping[str, str], contact: str) -> None:
        super().__init__(detail)
        self.peer, self.title, self.helper, self.contact = peer, title, helper, contact


class Suspended(BrokerError):
    """An operator of this broker switched a relying party off (0000.31): nobody who signs in did anything wrong."""

    code = "service_suspended"
    public = "Signing in to this service is suspended. You have done nothing wrong. Please try again later."


class SourceSuspended(Suspended):
    """An operator of this broker switched a country or an identity provider off."""

    code = "country_suspended"
    public = "Signing in with this country is suspended. You have done nothing wrong. Please try again later."


class NotSent(BrokerError):
    """The citizen's choice was recorded, and then the answer could not be made: the operator's move. Nothing left."""

    code = "not_sent"
    public = "Your choice was recorded, but the answer could not be made, so nothing was passed on."


class Misconfigured(BrokerError):
    """The operator's move, at start: every problem of the configuration at once."""

    code = "misconfigured"
    public = "The broker's configuration has problems."

    def __init__(self, problems: "tuple[Problem, ...]") -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


# How to mend that a library of an extra is not there: the lock has all of `cluster`, `pki` and `postgres`, by their hashes
EXTRAS = (
    "run this environment's `python -m pip install --require-hashes --requirement docker/requirements.lock` in the folder "
    "of the source"
)


class Problem:
    """One thing wrong in a configuration: file, line, key, what is wrong and how to mend it."""

    __slots__ = ("file", "fix", "key", "line", "what")

    def __init__(self, file: str, line: int, key: str, what: str, fix: str) -> None:
        self.file, self.line, self.key, self.what, self.fix = file, line, key, what, fix

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line and self.file else self.file
        known = [part for part in (where, self.key, self.what) if part]
        return f"{': '.join(known)} Fix: {self.fix}"
