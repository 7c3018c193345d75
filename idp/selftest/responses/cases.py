"""Every family of responses, in the order of the catalogue of attacks."""

from collections.abc import Callable, Iterator

from idp.selftest.case import Case
from idp.selftest.responses.agreements import agreements
from idp.selftest.responses.algorithms import confusion, keys_in_messages
from idp.selftest.responses.binding import providers, recipients, times, unsolicited
from idp.selftest.responses.blocks import aes_cbc, valid_aes_cbc
from idp.selftest.responses.ciphers import valid_encryption
from idp.selftest.responses.coming import coming, valid_coming
from idp.selftest.responses.deviations import deviations, valid_deviations
from idp.selftest.responses.grammar import closed, statuses
from idp.selftest.responses.limits import identifiers, size, void
from idp.selftest.responses.making import World
from idp.selftest.responses.markup import comments, differential, entities, instructions, spelling
from idp.selftest.responses.meanings import valid_meanings, valid_persons
from idp.selftest.responses.sealed import encryption
from idp.selftest.responses.signatures import evil_data, exclusion, foreign
from idp.selftest.responses.signed_info import digests, external, references, transforms
from idp.selftest.responses.subject import levels, names, persons
from idp.selftest.responses.variants import valid_signatures, valid_spellings
from idp.selftest.responses.wrapping import wrapping

FAMILIES: tuple[Callable[[World], Iterator[Case]], ...] = (
    *(wrapping, evil_data, foreign, exclusion),
    *(keys_in_messages, confusion),
    *(digests, references, transforms, external),
    *(void, identifiers, differential, comments, instructions, entities, spelling, size),
    *(encryption, aes_cbc, agreements),
    *(coming, recipients, unsolicited, providers, names, levels, persons, times, statuses, closed, deviations),
    *(valid_spellings, valid_signatures, valid_encryption, valid_aes_cbc),
    *(valid_meanings, valid_persons, valid_coming, valid_deviations),
)


def response_cases(now: int) -> Iterator[Case]:
    """Every case of a response, made with new keys for `now` (seconds since the epoch)."""
    world = World(now)
    for family in FAMILIES:
        yield from family(world)
