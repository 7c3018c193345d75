"""Events: each act of an operator is one, with who and why; no login is; what was changed in the database is none."""

import re
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from idp.application.recorded_act import FAILURES_AN_HOUR, SignInFailures, record_act
from idp.audit.events.event_types import TYPES, Event
from idp.audit.events.read_events import read_events, tree_size
from idp.ledger import operator_records as acts
from idp.ledger import person_records as persons
from idp.ledger.record_contents import new_record
from idp.ports import RecordDraft, Unit
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from policies.errors import StoreUnavailable
from policies.parties import EntityId
from tests.docs.pages import DOCS
from tests.idp.store.units import KEYS, NOW, TENANT, refusal, release, unit


@dataclass
class AwayOnce:
    """A ledger that cannot be written once, when it is told to."""

    store: Store
    lost: bool = False

    def commit(self, unit: Unit) -> None:
        if self.lost:
            self.lost = False
            raise StoreUnavailable("lost")
        self.store.commit(unit)


def drafts() -> list[tuple[str, str, RecordDraft]]:
    """One record of each type, and who is named."""
    found = [
        (
            "configuration.applied",
            "anna",
            acts.draft_configuration(record=new_record(), number=1, who="anna", before="", after="a" * 64, time=NOW),
        ),
        (
            "metadata.approved",
            "",
            acts.draft_approval(record=new_record(), peer=EntityId("https://nl.example"), digest="0" * 64, time=NOW),
        ),
        ("decryption", "", acts.draft_decryption(record=new_record(), file="a" * 64, reason="incident", time=NOW)),
    ]
    for act in (acts.APPROVED, acts.REFUSED):
        draft = acts.draft_plan_act(record=new_record(), act=act, plan="a" * 64, who="berta", reason="as agreed", time=NOW)
        found.append((f"plan.{act}", "berta", draft))
    for off in (True, False):
        draft = acts.draft_switch(record=new_record(), switch="party", name="parking", off=off, reason="it leaks", time=NOW)
        found.append((f"switch.{'off' if off else 'on'}", "", draft))
    of_keys = ["key.made", "key.moved", "key.vouched", "key.separated"]
    names = dict(zip(acts.ACTS, [*of_keys, "database.restored", "ledger.exported"], strict=False))
    names |= {acts.LOG_BEGUN: "ledger.begun", acts.YEAR_ENDED: "ledger.year_ended"}
    told = (*acts.OF_AUDITORS, *acts.OF_INCIDENTS, *acts.OF_ADMINISTRATORS, *acts.OF_MATCHING)
    names |= {**{act: act.replace("_", ".") for act in told}}
    for act in acts.ACTS:
        draft = acts.draft_act(record=new_record(), act=act, about="es256", who="root", reason="planned", time=NOW)
        found.append((names.get(act, "administrator.sign_in_failed"), "root", draft))
    found += [
        (
            f"erasure.{act}",
            "anna, berta",
            persons.draft_erasure(record=new_record(), time=NOW, act=act, who=["anna", "berta"]),
        )
        for act in persons.ACTS
    ]
    for act in acts.MANDATE_ACTS:
        draft = acts.draft_mandate(
            record=new_record(),
            time=NOW,
            act=act,
            of="grant",
            mandate="a" * 32,
            who="anna",
            reason="case 7",
            auditor="berta",
        )
        found.append((f"grant.{act}", "anna", draft))
    draft = acts.draft_mandate(
        record=new_record(), time=NOW, act=acts.ASKED, of="erasure", mandate="a" * 32, who="anna", reason="case 7"
    )
    return [*found, ("erasure.officers", "anna", draft)]


def placed(store: Store) -> None:
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0)
    sequencer.step()
    sequencer.stop()


def events(store: Store, first: int = 0) -> list[Event]:
    with store.engine.connect() as connection:
        return list(read_events(connection, TENANT, KEYS.openings, first))


