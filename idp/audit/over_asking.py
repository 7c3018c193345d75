"""Counts what services asked for and could not have got from anybody, out of the ledger: no person, and no value.

A login counts once for each attribute that its registration or its purpose gives less of than it asked. What the country
lacks, what the citizen did not tick and a level that is too low are no over-asking.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE
from idp.store import tables
from idp.store.engine import reading
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.errors import SignatureInvalid
from policies.purposes import Purpose
from policies.release import OVER_ASKED, Reason

CHUNK = 500
# What a request names beyond our catalogue: a service's own words, which are not repeated
UNKNOWN = "(unknown)"
# A name, and its form or reason
Pairs = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class OverAsked:
    """How many logins of a service asked for more of an attribute than they may get, and why they may not."""

    client_id: str
    attribute: str
    reason: Reason
    logins: int


@dataclass(frozen=True, slots=True)
class OverAsking:
    """All of it, the most first; the logins of each service; and how many records do not open with these keys."""

    found: tuple[OverAsked, ...]
    logins: Mapping[str, int]
    unreadable: int


def over_asking(
    engine: Engine,
    *,
    tenant: str,
    keys: LedgerKeys,
    catalogue: Catalogue,
    purpose_of: Callable[[str], Purpose | None],
    since: int,
) -> OverAsking:
    """Read each login that was decided at or after `since` (seconds), beside a running broker.

    `purpose_of` finds the purpose whose file had this hash: without it nobody knows that less was enough. Raises
    `StoreUnavailable`.
    """
    counts: Counter[tuple[str, str, Reason]] = Counter()
    logins: Counter[str] = Counter()
    unreadable = 0
    column = tables.records.c
    query = select(column.record, column.time, column.sent_opening, column.decision_opening)
    query = query.where(column.tenant == tenant, column.time >= since)
    with reading(), engine.connect() as connection:
        for row in connection.execute(query, execution_options={"yield_per": CHUNK}):
            key = keys.period_key(tenant, row.time)
            try:
                sent = json.loads(open_opening(key, tenant, row.record, "sent", row.sent_opening).content)
                decided = json.loads(open_opening(key, tenant, row.record, "decision", row.decision_opening).content)
            except SignatureInvalid:
                unreadable += 1
                continue
            if decided["kind"] in (RELEASE, REFUSAL, CANCELLATION) and "client" in sent:
                logins[sent["client"]] += 1
                asked, withheld, unknown = decided["asked"], decided["withheld"], bool(decided["unknown"])
                found = asked_too_much(asked, withheld, purpose_of(sent["policy"]), catalogue, unknown=unknown)
                counts.update((sent["client"], *one) for one in found.items())
    all_found = [OverAsked(client, name, reason, count) for (client, name, reason), count in counts.items()]
    return OverAsking(
        tuple(sorted(all_found, key=lambda one: (-one.logins, one.client_id, one.attribute, one.reason))),
        logins,
        unreadable,
    )


def asked_too_much(
    asked: Pairs, withheld: Pairs, purpose: Purpose | None, catalogue: Catalogue, *, unknown: bool
) -> dict[str, Reason]:
    """The attributes of one login that it asked too much of, each with why."""
    reasons = {name: Reason(reason) for name, reason in withheld}
    found = {name: reason for name, reason in reasons.items() if reason in OVER_ASKED}
    if unknown:
        found[UNKNOWN] = Reason.NOT_REGISTERED
    for name, text in ((AttributeName(name), text) for name, text in asked if name not in reasons):
        need, form = purpose.needs.get(name) if purpose else None, catalogue.form(name, text)
        if need and form and catalogue.meet(name, form, need.form) != form:
            found[name] = Reason.LEAST_SUFFICIENT
    return found
