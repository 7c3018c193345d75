"""Replays and mix-ups against a live broker: real sockets, a fresh login for each case, an honest one after every twenty.

stage.py     the broker, identity providers and services on loopback, with fresh keys in a folder that goes when they end
visitor.py   one browser, and one service: they send whatever a case tells them to
live_case.py a case, and how it is played: what the broker answered, and the proof that nothing was released
responses.py answers that come again, elsewhere, to another question, or of another identity provider than was asked
decisions.py decisions that are made again, differently, late, or by somebody else
clients.py   services that come without PKCE, or with their secret in the form, and public clients: apps and pages
saml.py      requests, artifacts and landings of SAML; saml_links.py: links and programs; saml_logout.py: logout;
             saml_parties.py: the services and providers
tokens.py    codes, client assertions and access tokens, again or in other hands
"""

from collections.abc import Iterator

from structlog.testing import capture_logs

from idp.selftest.live import clients, decisions, responses, saml, saml_links, saml_logout, tokens
from idp.selftest.live.live_case import Lines, play
from idp.selftest.live.stage import Stage, open_stage
from idp.selftest.report import TriedCase

HONEST_EVERY = 20


def live_tried() -> Iterator[TriedCase]:
    """Play every live case. Raises OSError where no broker can listen on loopback here."""
    # The log names the check that refused; nothing of it is printed
    with capture_logs() as lines, open_stage() as stage:
        yield from played_on(stage, lines)


def played_on(stage: Stage, lines: Lines) -> Iterator[TriedCase]:
    """Play every live case on a stage that is open; `lines` is its log."""
    of_responses = (*responses.cases(), *decisions.cases(), *responses.mixup_cases())
    cases = (
        *of_responses,
        *tokens.cases(),
        *clients.cases(),
        *clients.app_cases(),
        *saml.cases(),
        *saml_links.cases(),
        *saml_logout.cases(),
    )
    for number, case in enumerate(cases, 1):
        yield play(stage, case, lines)
        if number % HONEST_EVERY == 0 or number == len(cases):
            yield play(stage, decisions.honest(number), lines)
