"""Counts against one login, before its address counts at all: answers that are judged, and questions that are signed.

A city hall may stand behind one address, or the thousands of citizens of a carrier (RFC 6598). One of them must not keep
the others from finishing. So a wrong answer counts against its login, which takes no more after a few. The address counts
far above that, and even then a login that brought no wrong answer yet is judged, and one that asked nobody yet may ask.

That costs no more than beginnings may: each login has one first answer and one first question, and `begin_address` bounds
how many logins one address begins. A cookie that opens as no login leads to no work, and `pages` bounds it.

The counts lie in the memory of each worker, under keyed hashes, for as long as a login lives.
"""

from idp.login.states import LOGIN_LIFE
from idp.server.rate_limits import Limit, Rates, Windows
from policies.errors import Replayed

# A citizen who tries one country after another has a few; nobody honest has more
WRONG_ANSWERS = 5
# Reload and Back send a right answer again, and each is decrypted and judged anew
ANSWERS = 20
# An address may send so many times `failures` wrong answers, all its logins together
ADDRESS_TIMES = 10
# Keeps these counts of `failures` apart from those of other endpoints
PLACE = "answers"


class Tries:
    """One tenant's, in one worker. Safe in any thread."""

    def __init__(self, rates: Rates, windows: Windows | None = None) -> None:
        self._rates = rates
        self._windows = Windows(LOGIN_LIFE) if windows is None else windows

    def ask(self, login: str, client: str) -> None:
        """Count a question that a login signs to an identity provider. Raises `TooManyRequests`."""
        if self._windows.count(Limit("ask", 1, (login,))):
            self._rates.go_on(client, "ask")

    def answer(self, login: str, client: str) -> None:
        """Count an answer to a login of this browser that is about to be judged, whatever comes of it.

        Raises `Replayed` where the login takes no more, `TooManyRequests` where it brought a wrong one before and its
        address too many.
        """
        if self._windows.is_full(_wrong(login)) or self._windows.count(Limit("answer", ANSWERS, (login,))):
            raise Replayed("answers_left", "a login that takes no more answers")
        if self._windows.counted(_wrong(login)):
            self._rates.check_failures(self._rates.address(client), PLACE, times=ADDRESS_TIMES)

    def wrong(self, login: str, client: str) -> bool:
        """Count an answer that was refused. Returns whether the login takes no more."""
        self._windows.count(_wrong(login))
        self._rates.failed(self._rates.address(client), PLACE, times=ADDRESS_TIMES)
        return self._windows.is_full(_wrong(login))


def _wrong(login: str) -> Limit:
    return Limit("wrong", WRONG_ANSWERS, (login,))
