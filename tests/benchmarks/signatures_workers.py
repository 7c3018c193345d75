"""How many messages some processes verify together, each on a core of its own: `rates(counts, seconds)`.

What they verify is read from one message that is made once, so that all do the same.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from connectors.formats.saml import read_signed_response
from connectors.profiles import SAML2INT
from connectors.saml import RESPONSE
from connectors.signatures.signed import SignedMessage
from connectors.signatures.xmldsig import verify
from tests.benchmarks.measure import cores
from tests.benchmarks.signatures_made import pinned

ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Work:
    """One message, and the metadata whose key made it."""

    message: bytes
    metadata: bytes
    seconds: float


def _verified(work: Work, core: int, start: Barrier) -> float:
    """Messages a second of one process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    keys = pinned(work.metadata)
    count, message = 0, work.message
    start.wait()
    begin = time.perf_counter()
    while (now := time.perf_counter()) - begin < work.seconds:
        for _ in range(20):
            found = verify(message, keys, RESPONSE, SAML2INT)
            if isinstance(found, SignedMessage):
                read_signed_response(found.signed)
        count += 20
    return count / (now - begin)


def _together(work: Work, chosen: Sequence[int]) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(len(chosen)) as pool:
        start = manager.Barrier(len(chosen))
        return sum(pool.starmap(_verified, [(work, core, start) for core in chosen]))


def rates(work: Work, counts: Sequence[int]) -> dict[int, float]:
    """The best of some rounds, in turns: how many processes, to messages a second of all of them."""
    best = dict.fromkeys(counts, 0.0)
    for _ in range(ROUNDS):
        for count in counts:
            best[count] = max(best[count], _together(work, cores()[:count]))
    return best
