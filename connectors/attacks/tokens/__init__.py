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

from collections.abc import Callable, Iterator, Mapping

from connectors.attacks.attack_case import AttackCase, Row
from connectors.attacks.tokens import claims, headers
from connectors.attacks.tokens.encryption import encryption_cases
from connectors.attacks.tokens.signatures import signature
from connectors.attacks.tokens.spelling import form, json_of_a_token
from connectors.attacks.tokens.token_benches import TokenBench, TokenWorld
from connectors.attacks.tokens.token_kinds import another_kind, unfinished_registrations
from connectors.attacks.tokens.valid import valid_tokens

# What every kind of token is tried with
_OF_ANY_KIND: Mapping[str, Callable[[TokenBench], Iterator[Row]]] = {
    "algorithm none": headers.algorithm_none,
    "algorithm confusion": headers.algorithm_confusion,
    "another algorithm": headers.another_algorithm,
    "key in the message": headers.key_in_the_message,
    "critical header": headers.critical_header,
    "key identifier": headers.key_identifier,
    "type": headers.token_type,
    "signature": signature,
    "form": form,
    "json": json_of_a_token,
}
# What depends on the algorithm
_OF_ALGORITHMS = ("algorithm confusion", "another algorithm", "signature")


def token_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    world = TokenWorld(now)
    for bench in (world.id_token("RS256"), world.client_assertion("ES256"), world.logout_token("EdDSA")):
        yield from bench.refused_rows({f"token: {family}": rows(bench) for family, rows in _OF_ANY_KIND.items()})
    for bench in (world.id_token("ES384"), world.client_assertion("PS256"), world.logout_token("Ed25519")):
        yield from bench.refused_rows({f"token: {family}": _OF_ANY_KIND[family](bench) for family in _OF_ALGORITHMS})
    yield from claims.id_token(world.id_token("ES256"))
    yield from claims.client_assertion(world.client_assertion("RS256"))
    yield from claims.client_assertion_by_registration(world.client_assertion_by_registration("ES256"))
    yield from claims.logout_token(world.logout_token("ES256"))
    yield from another_kind(world)
    yield from encryption_cases(world)
    yield from unfinished_registrations(world)
    yield from valid_tokens(world)
