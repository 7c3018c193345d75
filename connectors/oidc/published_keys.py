"""A provider's keys as it publishes them now (OpenID Connect Core 1.0 §10.1.1): the last good set counts.

A set is fetched when the first answer needs it, once an hour, and where a token names a key that it lacks: at most once a
minute. Tokens that anybody may send lead to no more than that, though no set was ever good. A set with a private key, of
two keys of one name, or too large, is refused, and changes nothing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from connectors.oidc.line import ANSWER_SECONDS, Line, LineTurn
from connectors.signatures.jwk import MAX_JWKS, keys_from_jwks
from connectors.signatures.jws import VerificationKey
from policies.errors import AssertionRejected, PeerUnavailable

# Where a token names an unknown key
LEAST_SECONDS = 60.0
FRESH_SECONDS = 3600.0
# A key that the provider took out counts no longer than this, also where its new set cannot be had
LAST_SECONDS = 24 * 3600.0
_OK = 200
Keys = Mapping[str, Sequence[VerificationKey]]


class PublishedKeys:
    """The keys of one provider for the algorithms of its registration. For any thread."""

    def __init__(self, jwks_uri: str, algorithms: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._jwks_uri, self._algorithms, self._clock = jwks_uri, tuple(dict.fromkeys(filter(None, algorithms))), clock
        self._lock = threading.Lock()
        self._keys: Keys = {}
        self._fetched = self._tried = -FRESH_SECONDS

    def current(self, turn: LineTurn) -> Keys:
        """The keys by algorithm. Raises `PeerUnavailable` and `SignatureInvalid` where no set was ever good."""
        if not self.at_hand and (self._is_due() or not self._keys):
            self._fetch(turn)
        return self._keys

    @property
    def at_hand(self) -> Keys:
        """The keys by algorithm, where they count without a question; else none."""
        return self._keys if self._clock() - self._fetched < FRESH_SECONDS else {}

    def looked_for(self, line: Line) -> Keys:
        """The keys after a question that a stranger's token leads to. Raises as `current`, also between two questions."""
        if self._is_due():
            with line.turn(ANSWER_SECONDS) as turn:
                self._fetch(turn)
        if not self._keys:
            raise PeerUnavailable("the provider's keys were asked for lately, and there are none")
        return self._keys

    def newer(self, turn: LineTurn, known: Keys) -> Keys | None:
        """The keys, where they are others than `known` by now; None where they are not, or were asked for lately."""
        if self._keys is known and self._is_due():
            self._fetch(turn)
        return None if self._keys is known else self._keys

    def _is_due(self) -> bool:
        """Whether the last try was a minute ago; who is told so tries."""
        with self._lock:
            due = self._clock() - self._tried >= LEAST_SECONDS
            self._tried = self._clock() if due else self._tried
        return due

    def _fetch(self, turn: LineTurn) -> None:
        try:
            answer = turn.ask(self._jwks_uri, headers={"Accept": "application/json"}, limit=MAX_JWKS)
            # An answer of another status is no set of keys, whatever it says
            text = answer.body.decode("utf-8", "replace") if answer.status == _OK else ""
            self._keys = {alg: keys_from_jwks(text, alg) for alg in self._algorithms}
            self._fetched = self._clock()
        except (AssertionRejected, PeerUnavailable):
            if self._clock() - self._fetched >= LAST_SECONDS:
                self._keys = {}
            if not self._keys:
                raise
