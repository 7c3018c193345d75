"""The run: every case of every generator at its entrance, one after another, and what came of each.

1. each generator makes its cases with fresh keys, identifiers and times; one that cannot is named, and the others go on;
2. each case is judged by the server's own code, at its entrance;
3. what it said is held against what the case must get: accepted, or refused by the one check that is named;
4. an exception that is none of ours ends its case alone, and counts as wrong;
5. replays and mix-ups are played against a live broker, which starts for that.
Nothing that a case is made of is kept, unless whoever runs it asks for the wrong ones.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages import message_cases
from connectors.attacks.queries import query_cases
from connectors.attacks.registrations import registration_cases
from connectors.attacks.responses import response_cases
from connectors.attacks.tokens import token_cases
from connectors.attacks.verdict import verdict_of
from idp.selftest.clients import client_cases
from idp.selftest.live import live_tried
from idp.selftest.report import CorpusReport, TriedCase, versions

Generator = Callable[[int], Iterator[AttackCase]]
Live = Callable[[], Iterator[TriedCase]]
# name of the generator -> what makes its cases of a moment (seconds since the epoch)
GENERATORS: Mapping[str, Generator] = {
    "responses": response_cases,
    "messages": message_cases,
    "queries": query_cases,
    "tokens": token_cases,
    "registrations": registration_cases,
    "clients": client_cases,
}
# How many cases they make, for whoever shows how far a run is
ABOUT = 7600


@dataclass(frozen=True, slots=True)
class RunWatcher:
    """Callbacks: `progress` gets the class of each case that was tried, `wrong` each case that ended wrongly."""

    progress: Callable[[str], None] = lambda _family: None
    wrong: Callable[[AttackCase, TriedCase], None] = lambda _case, _tried: None


def run(
    now: int, watching: RunWatcher, generators: Mapping[str, Generator] = GENERATORS, live: Live | None = live_tried
) -> CorpusReport:
    """Try every case of these generators, and play the live ones. `now` is seconds since the epoch."""
    begun = time.perf_counter()
    sources = {name: partial(_each, generator, now, watching) for name, generator in generators.items()}
    if live is not None:
        sources["a live broker"] = partial(_watched, live, watching)
    tried: list[TriedCase] = []
    broken: list[str] = []
    for name, source in sources.items():
        try:
            tried.extend(source())
        except Exception as error:  # noqa: BLE001 - the edge of a generator: the others are tried whatever it met
            broken.append(f"{name}: {type(error).__name__} at {_place(error)}")
    return CorpusReport(tuple(tried), tuple(broken), versions(), time.perf_counter() - begun)


def _watched(live: Live, watching: RunWatcher) -> Iterator[TriedCase]:
    for tried in live():
        watching.progress(tried.family)
        yield tried


def _each(generator: Generator, now: int, watching: RunWatcher) -> Iterator[TriedCase]:
    for case in generator(now):
        verdict = verdict_of(case.entrance.judge, case.octets)
        tried = TriedCase(case.name, case.family, case.kind, case.entrance.name, case.check, verdict)
        if tried.outcome.wrong:
            watching.wrong(case, tried)
        watching.progress(case.family)
        yield tried


def _place(error: Exception) -> str:
    """Where it was raised, without its words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
