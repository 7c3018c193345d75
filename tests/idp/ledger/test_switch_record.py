"""The record of a switch: what is off or on again, and why; nothing of a person, and nothing that contradicts itself."""

import json
from dataclasses import replace

import pytest

from idp.audit.verify import verify_ledger
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.record_contents import SWITCH, draft_switch, new_record
from idp.ports import RecordDraft, Unit
from idp.store.store import Store
from tests.idp.store.units import KEYS, NOW, TENANT


def draft(**changes: Json) -> RecordDraft:
    """A record of which both openings say the same, changed."""
    made = draft_switch(record=new_record(), time=NOW, switch="party", name="parking", off=True, reason="it leaks")
    openings = (replace(one, content=jcs({**json.loads(one.content), **changes})) for one in made.openings)
    return replace(made, openings=tuple(openings))


def test_it_says_what_is_off_and_why_in_both_openings() -> None:
    sent, decision = (json.loads(one.content) for one in draft().openings)
    assert (sent["switch"], sent["name"], sent["state"], sent["reason"]) == ("party", "parking", "off", "it leaks")
    assert decision == {**sent, "kind": SWITCH}
    assert draft().subject is None


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, None),
        ({"state": "gone"}, "a switch does not say what is off or on"),
        ({"name": ""}, "a switch does not say what is off or on"),
        ({"reason": ""}, "a switch has no reason"),
        ({"person": "x"}, "a switch says more or less than it may"),
    ],
)
def test_verify_names_a_switch_that_is_none(store: Store, changes: dict[str, Json], what: str | None) -> None:
    store.commit(Unit(tenant=TENANT, record=draft(**changes)))
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    found = [finding.what for finding in report.findings]
    assert report.records == 1
    assert (what in found) if what else not found
