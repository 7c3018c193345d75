"""Mandates as STORK 2.0 writes them, and ours: who acts, for whom, in which procedures, from when to when, up to what.

A code of STORK (`typePower`) is one procedure of that name, whatever a peer means by it: none is read as a general power.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from connectors.formats.stork.values import StorkComplex
from policies.errors import AssertionRejected
from policies.mandates import Mandate

# The code of a mandate of ours that is for every procedure
GENERAL = "general"
Parts = tuple[tuple[str, str | StorkComplex], ...]


def mandate_value(represented: StorkComplex, acting: StorkComplex, mandates: Sequence[Mandate]) -> StorkComplex:
    """What we say of somebody who acts for another."""
    contents = tuple(("mandateContent", one) for mandate in mandates for one in _contents(mandate))
    return StorkComplex((("represented", represented), ("representative", acting), *contents))


def _contents(mandate: Mandate) -> Iterator[StorkComplex]:
    """One for each procedure: a code stands alone."""
    days = {"validFrom": mandate.valid_from, "validTo": mandate.valid_to}
    dated: Parts = tuple((name, str(day)) for name, day in days.items() if day)
    more: Parts = (("timeRestriction", StorkComplex(dated)),) if dated else ()
    more = (*more, ("isJoined", "true" if mandate.joint else "false"))
    if mandate.limit:
        bound = StorkComplex((("amount", f"{mandate.limit[0]:f}"), ("currency", mandate.limit[1])))
        more = (*more, ("transactionLimit", bound))
    for code in sorted(mandate.procedures) or [GENERAL]:
        yield StorkComplex((("typePower", code), *more))


def read_contents(value: StorkComplex) -> tuple[Mandate, ...]:
    """The mandates of what another country says. Raises `AssertionRejected` for what is none of ours."""
    return tuple(_read(one) for one in value.complexes("mandateContent"))


def _read(content: StorkComplex) -> Mandate:
    restriction = next(iter(content.complexes("timeRestriction")), StorkComplex(()))
    begins, ends = (restriction.text(name) for name in ("validFrom", "validTo"))
    limit = next(iter(content.complexes("transactionLimit")), None)
    try:
        return Mandate(
            procedures=frozenset((content.text("typePower"),)),
            valid_from=date.fromisoformat(begins) if begins else None,
            valid_to=date.fromisoformat(ends) if ends else None,
            limit=(Decimal(limit.text("amount")), limit.text("currency")) if limit else None,
            joint=content.text("isJoined") in ("true", "1"),
        )
    except ValueError:
        raise AssertionRejected(
            "attribute_value", "a mandate that contradicts itself, or has a code of another form"
        ) from None
