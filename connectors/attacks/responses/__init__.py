"""SAML responses: those that must be refused, each by one check, and those that must be accepted.

response_draft.py    a response as data; assertion_sealing.py: an encrypter that encrypts nonsense
parties.py           keys, registrations and entrances of a run; response_judges.py: what a file becomes there
settings.py          the ways in which answers come; recipes.py: a good answer of which one thing is otherwise
wrapping.py          signature wrapping
signatures.py        evil data in signatures, signatures of other messages, no signatures
algorithms.py        keys that a message brings along, algorithms that it would like
signed_info.py       digests, references, transforms
limits.py            namespaces, identifiers, sizes
markup.py            encodings, DOCTYPE, entities, comments, instructions, CDATA
binding.py           to whom, to what, from whom, when; by which binding; by whom behind the provider
subject.py           who somebody is, and how surely
grammar.py           statuses, versions, and elements that nobody knows
encryption.py        encrypted assertions, by RSA and on curves; encryption_forms.py: their one form, and their methods
aes_cbc.py           the deviation `aes_cbc`; deviations.py: those of nodes
variants.py, ciphers.py, meanings.py   what must be accepted
"""

from collections.abc import Callable, Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.aes_cbc import aes_cbc, valid_aes_cbc
from connectors.attacks.responses.algorithms import confusion, keys_in_messages
from connectors.attacks.responses.binding import coming, providers, proxies, recipients, times, unsolicited, valid_coming
from connectors.attacks.responses.ciphers import valid_encryption
from connectors.attacks.responses.deviations import deviations, valid_deviations
from connectors.attacks.responses.encryption import agreements, encryption
from connectors.attacks.responses.grammar import closed, statuses
from connectors.attacks.responses.limits import identifiers, size, void
from connectors.attacks.responses.markup import comments, differential, entities, instructions, spelling
from connectors.attacks.responses.meanings import valid_meanings, valid_persons
from connectors.attacks.responses.settings import ResponseWorld
from connectors.attacks.responses.signatures import evil_data, exclusion, foreign
from connectors.attacks.responses.signed_info import digests, external, references, transforms
from connectors.attacks.responses.subject import levels, names, persons
from connectors.attacks.responses.variants import valid_signatures, valid_spellings
from connectors.attacks.responses.wrapping import wrapping

FAMILIES: tuple[Callable[[ResponseWorld], Iterator[AttackCase]], ...] = (
    *(wrapping, evil_data, foreign, exclusion),
    *(keys_in_messages, confusion),
    *(digests, references, transforms, external),
    *(void, identifiers, differential, comments, instructions, entities, spelling, size),
    *(encryption, aes_cbc, agreements),
    *(coming, recipients, unsolicited, providers, proxies, names, levels, persons, times, statuses, closed, deviations),
    *(valid_spellings, valid_signatures, valid_encryption, valid_aes_cbc),
    *(valid_meanings, valid_persons, valid_coming, valid_deviations),
)


def response_cases(now: int) -> Iterator[AttackCase]:
    """Every case of a response, made with new keys for `now` (seconds since the epoch)."""
    world = ResponseWorld(now)
    for family in FAMILIES:
        yield from family(world)
