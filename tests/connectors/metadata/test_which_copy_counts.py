"""Which copy of a node's metadata counts, as tables: what is in memory and what is kept, and then what came."""

from dataclasses import replace

import pytest

from connectors.addresses import FetchError
from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.metadata.copies import CopyChange, Held, Taken, Write, check_newer, looked, taken
from policies.parties import EntityId
from tests.connectors.metadata import node

FACTS = read_peer(node.signed(node.proxy()), "proxy")
OLD, NEW = node.key("messages").certificate, node.key("next").certificate
END = FACTS.valid_until


def says(*signing: bytes, end: int = END) -> PeerFacts:
    return replace(FACTS, signing=frozenset(signing), valid_until=end)


def copy(facts: PeerFacts, approved: PeerFacts | None = None, *, named: str = "", generation: int = 0) -> Held:
    """One whose octets are of its facts, as those are that come."""
    octets = f"{facts.digest} until {facts.valid_until}".encode()
    return Held(EntityId(facts.entity_id), octets, facts, approved, 0, named, generation)


ONE, BOTH = says(OLD), says(OLD, NEW)
LATER, BOTH_LATER = says(OLD, end=END + 1), says(OLD, NEW, end=END + 1)
HELD, NAMED, OTHER = copy(ONE, ONE), copy(ONE, named=ONE.digest), copy(ONE, named=BOTH.digest)
FORGOTTEN = replace(copy(LATER, generation=1), octets=b"")


def same(held: Held, write: Write) -> Taken:
    """Nothing more counts when it is written."""
    return Taken(held, held, write)


@pytest.mark.parametrize(
    ("known", "stored", "look"),
    [
        (None, None, CopyChange.NOTHING),
        (HELD, None, CopyChange.NOTHING),
        (HELD, HELD, CopyChange.NOTHING),
        (None, HELD, CopyChange.NEWER),
        (None, copy(ONE, generation=1), CopyChange.NEWER),
        # By the end
        (HELD, copy(LATER), CopyChange.NEWER),
        (HELD, copy(ONE), CopyChange.NEWER),
        (copy(LATER), copy(BOTH), CopyChange.NOTHING),
        # The same facts, of another process of the node
        (copy(LATER), HELD, CopyChange.APPROVED),
        (copy(LATER), copy(ONE), CopyChange.APPROVED),
        # Forgotten: whatever its end, and only forwards
        (copy(LATER), copy(ONE, generation=1), CopyChange.FORGOTTEN),
        (HELD, FORGOTTEN, CopyChange.FORGOTTEN),
        (copy(ONE, generation=1), copy(LATER), CopyChange.NOTHING),
        (copy(LATER, generation=1), HELD, CopyChange.NOTHING),
    ],
)
def test_what_is_kept_counts_where_it_is_newer_or_of_the_same_facts(
    known: Held | None, stored: Held | None, look: CopyChange
) -> None:
    assert looked(known, stored) is look


@pytest.mark.parametrize(
    ("came", "known", "stored", "registered", "expected"),
    [
        # The first of all: nothing of it is approved, but by the registration
        (ONE, None, None, None, same(copy(ONE), Write.KEEP)),
        (ONE, None, None, ONE, Taken(copy(ONE), copy(ONE, ONE, named=ONE.digest), Write.APPROVE)),
        (ONE, None, None, BOTH, same(copy(ONE), Write.KEEP)),
        # The same again; it is written once more only where it is not kept so
        (ONE, HELD, HELD, None, same(HELD, Write.NOTHING)),
        (ONE, HELD, copy(ONE), None, same(HELD, Write.KEEP)),
        # One that ends later takes its place, with what stays approved
        (LATER, HELD, HELD, None, same(copy(LATER, LATER), Write.KEEP)),
        # One that ends no later does not, and is no failure: another process was quicker
        (ONE, copy(LATER, LATER), copy(LATER, LATER), None, same(copy(LATER, LATER), Write.NOTHING)),
        (BOTH, HELD, HELD, None, same(HELD, Write.NOTHING)),
        # A removal acts at once, an addition waits
        (LATER, copy(BOTH, BOTH), copy(BOTH, BOTH), None, same(copy(LATER, LATER), Write.KEEP)),
        (BOTH_LATER, HELD, HELD, None, same(copy(BOTH_LATER, LATER), Write.KEEP)),
        # The row is gone, and so is the approval
        (ONE, HELD, None, None, same(copy(ONE), Write.KEEP)),
        # What is kept and no longer read (another certificate is pinned) still has the approval
        (ONE, None, copy(LATER, LATER), None, same(HELD, Write.KEEP)),
        # A registration's digest approves once
        (ONE, HELD, HELD, ONE, Taken(HELD, copy(ONE, ONE, named=ONE.digest), Write.KEEP)),
        (LATER, NAMED, NAMED, ONE, same(copy(LATER, named=ONE.digest), Write.KEEP)),
        # and another digest once more
        (
            LATER,
            OTHER,
            OTHER,
            ONE,
            Taken(copy(LATER, named=BOTH.digest), copy(LATER, LATER, named=ONE.digest), Write.APPROVE),
        ),
        # After one that was forgotten, all others are of its generation
        (ONE, None, FORGOTTEN, None, same(copy(ONE, generation=1), Write.KEEP)),
    ],
)
def test_what_came_counts_by_its_end_and_as_far_as_it_is_approved(
    came: PeerFacts, known: Held | None, stored: Held | None, registered: PeerFacts | None, expected: Taken
) -> None:
    # By its facts, and not by their digest: that is another one in each run, and would name the test
    assert taken(copy(came), known, stored, registered.digest if registered else "") == expected


@pytest.mark.parametrize(
    ("came", "before", "old"),
    [(ONE, ONE, False), (ONE, LATER, False), (BOTH, ONE, True), (BOTH, LATER, True), (LATER, BOTH, False)],
)
def test_the_same_facts_may_end_earlier_and_others_have_to_end_later(
    came: PeerFacts, before: PeerFacts, *, old: bool
) -> None:
    if not old:
        check_newer(came, before)
        return
    with pytest.raises(FetchError) as caught:
        check_newer(came, before)
    assert caught.value.check == "metadata_old"
