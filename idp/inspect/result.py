"""The result for a file, and its JSON, which is a contract: names of checks and counts; a value only where asked for."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.request_checks import PeerRequestRefused
from idp.system.files import read_upto
from policies.authentication import Offered
from policies.errors import AssertionRejected, BrokerError

# No file can show whether it came before, and in whose browser
ALWAYS_UNCHECKED = ("one-time use", "browser binding")
# 9999-12-31T23:59:59Z: the last time that `--at` takes
LAST_WRITTEN = 253_402_300_799
# Checks that compare with the time as of which a file is judged: a good file of yesterday fails there today
OF_TIME = frozenset(
    (
        *("response_issued", "assertion_issued", "request_issued", "logout_issued", "token_issued"),
        *("subject_confirmation_expired", "conditions_expired", "session_expired", "logout_expired"),
        *("token_expired", "assertion_expired", "metadata_expired"),
        *("conditions_not_before", "token_not_before", "assertion_not_before"),
        *("authn_instant_future", "authentication_future", "authentication_stale"),
        *("metadata_key", "x509_dates", "x509_revocation_stale"),
    )
)


@dataclass(frozen=True, slots=True)
class MessageStatement:
    """The content of an accepted assertion or token: issuer, subject, level; each attribute with its values."""

    issuer: str
    subject_format: str
    subject: str = field(repr=False)
    loa: str | None
    attributes: Mapping[str, tuple[object, ...]] = field(repr=False)

    def as_json(self, *, show_values: bool) -> dict[str, object]:
        """The object; without values each attribute has their count."""
        subject = {"format": self.subject_format} | ({"value": self.subject} if show_values else {})
        attributes = {name: list(values) if show_values else len(values) for name, values in self.attributes.items()}
        return {"issuer": self.issuer, "subject": subject, "loa": self.loa, "attributes": attributes}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted file. `not_checked` is what only this file left open."""

    statement: MessageStatement | None
    message: Mapping[str, object]
    not_checked: tuple[str, ...] = ()
    # the citizen's, or leading to a citizen
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    # of a response: what the connector makes of it for the decision
    offered: Offered | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MessageRefusal:
    """The reason: the error's stable code, the check's stable name, a sentence for everybody and one for the operator.

    `untimely`: the check is about time, and nobody said as of when to judge; `issued` is then the file's own time of issue
    (seconds since the epoch), if it has one.
    """

    code: str
    check: str | None
    public: str
    detail: str
    untimely: bool = False
    issued: int | None = None


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result for one file. `tried` is False where it could not be read, or judging could not run."""

    file: str
    accepted: Accepted | None
    refusal: MessageRefusal | None
    not_checked: tuple[str, ...]
    tried: bool = True
    unsigned: bool = False  # nobody signed it: a failure status may come so

    def as_json(self, *, show_values: bool) -> dict[str, object]:
        """The object of the contract. Values are those of accepted files alone, and only where asked for."""
        refusal, accepted = self.refusal, self.accepted
        error: dict[str, str | None] | None = None
        if refusal is not None:
            error = {"code": refusal.code, "check": refusal.check, "public": refusal.public, "detail": refusal.detail}
            error["issued"] = written(refusal.issued) if refusal.issued is not None else None
        statement = accepted.statement if accepted is not None else None
        message = None if accepted is None else {**accepted.message, **(accepted.values if show_values else {})}
        return {
            "file": self.file,
            "ok": accepted is not None,
            "accepted": accepted is not None,
            "error": error,
            "assertion": statement.as_json(show_values=show_values) if statement is not None else None,
            "message": message,
            "not_checked": list(self.not_checked),
        }


class Inspector(ABC):
    """Judges octets of one kind against one expectation, again and again: keys are prepared once.

    `limit` is the most octets that a file may have, `not_checked` what the expectation leaves open, and `public` the
    sentence for everybody about a refused file; "" where the errors' own, which are about a login, fit.
    """

    limit: int
    public: str = ""
    not_checked: tuple[str, ...] = ()

    @abstractmethod
    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """Judges. `digest` is the SHA-256 of the octets, as hex. Raises `BrokerError` and `FetchError`."""

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - mostly an unsigned message fails before anything else
        """Whether a refused file is unsigned."""
        return False

    def issued(self, octets: bytes) -> int | None:  # noqa: ARG002 - as above
        """The time of issue in a refused file (seconds since the epoch): believed in nothing, shown to people.

        Raises `AssertionRejected` where it cannot be read.
        """
        return None


def inspect_file(name: str, inspector: Inspector, *, as_of_now: bool = False) -> FileResult:
    """Reads and judges one file. The result holds whatever is wrong with it.

    `as_of_now`: nobody said as of when to judge; the result says so about a check about time.
    """
    try:
        octets = read_upto(name, inspector.limit)
    except OSError as error:
        public, detail = "The file could not be read.", f"{error.strerror or 'no such file'}."
        return FileResult(
            name, None, MessageRefusal("unreadable", None, public, detail), inspector.not_checked, tried=False
        )
    result = _judged(name, octets, inspector)
    refusal = result.refusal
    if as_of_now and refusal is not None and refusal.check in OF_TIME:
        return replace(result, refusal=replace(refusal, untimely=True, issued=_issued(octets, inspector)))
    return result


def _judged(name: str, octets: bytes, inspector: Inspector) -> FileResult:
    left_open = inspector.not_checked
    try:
        accepted = inspector.inspect(octets, hashlib.sha256(octets).hexdigest())
    except AssertionRejected as error:
        refusal = MessageRefusal(error.code, error.check, inspector.public or error.public, error.detail)
        return FileResult(name, None, refusal, left_open, unsigned=inspector.unsigned(octets))
    except PeerRequestRefused as error:
        return FileResult(name, None, MessageRefusal(error.code, error.check, error.public, error.detail), left_open)
    except FetchError as error:
        refusal = MessageRefusal("metadata_refused", error.check, f"This metadata is not taken. {error.mend}", error.detail)
        return FileResult(name, None, refusal, left_open)
    except BrokerError as error:
        return FileResult(name, None, MessageRefusal(error.code, None, error.public, error.detail), left_open, tried=False)
    except Exception as error:  # noqa: BLE001 - the edge of inspecting: a surprise in a parser is a refusal of this one file
        public = inspector.public or AssertionRejected.public
        refusal = MessageRefusal(AssertionRejected.code, "unforeseen", public, type(error).__name__)
        return FileResult(name, None, refusal, left_open)
    return FileResult(name, accepted, None, (*left_open, *accepted.not_checked))


def _issued(octets: bytes, inspector: Inspector) -> int | None:
    try:
        issued = inspector.issued(octets)
    except AssertionRejected:
        return None
    return issued if issued is not None and 0 <= issued <= LAST_WRITTEN else None
