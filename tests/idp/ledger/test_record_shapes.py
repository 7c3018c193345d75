"""Records without a subject: an operator's acts, answers that never left, a node's logins. A wrong shape is named."""

import json
from collections.abc import Collection
from dataclasses import replace

import pytest

from idp.audit.verify import verify_ledger
from idp.audit.verify_records import Role
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.operator_records import draft_approval, draft_decryption, draft_plan_act, draft_switch
from idp.ledger.record_contents import REFUSAL, RELEASE, UNSENT, draft_node, draft_unsent, new_record
from idp.ports import Opening, RecordDraft
from idp.store.store import Store
from policies.parties import EntityId
from tests.idp.store.units import KEYS, NOW, TENANT, refusal, release, unit

NODE = EntityId("https://nl.example/eidas")
ABOUT = bytes(range(16))
BOTH = ("sent", "decision")


def at_node(kind: str) -> RecordDraft:
    return draft_node(record=new_record(), time=NOW, kind=kind, message="_m", node=NODE)


def approval() -> RecordDraft:
    return draft_approval(record=new_record(), time=NOW, peer=NODE, digest="0" * 64)


def decryption(reason: str = "incident 4711") -> RecordDraft:
    return draft_decryption(record=new_record(), time=NOW, file="a" * 64, reason=reason)


def switch() -> RecordDraft:
    return draft_switch(record=new_record(), time=NOW, switch="party", name="parking", off=True, reason="it leaks")


def refused() -> RecordDraft:
    return draft_plan_act(
        record=new_record(), time=NOW, act="refused", plan="a" * 64, who="anna", reason="nobody approves their own plan"
    )


def unsent() -> RecordDraft:
    return draft_unsent(time=NOW, about=ABOUT)


def changed(draft: RecordDraft, compartments: Collection[str], **facts: Json) -> RecordDraft:
    """The record, with other facts in some of its openings."""

    def opening(one: Opening) -> Opening:
        return replace(one, content=jcs({**json.loads(one.content), **facts})) if one.compartment in compartments else one

    return replace(draft, openings=tuple(opening(one) for one in draft.openings))


def findings(store: Store, draft: RecordDraft, role: Role | None = None) -> set[str]:
    store.commit(unit(record=draft))
    return {finding.what for finding in verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role=role).findings}


@pytest.mark.spec("decisions.md 16")
@pytest.mark.parametrize(
    ("draft", "facts"),
    [
        (decryption(), {"file": "a" * 64, "reason": "incident 4711"}),
        (unsent(), {"about": ABOUT.hex()}),
        (switch(), {"name": "parking", "reason": "it leaks", "state": "off", "switch": "party"}),
        (refused(), {"act": "refused", "plan": "a" * 64, "reason": "nobody approves their own plan", "who": "anna"}),
    ],
)
def test_an_act_says_the_same_in_both_openings_and_nothing_of_a_person(draft: RecordDraft, facts: dict[str, Json]) -> None:
    said = {**facts, "record": draft.record.hex(), "time": NOW}
    contents = {opening.compartment: json.loads(opening.content) for opening in draft.openings}
    assert contents == {"sent": said, "decision": {**said, "kind": draft.kind}}
    assert draft.subject is None


@pytest.mark.spec("decisions.md 16")
@pytest.mark.parametrize(
    ("draft", "own"),
    [(decryption("ä reason " * 20), None), (switch(), None), (unsent(), "city"), (at_node(UNSENT), "node")],
)
@pytest.mark.parametrize("role", ["city", "node", None])
def test_an_act_fits_in_either_roles_ledger_and_a_login_in_its_own(
    store: Store, draft: RecordDraft, own: Role | None, role: Role | None
) -> None:
    assert bool(findings(store, draft, role)) == (None not in (own, role) and own != role)


