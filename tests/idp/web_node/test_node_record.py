"""A sending node records which node asked, in which message, when, and how it ended; nothing of the person, ever."""

import inspect
import json

import pytest

from idp.ledger.leaf import complete as completed
from idp.ledger.leaf import prepare, read_leaf
from idp.ledger.record_contents import draft_node, new_record
from idp.ports import RecordDraft
from policies.parties import EntityId
from tests.idp.store.units import KEYS, NOW, TENANT, release

NODE = EntityId("https://broker.nl.example/eidas/metadata")
MESSAGE = "_request-of-the-node"
KINDS = ("release", "refusal", "cancellation", "unsent")


def made(kind: str) -> RecordDraft:
    return draft_node(record=new_record(), time=NOW, kind=kind, message=MESSAGE, node=NODE)


def contents(draft: RecordDraft) -> dict[str, dict[str, object]]:
    return {opening.compartment: json.loads(opening.content) for opening in draft.openings}


def texts(draft: RecordDraft) -> set[object]:
    """Every value that stands in a record, whatever it is called."""
    found: set[object] = set()

    def visit(value: object) -> None:
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                visit(one)
        else:
            found.add(value)

    visit(contents(draft))
    return found


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_says_node_message_and_time_and_nothing_else(kind: str) -> None:
    draft = made(kind)
    facts = {"message": MESSAGE, "node": NODE, "record": draft.record.hex(), "time": NOW}
    assert contents(draft) == {"sent": facts, "decision": {**facts, "kind": kind}}
    assert (draft.kind, draft.time, draft.subject) == (kind, NOW, None)


@pytest.mark.spec("decisions.md 26")
def test_nothing_of_a_person_can_be_handed_in() -> None:
    assert list(inspect.signature(draft_node).parameters) == ["record", "time", "kind", "message", "node"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_leaf_is_that_of_any_other_record(kind: str) -> None:
    """A release of a city and whatever a node did: the same size, the same names, no difference but random bytes."""
    of_node = completed(prepare(made(kind), TENANT, KEYS), TENANT, None, 0)
    of_city = completed(prepare(release(), TENANT, KEYS), TENANT, b"k" * 32, 1)
    assert of_node.subject_opening is None
    assert len(of_node.leaf) == len(of_city.leaf)
    assert set(read_leaf(of_node.leaf)[0]) == set(read_leaf(of_city.leaf)[0])
    assert len({*read_leaf(of_node.leaf)[0].values(), read_leaf(of_node.leaf)[1]}) == 6


@pytest.mark.spec("issue: no identifier is common to the two ledgers")
def test_the_two_ledgers_of_one_login_have_nothing_in_common_but_the_word_and_the_second() -> None:
    sending, receiving = made("release"), release()
    assert texts(sending) & texts(receiving) == {NOW, "release"}
