"""All cases of requests and logout by POST."""

from collections.abc import Iterator

from idp.selftest.case import Case
from idp.selftest.messages.benches import benches
from idp.selftest.messages.meaning import meaning_cases
from idp.selftest.messages.octets import octet_cases
from idp.selftest.messages.parties import new_parties
from idp.selftest.messages.signatures import signature_cases
from idp.selftest.messages.valid import valid_messages


def message_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    found = benches(parties)
    for bench in found.each:
        yield from signature_cases(bench, parties.node_next if bench is found.node else parties.sp_next)
        yield from octet_cases(bench)
    yield from meaning_cases(found)
    yield from valid_messages(parties, found)
