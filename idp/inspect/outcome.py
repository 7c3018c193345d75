"""What came of a file, and its JSON, which is a contract: names of checks and counts; a value only where asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.fetch import FetchError
from connectors.formats.grammar import written
from connectors.request_checks import PeerRequestRefused
from idp.system.files import read_upto
from policies.errors import AssertionRejected, BrokerError

# What no file can show: whether it came before, and in whose browser
ALWAYS_UNCHECKED = ("one-time use", "browser binding")
# 9999-12-31T23:59:59Z: a time that can be written, and so given to `--at`
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
class Said:
    """An accepted assertion or token: who says it, of whom, how surely; each attribute with its values."""

    issuer: str
    subject_format: str
    subject: str = field(repr=False)
    loa: str | None
    attributes: Mapping[str, tuple[object, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A file that was accepted. `not_checked` is what only this file left open."""

    said: Said | None
    message: Mapping[str, object]
    not_checked: tuple[str, ...] = ()
    # what of the message is a citizen's, or leads to one
    values: Mapping[str, object] = field(default_factory=dict, repr=False)

    def told(self, *, show_values: bool) -> Mapping[str, object]:
        """What the message said, with the values where they are asked for."""
        return {**self.message, **self.values} if show_values else dict(self.message)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why not: the error's stable code, the check's stable name, a sentence for everybody and one for the operator.

    `untimely` is True where it is a check about time, and no time was given as of which to judge; `issued` is then when
    the file says that it was issued (seconds since the epoch), where it says so.
    """

    code: str
    check: str | None
    public: str
    detail: str
    untimely: bool = False
    issued: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file. `tried` is False where it could not be read, or judging could not run."""

    file: str
    verdict: Verdict | None
    failure: Failure | None
    not_checked: tuple[str, ...]
    tried: bool = True
    unsigned: bool = False  # nobody signed it: a failure status may come so

    def as_json(self, *, show_values: bool) -> dict[str, object]:
        """The object of the contract. Values are those of accepted files alone, and only where asked for."""
        failure, verdict = self.failure, self.verdict
        error: dict[str, str | None] | None = None
        if failure is not None:
            error = {"code": failure.code, "check": failure.check, "public": failure.public, "detail": failure.detail}
            error["issued"] = written(failure.issued) if failure.issued is not None else None
        return {
            "file": self.file,
            "ok": verdict is not None,
            "accepted": verdict is not None,
            "error": error,
            "assertion": _said(verdict.said, show_values=show_values) if verdict and verdict.said else None,
            "message": verdict.told(show_values=show_values) if verdict else None,
            "not_checked": list(self.not_checked),
        }


class Inspector(Protocol):
    """Judges octets of one kind against one expectation, again and again: keys are prepared once."""

    @property
    def limit(self) -> int:
        """The most octets that a file may have."""

    @property
    def public(self) -> str:
        """The sentence for everybody about a refused file; "" where the errors' own, which are of a login, fit."""

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What this expectation leaves open."""

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """Judge. `digest` is the SHA-256 of the octets, as hex. Raises `BrokerError` and `FetchError`."""

    def unsigned(self, octets: bytes) -> bool:
        """Whether nobody signed what was refused."""

    def issued(self, octets: bytes) -> int | None:
        """When what was refused says that it was issued, in seconds since the epoch: believed in nothing, shown to people.

        Raises `AssertionRejected` where it says so in no way that can be read.
        """


def inspect_file(name: str, inspector: Inspector, *, as_of_now: bool = False) -> Outcome:
    """Read and judge one file. Whatever is wrong with it is in what comes back.

    With `as_of_now` nobody said as of when: a check about time is then told as that.
    """
    try:
        octets = read_upto(name, inspector.limit)
    except OSError as error:
        public, detail = "The file could not be read.", f"{error.strerror or 'no such file'}."
        return Outcome(name, None, Failure("unreadable", None, public, detail), inspector.not_checked, tried=False)
    outcome = _judged(name, octets, inspector)
    failure = outcome.failure
    if as_of_now and failure is not None and failure.check in OF_TIME:
        return replace(outcome, failure=replace(failure, untimely=True, issued=_issued(octets, inspector)))
    return outcome


def _judged(name: str, octets: bytes, inspector: Inspector) -> Outcome:
    left_open = inspector.not_checked
    try:
        verdict = inspector.inspect(octets, hashlib.sha256(octets).hexdigest())
    except AssertionRejected as error:
        failure = Failure(error.code, error.check, inspector.public or error.public, error.detail)
        return Outcome(name, None, failure, left_open, unsigned=inspector.unsigned(octets))
    except PeerRequestRefused as error:
        return Outcome(name, None, Failure(error.code, error.check, error.public, error.detail), left_open)
    except FetchError as error:
        failure = Failure("metadata_refused", error.check, f"This metadata is not taken. {error.mend}", error.detail)
        return Outcome(name, None, failure, left_open)
    except BrokerError as error:
        return Outcome(name, None, Failure(error.code, None, error.public, error.detail), left_open, tried=False)
    except Exception as error:  # noqa: BLE001 - the edge of inspecting: a surprise in a parser is a refusal of this one file
        public = inspector.public or AssertionRejected.public
        failure = Failure(AssertionRejected.code, "unforeseen", public, type(error).__name__)
        return Outcome(name, None, failure, left_open)
    return Outcome(name, verdict, None, (*left_open, *verdict.not_checked))


def _issued(octets: bytes, inspector: Inspector) -> int | None:
    try:
        said = inspector.issued(octets)
    except AssertionRejected:
        return None
    return said if said is not None and 0 <= said <= LAST_WRITTEN else None


def _said(said: Said, *, show_values: bool) -> dict[str, object]:
    subject: dict[str, object] = {"format": said.subject_format}
    if show_values:
        subject["value"] = said.subject
    attributes = {name: list(values) if show_values else len(values) for name, values in said.attributes.items()}
    return {"issuer": said.issuer, "subject": subject, "loa": said.loa, "attributes": attributes}
