"""Requests and single logout by POST that must be refused, and those that must be accepted.

making.py      a message as text, and how it is signed
parties.py     who sends, their metadata, and the server's judges
benches.py     good messages, and where each kind is judged
signatures.py  signatures that say less than they seem to
octets.py      octets that parsers read differently, sizes, spellings of the parameter
meaning.py     what a request or a logout may not say
valid.py       what must be accepted
"""

from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.messages.benches import message_benches
from connectors.attacks.messages.meaning import meaning_cases
from connectors.attacks.messages.octets import octet_cases
from connectors.attacks.messages.parties import new_parties
from connectors.attacks.messages.signatures import signature_cases
from connectors.attacks.messages.valid import valid_messages


def message_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    found = message_benches(parties)
    for bench in found.each:
        yield from signature_cases(bench)
        yield from octet_cases(bench)
    yield from meaning_cases(found)
    yield from valid_messages(found)
