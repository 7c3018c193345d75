"""An answer that never left stands in the ledger: by the record that it is about, or as a node's login."""

import json
from pathlib import Path

import pytest

from idp.audit.verify import verify_ledger
from idp.audit.verify_records import Role
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.record_contents import UNSENT, draft_node, draft_unsent, new_record
from idp.ports import Opening, RecordDraft
from idp.store.migrate import migrate
from idp.store.store import Store
from policies.parties import EntityId
from tests.idp.store.units import KEYS, NOW, TENANT, opened, unit

ABOUT = bytes(range(16))
NODE = EntityId("https://node.nl.example/metadata")
OF_A_NODE = draft_node(record=new_record(), time=NOW, kind=UNSENT, message="_message", node=NODE)
OF_A_CITY = draft_unsent(record=new_record(), time=NOW, about=ABOUT)


def findings(tmp_path: Path, record: RecordDraft, role: Role | None = None) -> set[str]:
    migrate(f"sqlite:///{tmp_path / 'ciconia.db'}")
    store: Store = opened(tmp_path)
    store.commit(unit(record=record))
    found = {f.what for f in verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role=role).findings}
    store.close()
    return found


def changed(compartments: tuple[str, ...], **facts: Json) -> RecordDraft:
    """A city's, whose openings say something else."""
    openings = tuple(
        Opening(one.compartment, one.nonce, jcs({**json.loads(one.content), **facts}))
        if one.compartment in compartments
        else one
        for one in OF_A_CITY.openings
    )
    return RecordDraft(OF_A_CITY.record, UNSENT, NOW, None, openings)


def test_it_says_which_record_and_when_and_no_person() -> None:
    facts = {"about": ABOUT.hex(), "record": OF_A_CITY.record.hex(), "time": NOW}
    contents = {opening.compartment: json.loads(opening.content) for opening in OF_A_CITY.openings}
    assert contents == {"sent": facts, "decision": {**facts, "kind": UNSENT}}
    assert (OF_A_CITY.kind, OF_A_CITY.subject) == (UNSENT, None)


@pytest.mark.parametrize(("draft", "own"), [(OF_A_CITY, "city"), (OF_A_NODE, "node")])
@pytest.mark.parametrize("role", ["city", "node", None])
def test_each_role_has_its_own(tmp_path: Path, draft: RecordDraft, own: Role, role: Role | None) -> None:
    assert bool(findings(tmp_path, draft, role)) == (role not in (own, None))


@pytest.mark.parametrize(
    ("compartments", "facts", "what"),
    [
        (("sent",), {"about": "0" * 32}, "what was not sent says one thing as sent and another as decided"),
        (("sent", "decision"), {"subject": "x"}, "what was not sent says more or less than it may"),
        (("sent", "decision"), {"about": "0" * 31}, "what was not sent names no record by 32 hex digits"),
        (("sent", "decision"), {"about": 7}, "what was not sent names no record by 32 hex digits"),
        (("sent", "decision"), {"kind": "unheard"}, "it is no release"),
    ],
)
def test_one_that_says_another_thing_is_named(
    tmp_path: Path, compartments: tuple[str, ...], facts: dict[str, Json], what: str
) -> None:
    assert any(found.startswith(what) for found in findings(tmp_path, changed(compartments, **facts)))
