"""Signed queries of the Redirect binding that must be refused, and those that must be accepted.

making.py      a query by hand: what is sent, and what is signed
benches.py     where queries are judged
texts.py       order, spelling, RelayState, parameters twice or too many
signatures.py  signatures that do not hold, and what is inside of a query
valid.py       what must be accepted
"""

from connectors.attacks.queries.cases import query_cases

__all__ = ["query_cases"]
