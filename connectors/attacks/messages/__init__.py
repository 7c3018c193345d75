"""Requests and single logout by POST that must be refused, and those that must be accepted.

drafts.py      a message as text, and how it is signed
parties.py     who sends, their metadata, good messages, and the server's judges
signatures.py  signatures that say less than they seem to; octets that parsers read differently, sizes, parameters
meaning.py     what a request or a logout may not say
over_soap.py   messages over SOAP, those of identity providers, and artifacts
valid.py       what must be accepted
"""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.meaning import meaning_cases
from connectors.attacks.messages.over_soap import artifact_cases, fetched_cases, soap_benches, soap_cases
from connectors.attacks.messages.parties import message_benches, new_parties
from connectors.attacks.messages.signatures import octet_cases, signature_cases
from connectors.attacks.messages.valid import valid_messages


def message_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    found = message_benches(parties)
    others = soap_benches(parties)
    for bench in (*found.each, *others):
        yield from signature_cases(bench)
        yield from octet_cases(bench)
    for bench in others:
        yield from soap_cases(bench) if not bench.parameter else ()
    yield from artifact_cases()
    yield from fetched_cases(others[-1])
    yield from meaning_cases(found, others)
    yield from valid_messages(found)
