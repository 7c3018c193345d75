"""All cases of signed queries."""

from collections.abc import Iterator

from idp.selftest.case import Case
from idp.selftest.messages.parties import new_parties
from idp.selftest.queries.benches import benches
from idp.selftest.queries.signatures import signature_cases
from idp.selftest.queries.texts import text_cases
from idp.selftest.queries.valid import valid_queries


def query_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    for bench in benches(new_parties(now)):
        yield from text_cases(bench)
        yield from signature_cases(bench)
        yield from valid_queries(bench)
