"""All cases of tokens."""

from collections.abc import Callable, Iterator

from idp.selftest.case import Case
from idp.selftest.tokens import claims
from idp.selftest.tokens.algorithms import algorithm_confusion, algorithm_none, another_algorithm
from idp.selftest.tokens.bench import Bench
from idp.selftest.tokens.benches import new_world
from idp.selftest.tokens.contents import json_of_a_token
from idp.selftest.tokens.crossing import another_kind
from idp.selftest.tokens.encrypted import encryption_cases
from idp.selftest.tokens.headers import critical_header, key_identifier, key_in_the_message, token_type
from idp.selftest.tokens.signatures import signature
from idp.selftest.tokens.spelling import form
from idp.selftest.tokens.unfinished import unfinished_registrations
from idp.selftest.tokens.valid import valid_tokens

# What every kind of token is tried with
_OF_ANY_KIND: tuple[Callable[[Bench], Iterator[Case]], ...] = (
    *(algorithm_none, algorithm_confusion, another_algorithm, key_in_the_message, critical_header, key_identifier),
    *(token_type, signature, form, json_of_a_token),
)
# What depends on the algorithm
_OF_ALGORITHMS = (algorithm_confusion, another_algorithm, signature)


def token_cases(now: int) -> Iterator[Case]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    world = new_world(now)
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
