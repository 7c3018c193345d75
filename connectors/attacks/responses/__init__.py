"""SAML responses: those that must be refused, each by one check, and those that must be accepted.

answer.py       a response as data
signing.py      a signer that signs nonsense
encrypting.py   an encrypter that encrypts nonsense
agreeing.py     the same to a key on a curve
judging.py      what a file becomes at an entrance
parties.py      keys, registrations and entrances of a run
making.py       a setting makes octets of answers: what is signed, what is encrypted
wrapping.py     signature wrapping
signatures.py   evil data in signatures, signatures of other messages, no signatures
algorithms.py   keys that a message brings along, algorithms that it would like
signed_info.py  digests, references, transforms
limits.py       namespaces, identifiers, sizes
markup.py       encodings, DOCTYPE, entities, comments, instructions, CDATA
coming.py       by which binding, in which parameters
binding.py      to whom, to what, from whom, when
subject.py      who somebody is, and how surely
grammar.py      statuses, versions, and what nobody knows
sealed.py       encrypted assertions: who encrypted them, where they stand, what is in them
sealed_forms.py their one form, and their methods
agreements.py   keys that are agreed on
variants.py     valid: spellings and signatures
ciphers.py      valid: encryption
meanings.py     valid: what the standards leave open
"""

from collections.abc import Callable, Iterator

from connectors.attacks.case import Case
from connectors.attacks.responses.agreements import agreements
from connectors.attacks.responses.algorithms import confusion, keys_in_messages
from connectors.attacks.responses.binding import providers, recipients, times, unsolicited
from connectors.attacks.responses.blocks import aes_cbc, valid_aes_cbc
from connectors.attacks.responses.ciphers import valid_encryption
from connectors.attacks.responses.coming import coming, valid_coming
from connectors.attacks.responses.deviations import deviations, valid_deviations
from connectors.attacks.responses.grammar import closed, statuses
from connectors.attacks.responses.limits import identifiers, size, void
from connectors.attacks.responses.making import World
from connectors.attacks.responses.markup import comments, differential, entities, instructions, spelling
from connectors.attacks.responses.meanings import valid_meanings, valid_persons
from connectors.attacks.responses.sealed import encryption
from connectors.attacks.responses.signatures import evil_data, exclusion, foreign
from connectors.attacks.responses.signed_info import digests, external, references, transforms
from connectors.attacks.responses.subject import levels, names, persons
from connectors.attacks.responses.variants import valid_signatures, valid_spellings
from connectors.attacks.responses.wrapping import wrapping

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
