"""Tokens: id_tokens, client assertions and logout tokens that must be refused, and those that must be accepted.

making.py      a token by hand
bench.py       one registration: a good token of it, and cases made of others
parties.py     keys, JWKS
benches.py     each kind of token with each algorithm
algorithms.py  none, HMAC with the public key, another algorithm
headers.py     keys in the message, extensions, key identifiers, types
signatures.py  signatures that no key made
spelling.py    another spelling of a token
contents.py    JSON that readers disagree about
claims.py      what each kind of token may not say
crossing.py    one kind of token where another is expected
encrypting.py  a JWE by hand
encrypted.py   encryption where none is expected, none where it is, and the wrong one
unfinished.py  registrations that no token may satisfy
valid.py       what must be accepted
"""

from connectors.attacks.tokens.cases import token_cases

__all__ = ["token_cases"]
