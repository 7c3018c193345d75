"""Replays and mix-ups against a live broker: real sockets, a fresh login for each case, an honest one after every twenty.

stage.py     the broker and two identity providers on loopback, with fresh keys in a folder that goes when they end
visitor.py   one browser, and one service: they send whatever a case tells them to
played.py    a case, and how it is played: what the broker answered, and the proof that nothing was released
responses.py answers that come again, elsewhere, or to another question
decisions.py decisions that are made again, differently, late, or by somebody else
mixups.py    answers of another identity provider than was asked
clients.py   services that come without PKCE, or with their secret in the form
apps.py      public clients: pages of another origin, addresses that only look like theirs, secrets that they have not
tokens.py    codes, client assertions and access tokens, again or in other hands
"""

from collections.abc import Iterator

from structlog.testing import capture_logs

from idp.selftest.live import apps, clients, decisions, mixups, responses, tokens
from idp.selftest.live.played import Lines, play
from idp.selftest.live.stage import Stage, open_stage
from idp.selftest.report import Tried

HONEST_EVERY = 20


def live_tried() -> Iterator[Tried]:
    """Play every live case. Raises OSError where no broker can listen on loopback here."""
    # The log names the check that refused; nothing of it is printed
    with capture_logs() as lines, open_stage() as stage:
        yield from played_on(stage, lines)


def played_on(stage: Stage, lines: Lines) -> Iterator[Tried]:
    """Play every live case on a stage that is open; `lines` is its log."""
    cases = (*responses.cases(), *decisions.cases(), *mixups.cases(), *tokens.cases(), *clients.cases(), *apps.cases())
    for number, case in enumerate(cases, 1):
        yield play(stage, case, lines)
        if number % HONEST_EVERY == 0 or number == len(cases):
            yield play(stage, decisions.honest(number), lines)
