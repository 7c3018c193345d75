"""Registers that know something of a person who has signed in: we ask them ourselves, all at once, outside of the browser.

    query = asked({"person_identifier": "EE/SE/47101010033"}, ["address"], now)
    for found in ask_all([(residents, query), (students, other)]).values(): ...

A register learns what a purpose hands to it and nothing else, and answers that one question. Each has a deadline, a breaker
and a level of assurance of its own. A register that hangs costs its deadline; one that is away costs nothing.
"""

import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister
from policies.attributes import AttributeName, Value
from policies.errors import AssertionRejected, BrokerError, PeerUnavailable
from policies.parties import RegisterId
from policies.persons import ActingFor

_ID_BYTES = 20


class RegisterUnavailable(PeerUnavailable):
    """A register gave no answer. `check` is one of `connectors.checks.REGISTER_CHECKS`, or of an address."""

    public = "A register cannot be reached at the moment. Please try again later."


class AnswerRefused(AssertionRejected):
    """A register's answer is not used. `check` is one of `connectors.checks.REGISTER_CHECKS`."""

    public = "The answer of a register could not be accepted."


@dataclass(frozen=True, slots=True)
class RegisterQuery:
    """One question about one person. `handed` is all that the register learns of them: values by our names."""

    query_id: str
    asked_at: int
    handed: Mapping[AttributeName, Value] = field(repr=False)
    wanted: tuple[AttributeName, ...]


@dataclass(frozen=True, slots=True)
class Represented:
    """One for whom a person may act, as a mandate register says. `attributes` are theirs, and the mandates."""

    acting_for: ActingFor
    attributes: Mapping[AttributeName, Value] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """An answer that holds in every respect: values of what was wanted, as far as the register has them.

    `issuer` is who vouches, at the level `loa`. Nothing of it is used from `ends` on. Times are seconds since the epoch.
    `represented` is what a mandate register says instead: nobody where it names nobody.
    """

    register_id: RegisterId
    issuer: str
    loa: LevelOfAssurance
    attributes: Mapping[AttributeName, Value] = field(repr=False)
    issued_at: int
    ends: int
    represented: tuple[Represented, ...] = field(default=(), repr=False)


class AttributeProvider(Protocol):
    """One way to ask one register. For any thread."""

    @property
    def register(self) -> AttributeRegister:
        """The register that it asks."""

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
        """Ask, until `deadline` on the monotonic clock. Raises `PeerUnavailable`, and `AssertionRejected` and its kinds."""


Outcome = RegisterAnswer | RegisterUnavailable | AnswerRefused


def asked(handed: Mapping[AttributeName, Value], wanted: Iterable[AttributeName], now: int) -> RegisterQuery:
    """A question with an id of its own, which an answer has to name."""
    return RegisterQuery("_" + secrets.token_hex(_ID_BYTES), now, dict(handed), tuple(wanted))


def ask_all(questions: Sequence[tuple[AttributeProvider, RegisterQuery]]) -> Mapping[RegisterId, Outcome]:
    """Ask several registers at once: the answer of each, or why there is none.

    It takes as long as the slowest, and no longer than the longest deadline. What comes after its own deadline is not used.
    """
    begun = time.monotonic()
    runs = [_Run(provider, query, begun + provider.register.seconds) for provider, query in questions]
    return {run.provider.register.register_id: run.outcome() for run in runs}


class _Run:
    """One question under way, in a thread of its own."""

    def __init__(self, provider: AttributeProvider, query: RegisterQuery, deadline: float) -> None:
        self.provider, self._query, self._deadline = provider, query, deadline
        self._found: Outcome | None = None
        self._thread = threading.Thread(target=self._ask, name="register", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._found = RegisterUnavailable("no thread is left", check="places")

    def outcome(self) -> Outcome:
        """The answer, or the reason for none; waits until the deadline."""
        if self._found is None:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        late = f"it took more than {self.provider.register.seconds:g} seconds"
        found = self._found or RegisterUnavailable(late, check="deadline")
        if isinstance(found, BrokerError):
            found.peer = self.provider.register.register_id
        return found

    def _ask(self) -> None:
        try:
            found = self._asked()
        except PeerUnavailable as error:
            found = RegisterUnavailable(error.detail, check=error.check)
        except AssertionRejected as error:
            found = AnswerRefused(error.check, error.detail)
        except BrokerError as error:
            found = RegisterUnavailable(f"the question cannot be made: {error.code}", check="keys")
        except Exception as error:  # noqa: BLE001 - the edge of a thread, and a library's words may quote the person
            found = AnswerRefused("unforeseen", type(error).__name__)
        if time.monotonic() <= self._deadline:
            self._found = found

    def _asked(self) -> Outcome:
        answer = self.provider.ask(self._query, self._deadline)
        said = [answer.attributes, *(one.attributes for one in answer.represented)]
        if not {name for one in said for name in one} <= set(self._query.wanted):
            raise AnswerRefused("not_asked", "an attribute that was not asked")
        if answer.ends <= self._query.asked_at:
            raise AnswerRefused("deadline", "an answer that has ended already")
        return answer
