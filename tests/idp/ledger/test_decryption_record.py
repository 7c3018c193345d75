"""A decryption by hand stands in the ledger: which file, why, when; either role's verification takes it."""

import json
from pathlib import Path

import pytest

from idp.audit.verify import verify_ledger
from idp.audit.verify_records import Role
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.record_contents import DECRYPTION, draft_decryption, new_record
from idp.ports import Opening, RecordDraft
from idp.store.migrate import migrate
from idp.store.store import Store
from tests.idp.store.units import KEYS, NOW, TENANT, opened, unit

FILE = "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    migrate(f"sqlite:///{tmp_path / 'ciconia.db'}")
    return opened(tmp_path)


def draft(reason: str = "incident 4711") -> RecordDraft:
    return draft_decryption(record=new_record(), time=NOW, file=FILE, reason=reason)


def changed(compartments: tuple[str, ...], **facts: Json) -> RecordDraft:
    """A record whose openings say something else."""
    made = draft()
    openings = tuple(
        Opening(one.compartment, one.nonce, jcs({**json.loads(one.content), **facts}))
        if one.compartment in compartments
        else one
        for one in made.openings
    )
    return RecordDraft(made.record, made.kind, made.time, made.subject, openings)


def findings(store: Store, record: RecordDraft, role: Role | None = None) -> set[str]:
    store.commit(unit(record=record))
    found = {f.what for f in verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role=role).findings}
    store.close()
    return found


@pytest.mark.spec("decisions.md 16")
def test_a_decryption_says_which_file_why_and_when_and_no_person() -> None:
    made = draft()
    facts = {"file": FILE, "reason": "incident 4711", "record": made.record.hex(), "time": NOW}
    contents = {opening.compartment: json.loads(opening.content) for opening in made.openings}
    assert contents == {"sent": facts, "decision": {**facts, "kind": DECRYPTION}}
    assert (made.kind, made.subject) == (DECRYPTION, None)


@pytest.mark.spec("decisions.md 16")
@pytest.mark.parametrize("role", ["city", "node", None])
def test_it_fits_in_the_ledger_of_either_role(store: Store, role: Role | None) -> None:
    assert not findings(store, draft("ä reason " * 20), role)


@pytest.mark.parametrize("file", ["", "A" * 64, "a" * 63, 7])
def test_a_record_without_a_digest_is_named(store: Store, file: Json) -> None:
    what = "a decryption by hand names no file by a digest of 64 hex digits"
    assert findings(store, changed(("sent", "decision"), file=file)) == {what}


@pytest.mark.parametrize(
    ("compartments", "facts", "what"),
    [
        (("sent",), {"reason": "another"}, "a decryption by hand says one thing as sent and another as decided"),
        (("sent", "decision"), {"subject": "x"}, "a decryption by hand says more or less than it may"),
        (("decision",), {"time": NOW + 1}, "its decision has another time"),
    ],
)
def test_a_record_that_says_more_or_another_thing_is_named(
    store: Store, compartments: tuple[str, ...], facts: dict[str, Json], what: str
) -> None:
    assert what in findings(store, changed(compartments, **facts))
