"""SAML responses: those that must be refused, each by one check, and those that must be accepted.

answer.py       a response as data
signing.py      a signer that signs nonsense
encrypting.py   an encrypter that encrypts nonsense
parties.py      keys, registrations and entrances of a run
making.py       a setting makes octets of answers: what is signed, what is encrypted
wrapping.py     signature wrapping
signatures.py   evil data in signatures, signatures of other messages, no signatures
algorithms.py   keys that a message brings along, algorithms that it would like
signed_info.py  digests, references, transforms
"""

from collections.abc import Callable, Iterator

from idp.selftest.case import Case
from idp.selftest.responses.algorithms import confusion, keys_in_messages
from idp.selftest.responses.making import World
from idp.selftest.responses.signatures import evil_data, exclusion, foreign
from idp.selftest.responses.signed_info import digests, external, references, transforms
from idp.selftest.responses.wrapping import wrapping

FAMILIES: tuple[Callable[[World], Iterator[Case]], ...] = (
    *(wrapping, evil_data, foreign, exclusion),
    *(keys_in_messages, confusion),
    *(digests, references, transforms, external),
)


def response_cases(now: int) -> Iterator[Case]:
    """Every case of a response, made with new keys for `now` (seconds since the epoch)."""
    world = World(now)
    for family in FAMILIES:
        yield from family(world)
