"""A record's contents: facts, and no value outside the compartment that is kept nowhere."""

import inspect
import json

import pytest

from idp.ledger.canonical_json import jcs
from idp.ledger.operator_records import METADATA, draft_approval
from idp.ledger.record_contents import CANCELLATION, draft_node, draft_refusal, draft_release, new_record
from idp.ports import RecordDraft
from policies.attributes import Address
from policies.parties import EntityId
from policies.purposes import Basis
from policies.release import Decision, Reason
from tests.idp.store.units import ADULT, NOW, decided, refusal, release, request, ruling


def contents(draft: RecordDraft) -> dict[str, dict[str, object]]:
    return {opening.compartment: json.loads(opening.content) for opening in draft.openings}


@pytest.mark.spec("design §5")
def test_a_release_says_to_whom_what_why_and_when() -> None:
    draft = release()
    assert contents(draft)["sent"] == {
        "basis": "public_task",
        "client": "parking",
        "loa": "substantial",
        "names": [["address", "exact"], ["birthdate", "age_over(18)"]],
        "policy": "0" * 64,
        "purpose": "resident-parking",
        "record": draft.record.hex(),
        "time": NOW,
    }


@pytest.mark.spec("design §5")
def test_a_release_says_what_was_asked_and_what_was_withheld_and_why() -> None:
    draft = release()
    assert contents(draft)["decision"] == {
        "asked": [["address", "exact"], ["birthdate", "exact"]],
        "bits": "10",  # the address was ticked, the email was not
        "kind": "release",
        "notice": "1" * 64,
        "path": "page",
        "record": draft.record.hex(),
        "source": "ee",
        "time": NOW,
        "unknown": [],
        "withheld": [["email", "not_chosen"], ["family_name", "not_needed"]],
    }


@pytest.mark.spec("design §5")
def test_a_release_ties_itself_to_the_token_and_to_the_person() -> None:
    draft = release()
    found = contents(draft)
    expected = {"aud": "parking", "iss": "https://login.storkhaven.example", "nonce": "n-0S6", "sub": "PAIRWISE"}
    assert found["login"] == expected
    assert found["subject"] == {"record": draft.record.hex(), "subject": (b"s" * 32).hex()}


@pytest.mark.spec("decisions.md 22")
def test_values_stand_in_their_own_compartment_alone() -> None:
    draft = release(decision=decided(Address(street="Qxwvzk Street 77", postal_code="QX 00112")))
    assert contents(draft)["values"] == {
        "address": {"country": "", "locality": "", "postal_code": "QX 00112", "region": "", "street": "Qxwvzk Street 77"},
        "birthdate": True,
    }
    elsewhere = [opening.content for opening in draft.openings if opening.compartment != "values"]
    assert not any(b"Qxwvzk" in content or b"00112" in content for content in elsewhere)


@pytest.mark.spec("decisions.md 22")
def test_a_predicate_counts_as_sent_whatever_it_answered() -> None:
    drafts = [
        release(decision=Decision((ruling("birthdate", ADULT, value=answer, reason=Reason.LEAST_SUFFICIENT),)))
        for answer in (True, False)
    ]
    for compartment in ("sent", "decision", "login"):
        first, second = (contents(draft)[compartment] for draft in drafts)
        assert {**first, "record": ""} == {**second, "record": ""}


def test_every_opening_is_canonical_and_has_a_nonce_of_its_own() -> None:
    draft = release()
    assert all(jcs(json.loads(o.content)) == o.content for o in draft.openings)
    assert len({o.nonce for o in draft.openings}) == len(draft.openings) == 5
    assert {len(o.nonce) for o in draft.openings} == {32}


@pytest.mark.spec("design §5")
def test_a_refusal_says_that_nothing_went_and_names_nobody() -> None:
    draft = refusal()
    found = contents(draft)
    assert set(found) == {"sent", "decision"}
    assert draft.subject is None
    assert (found["sent"]["names"], found["sent"]["loa"]) == ([], "")
    assert found["decision"]["kind"] == "refusal"
    assert found["decision"]["bits"] == "00"


def test_a_cancellation_before_any_country_answered_knows_neither_source_nor_ruling() -> None:
    draft = draft_refusal(
        record=new_record(),
        time=NOW,
        request=request(unknown=["shoe_size"]),
        basis=Basis.CONSENT,
        policy="0" * 64,
        kind=CANCELLATION,
    )
    decision = contents(draft)["decision"]
    assert (decision["kind"], decision["source"], decision["withheld"], decision["bits"]) == (CANCELLATION, "", [], "")
    assert decision["unknown"] == ["shoe_size"]


@pytest.mark.spec("decisions.md 26")
def test_a_sending_nodes_login_ends_in_one_of_three_ways() -> None:
    with pytest.raises(ValueError, match="a release, a refusal or a cancellation"):
        draft_node(record=new_record(), time=NOW, kind=METADATA, message="_m", node=EntityId("https://nl.example"))


@pytest.mark.spec("decisions.md 30")
def test_an_approval_says_whose_metadata_which_and_when() -> None:
    draft = draft_approval(record=new_record(), time=NOW, peer=EntityId("https://nl.example/eidas"), digest="a" * 64)
    facts = {"digest": "a" * 64, "peer": "https://nl.example/eidas", "record": draft.record.hex(), "time": NOW}
    assert contents(draft) == {"sent": facts, "decision": {**facts, "kind": METADATA}}
    assert (draft.kind, draft.subject) == (METADATA, None)


@pytest.mark.spec("issue: no identifier is common to the two ledgers")
def test_a_citys_record_has_no_place_for_the_ids_of_messages() -> None:
    known = {*contents(release())["sent"], *contents(release())["decision"], *contents(release())["login"]}
    assert not {"message", "node", "response", "assertion", "in_response_to"} & known
    taken = {*inspect.signature(draft_release).parameters, *inspect.signature(draft_refusal).parameters}
    assert not {"assertion", "response", "expectation", "inbound", "message"} & taken
