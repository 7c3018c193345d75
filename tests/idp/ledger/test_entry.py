"""The leaf and the openings: one size, one spelling, and nothing opens but what was committed to."""

import base64
import hashlib
import hmac
import json
import secrets
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.ledger.canonical_json import Json, jcs
from idp.ledger.leaf import (
    COMPARTMENTS,
    SIZE_CLASSES,
    commitment,
    complete,
    is_leaf,
    leaf,
    open_opening,
    prepare,
    read_leaf,
    seal_opening,
    subject_index,
    tag,
)
from idp.ports import Opening, RecordDraft
from policies.attributes import Address
from policies.errors import SignatureInvalid
from tests.idp.store.units import KEYS, NOW, TENANT, decided, refusal, release

SUBJECT = b"s" * 32
SALT = b"t" * 32
KEY = KEYS.subject_key(TENANT, SUBJECT, SALT)


def opening(content: bytes, compartment: str = "sent") -> Opening:
    return Opening(compartment, secrets.token_bytes(32), content)


def leaf_of(draft: RecordDraft, counter: int = 1) -> bytes:
    prepared = prepare(draft, TENANT, KEYS)
    if draft.subject is None:
        return complete(prepared, TENANT, None, 0).leaf
    return complete(prepared, TENANT, KEY, counter).leaf


@pytest.mark.spec("design §5")
def test_a_leaf_is_canonical_json_of_commitments_and_tag() -> None:
    found = json.loads(leaf_of(release()))
    assert set(found) == {"commitments", "tag", "v"}
    assert set(found["commitments"]) == set(COMPARTMENTS)
    assert found["v"] == 1


@pytest.mark.spec("decisions.md 22")
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(1, 2**40))
def test_all_leaves_have_one_size_whatever_they_record(street: str, counter: int) -> None:
    drafts = [release(decision=decided(Address(street=street))), release(), refusal()]
    assert {len(leaf_of(draft, counter)) for draft in drafts} == {
        len(leaf(dict.fromkeys(COMPARTMENTS, bytes(32)), bytes(32)))
    }


@pytest.mark.spec("design §5")
def test_two_leaves_of_the_same_release_have_nothing_in_common() -> None:
    draft = release()
    openings = tuple(Opening(o.compartment, secrets.token_bytes(32), o.content) for o in draft.openings)
    again = RecordDraft(draft.record, draft.kind, draft.time, draft.subject, openings)
    first, second = (read_leaf(leaf_of(one, number)) for number, one in enumerate((draft, again), 1))
    assert not set(first[0].values()) & set(second[0].values())
    assert first[1] != second[1]


@pytest.mark.spec("design §5")
def test_a_refusal_has_random_bytes_where_it_has_no_part() -> None:
    draft = refusal()
    first, second = read_leaf(leaf_of(draft)), read_leaf(leaf_of(draft))
    assert {name for name in COMPARTMENTS if first[0][name] == second[0][name]} == {"sent", "decision"}
    assert first[1] != second[1]


def test_each_commitment_is_the_hmac_of_its_content_under_its_nonce() -> None:
    draft = release()
    commitments, _ = read_leaf(leaf_of(draft))
    for one in draft.openings:
        assert commitments[one.compartment] == hmac.new(one.nonce, one.content, hashlib.sha256).digest()


def test_a_nonce_of_any_other_length_commits_to_nothing() -> None:
    for size in [0, 31, 33, 64]:
        with pytest.raises(ValueError, match="32 bytes"):
            commitment(bytes(size), b"{}")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_leaf_takes_commitments_of_one_size_alone(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        leaf(dict.fromkeys(COMPARTMENTS, bytes(size)), bytes(size))
    with pytest.raises(ValueError, match="each compartment"):
        leaf({"sent": bytes(32)}, bytes(32))


def test_other_bytes_are_no_leaf() -> None:
    for data in [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"commitments":{},"tag":"","v":1}',
        leaf(dict.fromkeys(COMPARTMENTS, bytes(32)), bytes(32)) + b"\n",
        leaf(dict.fromkeys(COMPARTMENTS, bytes(32)), bytes(32)).replace(b'"v":1', b'"v":2'),
        leaf(dict.fromkeys(COMPARTMENTS, bytes(32)), bytes(32)).replace(b":{", b": {"),
        leaf(dict.fromkeys(COMPARTMENTS, bytes(32)), bytes(32)).replace(b"AA=", b"AB="),
        b"[" * 1024,  # deeper than a reader of JSON goes
    ]:
        with pytest.raises(ValueError, match="not a leaf"):
            read_leaf(data)
        assert not is_leaf(data)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=6, max_size=6))
def test_a_leaf_is_the_canonical_json_of_what_is_read_from_it(parts: list[bytes]) -> None:
    *made, tagged = parts
    commitments = dict(zip(COMPARTMENTS, made, strict=True))
    data = leaf(dict(reversed(commitments.items())), tagged)
    texts: dict[str, Json] = {name: base64.b64encode(part).decode() for name, part in commitments.items()}
    assert data == jcs({"v": 1, "tag": base64.b64encode(tagged).decode(), "commitments": texts})
    assert read_leaf(data) == (commitments, tagged)
    assert is_leaf(data)