NODE_ODD = "a release to a node says more or less than it may"
NODE_TWO = "a release to a node says one thing as sent and another as decided"
APPROVAL_ODD = "an approval of metadata says more or less than it may"
NO_SWITCH = "a switch does not say what is off or on"
NO_KIND = "it is no release, refusal or cancellation, nothing unsent, and no act of an operator or a person"
NO_FILE = "a decryption by hand names no file by a digest of 64 hex digits"


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize(
    ("draft", "compartments", "facts", "what"),
    [
        # a city's logins
        (release(), ("sent",), {"record": "00" * 16}, "its sent has another record"),
        (release(), ("sent",), {"time": NOW + 1}, "its sent has another time"),
        (release(), ("decision",), {"time": NOW + 1}, "its decision has another time"),
        (release(), ("decision",), {"kind": "gift"}, NO_KIND),
        (release(), ("decision",), {"kind": "refusal"}, "a refusal does not have these openings"),
        (release(), ("decision",), {"kind": "metadata"}, APPROVAL_ODD),
        (release(), ("decision",), {"node": "https://nl.example/"}, NODE_ODD),
        (release(), ("subject",), {"subject": "00" * 32}, "its subject's part is of another record or subject"),
        (release(), ("login",), {"aud": "another"}, "its login is of another relying party than it was sent to"),
        (
            refusal(),
            ("decision",),
            {"node": "https://nl.example/"},
            "a refusal to a node says more or less than it may",
        ),
        # a node's logins
        (at_node(RELEASE), ("sent",), {"names": [["family_name", "exact"]]}, NODE_ODD),
        (at_node(RELEASE), ("decision",), {"source": "ee"}, NODE_ODD),
        (at_node(RELEASE), ("sent",), {"message": "_other"}, NODE_TWO),
        (at_node(RELEASE), ("decision",), {"node": "https://lv.example/"}, NODE_TWO),
        (at_node(RELEASE), ("decision",), {"time": NOW + 1}, "its decision has another time"),
        (at_node(RELEASE), ("decision",), {"kind": "metadata"}, APPROVAL_ODD),
        (at_node(REFUSAL), ("decision",), {"kind": "gift"}, NO_KIND),
        # approvals of metadata
        (approval(), ("decision",), {"kind": "release"}, "a release does not have these openings"),
        (approval(), ("decision",), {"node": "https://nl.example/"}, APPROVAL_ODD),
        (
            approval(),
            ("sent",),
            {"digest": "1" * 64},
            "an approval of metadata says one thing as sent and another as decided",
        ),
        # answers that never left
        (unsent(), ("sent",), {"about": "0" * 32}, "what was not sent says one thing as sent and another as decided"),
        (unsent(), BOTH, {"subject": "x"}, "what was not sent says more or less than it may"),
        (unsent(), BOTH, {"about": "0" * 31}, "what was not sent names no record by 32 hex digits"),
        (unsent(), BOTH, {"about": 7}, "what was not sent names no record by 32 hex digits"),
        # decryptions by hand
        (decryption(), ("sent",), {"reason": "no"}, "a decryption by hand says one thing as sent and another as decided"),
        (decryption(), BOTH, {"subject": "x"}, "a decryption by hand says more or less than it may"),
        (decryption(), BOTH, {"file": "A" * 64}, NO_FILE),
        (decryption(), BOTH, {"file": 7}, NO_FILE),
        # switches
        (switch(), BOTH, {"state": "gone"}, NO_SWITCH),
        (switch(), BOTH, {"name": ""}, NO_SWITCH),
        (switch(), BOTH, {"reason": ""}, "a switch has no reason"),
        (switch(), BOTH, {"person": "x"}, "a switch says more or less than it may"),
        # approvals of plans
        (refused(), BOTH, {"act": "hidden"}, "what somebody said to a plan is neither yes nor no"),
        (refused(), BOTH, {"plan": "a"}, "what somebody said to a plan names no plan by 64 hex digits"),
        (refused(), BOTH, {"reason": ""}, "what somebody said to a plan has no reason"),
        (refused(), BOTH, {"who": ""}, "what somebody said to a plan does not say who it was"),
    ],
)
def test_a_record_that_says_more_or_another_thing_is_named(
    store: Store, draft: RecordDraft, compartments: tuple[str, ...], facts: dict[str, Json], what: str
) -> None:
    assert what in findings(store, changed(draft, compartments, **facts))


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize("draft", [at_node(RELEASE), approval()], ids=["node", "approval"])
@pytest.mark.parametrize("compartment", ["subject", "login"])
def test_a_person_beside_a_record_that_has_none_is_named(store: Store, draft: RecordDraft, compartment: str) -> None:
    added = next(opening for opening in release().openings if opening.compartment == compartment)
    subject = b"s" * 32 if compartment == "subject" else None
    found = findings(store, replace(draft, subject=subject, openings=(*draft.openings, added)))
    assert [what for what in found if what.endswith("has no subject, no counter and no other openings")]


NO_DIGEST = "an approval of metadata has no digest of 64 hex digits"
NO_PEER = "an approval of metadata has no entity id"


@pytest.mark.spec("decisions.md 30")
@pytest.mark.parametrize(
    ("facts", "whats"),
    [
        ({"digest": "0" * 63}, {NO_DIGEST}),
        ({"digest": "0" * 64 + "\n"}, {NO_DIGEST}),
        ({"digest": 7}, {NO_DIGEST}),
        ({"peer": "the node of Latvia"}, {NO_PEER}),
        ({"peer": ["https://nl.example/"], "digest": ""}, {NO_DIGEST, NO_PEER}),
        ({"peer": "urn:lv:node"}, set()),
        ({"peer": "research"}, set()),  # a federation's
    ],
)
def test_an_approval_names_a_digest_and_an_entity_id(store: Store, facts: dict[str, Json], whats: set[str]) -> None:
    assert findings(store, changed(approval(), BOTH, **facts)) == whats


def test_a_release_without_a_subject_is_named(store: Store) -> None:
    draft = release()
    openings = tuple(o for o in draft.openings if o.compartment != "subject")
    found = findings(store, replace(draft, subject=None, openings=openings))
    assert "a release does not have these openings" in found
    assert "a release has a subject and a counter exactly where it is a release" in found
