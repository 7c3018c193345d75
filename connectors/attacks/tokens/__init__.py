"""Tokens: id_tokens, client assertions and logout tokens that must be refused, and those that must be accepted.

jws_text.py    a token by hand; jwe_text.py: an encrypted one
token_benches.py  each kind of token with each algorithm: a good one, and where it is judged
headers.py     keys in the message, extensions, key identifiers, types; none, HMAC with the public key
signatures.py  signatures that no key made
spelling.py    another spelling of a token, and JSON that readers disagree about
claims.py      what each kind of token may not say
token_kinds.py one kind of token where another is expected, and registrations that no token may satisfy
encryption.py  encryption where none is expected, none where it is, and the wrong one
valid.py       what must be accepted
"""

from collections.abc import Callable, Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.tokens import claims
from connectors.attacks.tokens.encryption import encryption_cases
from connectors.attacks.tokens.headers import (
    algorithm_confusion,
    algorithm_none,
    another_algorithm,
    critical_header,
    key_identifier,
    key_in_the_message,
    token_type,
)
from connectors.attacks.tokens.signatures import signature
from connectors.attacks.tokens.spelling import form, json_of_a_token
from connectors.attacks.tokens.token_benches import TokenBench, TokenWorld
from connectors.attacks.tokens.token_kinds import another_kind, unfinished_registrations
from connectors.attacks.tokens.valid import valid_tokens

# What every kind of token is tried with
_OF_ANY_KIND: tuple[Callable[[TokenBench], Iterator[AttackCase]], ...] = (
    *(algorithm_none, algorithm_confusion, another_algorithm, key_in_the_message, critical_header, key_identifier),
    *(token_type, signature, form, json_of_a_token),
)
# What depends on the algorithm
_OF_ALGORITHMS = (algorithm_confusion, another_algorithm, signature)


def token_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    world = TokenWorld(now)
    for bench in (world.id_token("RS256"), world.client_assertion("ES256"), world.logout_token("EdDSA")):
        for family in _OF_ANY_KIND:
            yield from family(bench)
    for bench in (world.id_token("ES384"), world.client_assertion("PS256"), world.logout_token("Ed25519")):
        for family in _OF_ALGORITHMS:
            yield from family(bench)
    yield from claims.id_token(world.id_token("ES256"))
    yield from claims.client_assertion(world.client_assertion("RS256"))
    yield from claims.client_assertion_by_registration(world.client_assertion_by_registration("ES256"))
    yield from claims.logout_token(world.logout_token("ES256"))
    yield from another_kind(world)
    yield from encryption_cases(world)
    yield from unfinished_registrations(world)
    yield from valid_tokens(world)