def test_every_type_is_read_in_its_order_and_no_login_is_among_them(store: Store) -> None:
    expected = drafts()
    assert {name for name, _, _ in expected} == set(TYPES)
    for _, _, draft in expected:
        store.commit(unit(record=release()))
        store.commit(unit(record=refusal()))
        store.commit(unit(record=draft))
    placed(store)
    found = events(store)
    told = {one.record: (one.type, one.who) for one in found}
    assert told == {draft.record: (name, who) for name, who, draft in expected}
    assert len(found) == len(expected)
    assert [one.index for one in found] == sorted(one.index for one in found)
    assert events(store, found[-1].index) == found[-1:]
    with store.engine.connect() as connection:
        assert tree_size(connection, TENANT) == 3 * len(expected)
    assert all(
        one.why
        for one in found
        if one.type not in {"configuration.applied", "metadata.approved"} and "erasure" not in one.type
    )


def test_a_record_that_somebody_changed_is_no_event(store: Store) -> None:
    store.commit(
        unit(record=acts.draft_act(record=new_record(), time=NOW, act=acts.KEY_MADE, about="es256", who="", reason="r"))
    )
    placed(store)
    assert len(events(store)) == 1
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE records SET decision_opening = sent_opening"))
    assert events(store) == []


@pytest.mark.parametrize("wrong", [{"act": "anything"}, {"about": ""}, {"reason": ""}, {"who": "a\nb"}])
def test_an_act_says_which_it_is_about_what_by_whom_and_why(wrong: dict[str, str]) -> None:
    right = {"act": acts.EXPORTED, "about": "9 leaves", "who": "root", "reason": "asked for"}
    with pytest.raises(ValueError, match=r"act of an operator|a reason"):
        acts.draft_act(record=new_record(), time=NOW, **{**right, **wrong})


def test_failed_sign_ins_are_recorded_and_strangers_cannot_fill_the_ledger(store: Store) -> None:
    now = [0.0]
    failures = SignInFailures(store, TENANT, monotonic=lambda: now[0])
    told = [failures.record(way="passkey", who="", why="unknown_key") for _ in range(FAILURES_AN_HOUR + 5)]
    assert sum(told) == FAILURES_AN_HOUR
    failures.record(way="ciconia", who="", why="not_listed")
    failures.tell_more()
    now[0] = 3601.0
    assert failures.record(way="ciconia", who="anna\n<script>", why="not_listed")
    for _ in range(2):
        failures.tell_more()
    placed(store)
    found = events(store)
    assert {one.type for one in found} == {"administrator.sign_in_failed"}
    assert max(one.who for one in found) == "", "what is no name is none"
    assert len(found) == FAILURES_AN_HOUR + 3
    summed = {(str(one.facts["about"]), one.why) for one in found}
    assert {one for one in summed if "more" in one[1]} == {
        ("passkey", "5 more within an hour: unknown_key 5"),
        ("ciconia", "1 more within an hour: not_listed 1"),
    }
    # What a desk that ends has counted is not lost
    for _ in range(FAILURES_AN_HOUR + 1):
        failures.record(way="passkey", who="", why="unknown_key")
    failures.tell_more(at_once=True)
    placed(store)
    assert "2 more within an hour: unknown_key 2" in {one.why for one in events(store)}


def test_no_way_to_sign_in_loses_its_count_to_a_ledger_that_is_away(store: Store) -> None:
    away = AwayOnce(store)
    failures = SignInFailures(away, TENANT)
    for number in range(FAILURES_AN_HOUR + 8):
        failures.record(way=("civil", "passkey")[number % 2], who="", why="unknown_key")
    away.lost = True
    with pytest.raises(StoreUnavailable):
        failures.tell_more(at_once=True)
    failures.tell_more(at_once=True)
    placed(store)
    assert {str(one.facts["about"]) for one in events(store) if "more within" in one.why} == {"civil", "passkey"}


def test_an_act_without_a_reason_says_that_none_was_given(store: Store) -> None:
    record = record_act(store, TENANT, act=acts.KEY_MADE, about="es256.pem", who="root", reason="", now=NOW)
    placed(store)
    (found,) = events(store)
    assert (found.record, found.why, found.facts) == (
        record,
        "none was given",
        {"act": acts.KEY_MADE, "about": "es256.pem"},
    )


def test_the_page_lists_every_type() -> None:
    page = (DOCS / "events.md").read_text(encoding="utf-8").partition("## ")[0]
    assert dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", page, flags=re.MULTILINE)) == TYPES
