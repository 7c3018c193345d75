"""All cases of requests and logout by POST."""

from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.messages.benches import benches
from connectors.attacks.messages.meaning import meaning_cases
from connectors.attacks.messages.octets import octet_cases
from connectors.attacks.messages.parties import new_parties
from connectors.attacks.messages.signatures import signature_cases
from connectors.attacks.messages.valid import valid_messages


def message_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    found = benches(parties)
    for bench in found.each:
        yield from signature_cases(bench, parties.node_next if bench is found.node else parties.sp_next)
        yield from octet_cases(bench)
    yield from meaning_cases(found)
    yield from valid_messages(parties, found)
