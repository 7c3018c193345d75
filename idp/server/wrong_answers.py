"""What counts against one login before its address counts at all: answers that are judged, and questions that are signed.

A city hall may stand behind one address, or the thousands of citizens of a carrier (RFC 6598). One of them must not keep
the others from finishing. So a wrong answer counts against its login, which takes no more after a few. The address counts
far above that, and even then a login that brought no wrong answer yet is judged, and one that asked nobody yet may ask.

That costs no more than beginnings may: each login has one first answer and one first question, and `begin_address` bounds
how many logins one address begins. A cookie that opens as no login leads to no work, and `pages` bounds it.

The counts lie in the memory of each worker, under keyed hashes, for as long as a login lives.
"""

import hashlib
import secrets

from idp.login.states import LOGIN_LIFE
from idp.server.rate_limits import DIGEST, Rates, Windows
from policies.errors import Replayed

# A citizen who tries one country after another has a few; nobody honest has more
WRONG_ANSWERS = 5
# Reload and Back send a right answer again, and each is decrypted and judged anew
ANSWERS = 20
# An address may send so many times `failures` wrong answers, all its logins together
ADDRESS_TIMES = 10
# Where the counts of `failures` are kept apart from those of other endpoints
PLACE = "answers"


class Tries:
    """One tenant's, in one worker. Safe in any thread."""

    def __init__(self, rates: Rates, windows: Windows | None = None) -> None:
        self._rates = rates
        self._windows = Windows() if windows is None else windows
        self._key = secrets.token_bytes(32)

    def ask(self, login: str, client: str) -> None:
        """A login of this browser asks an identity provider, by a signed question. Raises `TooManyRequests`."""
        if self._full("ask", login, 1):
            self._rates.ask(client)

    def answer(self, login: str, client: str) -> None:
        """An answer to a login of this browser is to be judged: it counts, whatever comes of it.

        Raises `Replayed` where the login takes no more, `TooManyRequests` where it brought a wrong one before and its
        address too many.
        """
        wrong = self._wrong(login)
        if wrong >= WRONG_ANSWERS or self._full("answer", login, ANSWERS):
            raise Replayed("answers_left", "a login that takes no more answers")
        if wrong:
            self._rates.check_failures(self._rates.address(client), PLACE, times=ADDRESS_TIMES)

    def wrong(self, login: str, client: str) -> bool:
        """An answer was refused. Returns whether the login takes no more."""
        self._full("wrong", login, WRONG_ANSWERS)
        self._rates.failed(self._rates.address(client), PLACE, times=ADDRESS_TIMES)
        return self._wrong(login) >= WRONG_ANSWERS

    def _wrong(self, login: str) -> int:
        return self._windows.counted(self._named("wrong", login), LOGIN_LIFE)

    def _full(self, what: str, login: str, most: int) -> bool:
        """Count one more, or none and say that there is no room."""
        return bool(self._windows.count_in_each([(self._named(what, login), most)], LOGIN_LIFE))

    def _named(self, what: str, login: str) -> str:
        return what + hashlib.blake2b(login.encode(), key=self._key, digest_size=DIGEST).hexdigest()
