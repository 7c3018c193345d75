"""Signed queries of the Redirect binding that must be refused, and those that must be accepted.

query_benches.py  a query by hand, and where queries are judged
texts.py          order, spelling, RelayState, parameters twice or too many
signatures.py     signatures that do not hold, and what is inside of a query
valid.py          what must be accepted
forms.py          POST-SimpleSign: a signature beside a form
"""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.parties import message_benches, new_parties
from connectors.attacks.queries.forms import form_bench, form_cases
from connectors.attacks.queries.query_benches import query_benches
from connectors.attacks.queries.signatures import signature_cases
from connectors.attacks.queries.texts import text_cases
from connectors.attacks.queries.valid import valid_queries


def query_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new keys, identifiers and times around `now` (seconds since the epoch)."""
    parties = new_parties(now)
    for bench in query_benches(parties):
        yield from text_cases(bench)
        yield from signature_cases(bench)
        yield from valid_queries(bench)
    yield from form_cases(form_bench(parties, message_benches(parties).authn))
