"""Our own line to one provider: every request of a login by one deadline, a few logins at once, and a breaker.

A provider that hangs, or answers a byte a second, takes no more threads than the line has places, and none at all once
the breaker is open. Then citizens are told that it cannot be reached, until a try some time later goes well.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.addresses import FetchError
from connectors.fetch import Channel, Fetcher, HttpAnswer
from policies.errors import PeerUnavailable

# Of some forty threads that a tenant has
PLACES = 8
# A login asks twice: when it sends the citizen off, where its request is pushed, and when they come back
ASK_SECONDS, ANSWER_SECONDS = 3.0, 7.0
MOST_FAILURES = 3
AWAY_SECONDS = 30.0
# Token responses and userinfo: two encrypted tokens, and what is around them
MAX_ANSWER = 256 * 1024
_REFUSED, _TOO_MANY, _SERVER_ERROR = 400, 429, 500


class Breaker:
    """Opens after some failures in a row at one address. When its time is over, one more opens it again. For any thread.

    A provider whose userinfo hangs is away, though its token endpoint works each time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failures: dict[str, int] = {}
        self._most, self._until = 0, 0.0

    @property
    def is_open(self) -> bool:
        """Whether nobody should be asked now."""
        return self._most >= MOST_FAILURES and self._clock() < self._until

    @property
    def is_trying(self) -> bool:
        """Whether a request that is made now is the try after a time away."""
        return self._most >= MOST_FAILURES

    def admits(self) -> bool:
        """Whether this one may ask now. When its time is over, one tries, and the others wait for what comes of it."""
        with self._lock:
            if self._most < MOST_FAILURES:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + ANSWER_SECONDS
            return True

    def note(self, url: str, *, worked: bool) -> None:
        """One request to an address worked, or failed."""
        with self._lock:
            self._failures[url] = 0 if worked else self._failures.get(url, 0) + 1
            self._most = max(self._failures.values())
            if not worked:
                self._until = self._clock() + AWAY_SECONDS


@contextmanager
def one_turn(breaker: Breaker, places: threading.Semaphore) -> Iterator[None]:
    """Take one of `places`, without waiting. Raises `PeerUnavailable` where there is none, or the breaker is open."""
    if not breaker.admits():
        raise PeerUnavailable("the provider did not answer lately, and is asked again in a moment", check="breaker")
    if not places.acquire(blocking=False):
        raise PeerUnavailable(f"{PLACES} logins wait for the provider already", check="places")
    try:
        yield
    finally:
        places.release()


@dataclass(slots=True)
class LineTurn:
    """One login's use of the line. `until` is its end by the monotonic clock."""

    _channel: Channel
    _breaker: Breaker
    until: float = field(init=False)
    seconds: float = ANSWER_SECONDS

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.seconds

    def ask(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_ANSWER,
        soap: bool = False,
    ) -> HttpAnswer:
        """GET or POST. Raises `PeerUnavailable` where nothing of use came, also for an error of its server.

        What a visitor can bring about says nothing of the provider: a refusal of their code, or of too many, and with
        `soap` a fault, which comes as 500 (SOAP 1.1 §6.2).
        """
        # Where nothing is left, the channel says so
        left = max(0.0, self.until - time.monotonic())
        try:
            answer = self._channel.ask(url, form=form, content=content, headers=headers, limit=limit, timeout=left)
        except FetchError as error:
            self._breaker.note(url, worked=False)
            detail = f"the provider cannot be asked: {error.check}: {error.detail}"
            raise PeerUnavailable(detail, check=error.check) from error
        if soap and answer.status == _SERVER_ERROR and _is_xml(answer):
            return answer
        if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
            if answer.status >= _SERVER_ERROR:
                self._breaker.note(url, worked=False)
            raise PeerUnavailable(f"the provider answers {answer.status}", check="status")
        # After a time away, a refusal is a sign of life: else whoever brings bad codes could keep everybody waiting
        if answer.status < _REFUSED or self._breaker.is_trying:
            self._breaker.note(url, worked=True)
        return answer


def _is_xml(answer: HttpAnswer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() in ("text/xml", "application/soap+xml")


class Line:
    """One provider's line. For any thread."""

    def __init__(self, fetcher: Fetcher, networks: Sequence[str], *, breaker: Breaker | None = None) -> None:
        self._channel = fetcher.channel(networks, connections=PLACES)
        self._breaker = breaker or Breaker()
        self._places = threading.BoundedSemaphore(PLACES)

    @property
    def is_away(self) -> bool:
        """Whether the provider did not answer the last few times."""
        return self._breaker.is_open

    @contextmanager
    def turn(self, seconds: float) -> Iterator[LineTurn]:
        """Take a place for one login, without waiting. Raises `PeerUnavailable` where there is none, or nobody answers."""
        with one_turn(self._breaker, self._places):
            yield LineTurn(self._channel, self._breaker, seconds)
