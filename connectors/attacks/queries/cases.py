"""All cases of signed queries."""

from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.messages.parties import new_parties
from connectors.attacks.queries.benches import benches
from connectors.attacks.queries.signatures import signature_cases
from connectors.attacks.queries.texts import text_cases
from connectors.attacks.queries.valid import valid_queries


def query_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    for bench in benches(new_parties(now)):
        yield from text_cases(bench)
        yield from signature_cases(bench)
        yield from valid_queries(bench)
