"""Requests and single logout by POST that must be refused, and those that must be accepted.

drafts.py      a message as text, and how it is signed
parties.py     who sends, their metadata, good messages, and the server's judges
signatures.py  signatures that say less than they seem to; octets that parsers read differently, sizes, parameters
meaning.py     what a request or a logout may not say
valid.py       what must be accepted
"""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.meaning import meaning_cases
from connectors.attacks.messages.parties import message_benches, new_parties
from connectors.attacks.messages.signatures import octet_cases, signature_cases
from connectors.attacks.messages.valid import valid_messages


def message_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    found = message_benches(parties)
    for bench in found.each:
        yield from signature_cases(bench)
        yield from octet_cases(bench)
    yield from meaning_cases(found)
    yield from valid_messages(found)