def test_the_tag_counts_under_the_subjects_own_key() -> None:
    tags = {tag(KEY, counter) for counter in range(1, 50)}
    assert len(tags) == 49
    assert tag(KEYS.subject_key(TENANT, b"o" * 32, SALT), 1) not in tags
    assert tag(KEYS.subject_key(TENANT, SUBJECT, b"another salt"), 1) not in tags
    assert read_leaf(leaf_of(release(), 7))[1] == tag(KEY, 7)


@pytest.mark.spec("decisions.md 22")
@given(st.binary(max_size=5000))
def test_an_opening_opens_as_it_was_and_has_the_size_of_its_class(content: bytes) -> None:
    one = opening(content)
    sealed = seal_opening(KEY, TENANT, b"r" * 16, one)
    assert len(sealed) - 12 - 16 in SIZE_CLASSES
    assert open_opening(KEY, TENANT, b"r" * 16, "sent", sealed) == one


def test_what_fills_a_class_has_its_size_and_one_more_the_next() -> None:
    for first, second in list(pairwise(SIZE_CLASSES)):
        around = 12 + 16
        full = bytes(first - 32 - 4)
        assert len(seal_opening(KEY, TENANT, b"r" * 16, opening(full))) == around + first
        assert len(seal_opening(KEY, TENANT, b"r" * 16, opening(full + b"0"))) == around + second


@pytest.mark.spec("decisions.md 5")
def test_an_opening_opens_in_its_own_place_alone() -> None:
    sealed = seal_opening(KEY, TENANT, b"r" * 16, opening(b"{}"))
    elsewhere = [
        (b"k" * 32, TENANT, b"r" * 16, "sent", sealed),
        (KEY, "other.example", b"r" * 16, "sent", sealed),
        (KEY, TENANT, b"q" * 16, "sent", sealed),
        (KEY, TENANT, b"r" * 16, "decision", sealed),
        (KEY, TENANT, b"r" * 16, "sent", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEY, TENANT, b"r" * 16, "sent", sealed[:20]),
        (KEY, TENANT, b"r" * 16, "sent", b""),
    ]
    for arguments in elsewhere:
        with pytest.raises(SignatureInvalid):
            open_opening(*arguments)


@pytest.mark.spec("design §5")
def test_openings_of_the_tenant_lie_under_the_key_of_their_month() -> None:
    draft = release(time=NOW)
    sealed = prepare(draft, TENANT, KEYS).sealed
    assert set(sealed) == {"sent", "decision", "login"}
    assert open_opening(KEYS.period_key(TENANT, NOW), TENANT, draft.record, "sent", sealed["sent"])
    with pytest.raises(SignatureInvalid):
        open_opening(KEYS.period_key(TENANT, NOW + 32 * 86400), TENANT, draft.record, "sent", sealed["sent"])


@pytest.mark.spec("design §5")
def test_the_subjects_part_lies_under_the_subjects_own_key() -> None:
    draft = release()
    entry = complete(prepare(draft, TENANT, KEYS), TENANT, KEY, 1)
    assert entry.subject_opening is not None
    found = open_opening(KEY, TENANT, draft.record, "subject", entry.subject_opening)
    assert json.loads(found.content)["subject"] == SUBJECT.hex()
    other = KEYS.subject_key(TENANT, SUBJECT, b"a salt that was never stored")
    with pytest.raises(SignatureInvalid):
        open_opening(other, TENANT, draft.record, "subject", entry.subject_opening)


def test_a_draft_without_its_parts_is_refused() -> None:
    for draft in [
        RecordDraft(b"short", "release", NOW, None, refusal().openings),
        RecordDraft(b"r" * 16, "release", NOW, None, ()),
        RecordDraft(b"r" * 16, "release", NOW, None, refusal().openings * 2),
        RecordDraft(b"r" * 16, "release", NOW, SUBJECT, refusal().openings),
        RecordDraft(b"r" * 16, "refusal", NOW, None, release().openings),
        RecordDraft(b"r" * 16, "refusal", NOW, None, (*refusal().openings, opening(b"{}", "other"))),
    ]:
        with pytest.raises(ValueError, match="record has"):
            prepare(draft, TENANT, KEYS)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_two_persons_share_an_index(one: str, other: str) -> None:
    index = subject_index(b"k", TENANT, "demo/EE", one)
    assert len(index) == 32
    assert index == subject_index(b"k", TENANT, "demo/EE", one)
    assert (index == subject_index(b"k", TENANT, "demo/EE", other)) == (one == other)
    assert index != subject_index(b"k", TENANT, "demo/EEE", one)
    assert index != subject_index(b"k", "other.example", "demo/EE", one)
    assert index != subject_index(b"other", TENANT, "demo/EE", one)
