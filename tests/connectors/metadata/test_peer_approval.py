"""Additions wait for an operator, removals act at once; across restarts, and nothing else is approved by it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.formats.eidas.own_metadata import ConnectorMetadata, ProxyMetadata
from connectors.metadata.approval import additions, approved_part
from connectors.wire.names import POST
from policies.errors import PeerUnavailable, RequestRefused, StoreUnavailable
from policies.parties import EntityId
from tests.connectors.metadata import node
from tests.connectors.metadata.world import NODE, Copies, World, peers

OLD, NEW = node.key("messages").certificate, node.key("next").certificate
LATER = node.NOW + 2 * node.DAY


def in_use(world: World) -> PeerFacts:
    return world.peers.current(NODE, world.now).facts


def fetch(world: World, metadata: ProxyMetadata | ConnectorMetadata, edit: node.Edit | None = None) -> PeerFacts:
    """Publish and fetch; what is in use then."""
    world.change(metadata, edit)
    world.refresh()
    return in_use(world)


@pytest.mark.spec("decisions.md 30")
def test_a_first_fetch_counts_for_nothing_before_it_is_approved(sending: World) -> None:
    copies = Copies()
    sending.peers = peers(sending.peer, copies)
    sending.refresh()
    with pytest.raises(PeerUnavailable, match="ciconia metadata pending"):
        in_use(sending)
    assert not sending.peers.available(NODE, sending.now)
    (pending,) = sending.peers.pending(sending.now)
    assert (pending.entity_id, pending.country, pending.first) == (NODE, "EE", True)
    approved = sending.peers.approve(NODE, pending.digest, sending.now)
    assert approved.digest == pending.digest
    assert in_use(sending) == approved
    assert sending.peers.available(NODE, sending.now)
    assert not sending.peers.pending(sending.now)


ADDITIONS: dict[str, tuple[dict[str, object], str, Callable[[PeerFacts], bool]]] = {
    "key": ({"signing": (OLD, NEW)}, "a certificate that signs: SHA-256 ", lambda facts: facts.signing == {OLD}),
    "encryption": ({"encryption": (NEW,)}, "a certificate to encrypt to: SHA-256 ", lambda facts: not facts.encryption),
    "level": (
        {"assurance": (f"{node.LOA}high", "urn:own")},
        "a level of assurance: urn:own",
        lambda facts: facts.assurance == {f"{node.LOA}high"},
    ),
    "version": (
        {"versions": ("1.4", "1.3", "1.2", "2.0")},
        "a protocol version: 2.0",
        lambda facts: "2.0" not in facts.versions,
    ),
    "requester": (
        {"wants_requester_id": True},
        "it asks to be told which service asks",
        lambda facts: not facts.wants_requester_id,
    ),
}


@pytest.mark.spec("decisions.md 30")
@pytest.mark.spec("eidas.md §6 additions wait")
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_waits_until_it_is_approved(sending: World, name: str) -> None:
    changes, words, is_without = ADDITIONS[name]
    metadata = node.proxy(**changes, valid_until=LATER)
    assert is_without(fetch(sending, metadata))
    (addition,) = sending.additions()
    assert addition.startswith(words)
    assert sending.peers.available(NODE, sending.now), "the node goes on as it was approved"
    sending.approve()
    assert in_use(sending) == read_peer(node.signed(metadata), "proxy")


def test_an_added_address_waits_and_a_replaced_one_is_gone(sending: World) -> None:
    facts = fetch(sending, node.proxy(post_url="https://other.example/sso"))
    assert {url for _, url in facts.endpoints} == {"https://node.example/sso"}
    assert POST not in dict(facts.endpoints)
    with pytest.raises(PeerUnavailable, match="no approved address"):
        sending.peers.current(NODE, sending.now).url(POST)
    (addition,) = sending.additions()
    assert addition == "an address by POST: https://other.example/sso (another host than its metadata's)"


def test_what_is_new_is_shown_with_the_fingerprint_that_the_other_operator_reads(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    fingerprint = load_der_x509_certificate(NEW).fingerprint(SHA256()).hex(":").upper()
    (addition,) = sending.additions()
    assert addition == f"a certificate that signs: SHA-256 {fingerprint}, from 2026-11-24 to 2029-08-21"


@pytest.mark.spec("decisions.md 30")
@pytest.mark.spec("eidas.md §6 removals act at once")
def test_a_removal_acts_at_once_and_a_return_is_an_addition(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW), valid_until=LATER))
    sending.approve()
    assert in_use(sending).signing == {OLD, NEW}
    assert fetch(sending, node.proxy(signing=(NEW,), valid_until=LATER)).signing == {NEW}
    assert not sending.additions()
    # Whoever brings a withdrawn key back may be whoever stole it
    assert fetch(sending, node.proxy(signing=(OLD, NEW), valid_until=LATER)).signing == {NEW}
    assert len(sending.additions()) == 1


def test_a_change_of_the_only_key_stops_everything_until_it_is_approved(sending: World) -> None:
    sending.change(node.proxy(signing=(NEW,)))
    sending.refresh()
    with pytest.raises(PeerUnavailable, match="no key or no address"):
        in_use(sending)
    assert not sending.peers.available(NODE, sending.now)
    sending.approve()
    assert in_use(sending).signing == {NEW}


def test_a_fixed_type_of_services_waits_and_so_do_another_and_its_end(receiving: World) -> None:
    assert fetch(receiving, node.connector(sp_type="private", valid_until=LATER)).sp_type == ""
    assert receiving.additions() == ("all its services are of one type: private",)
    receiving.approve()
    assert in_use(receiving).sp_type == "private"
    # Without the fixed type, each request could call a private service public
    ends = iter(range(LATER + 1, LATER + 9))
    assert fetch(receiving, node.connector(sp_type="public", valid_until=next(ends))).sp_type == "private"
    assert receiving.additions() == ("all its services are of one type: public",)
    assert fetch(receiving, node.connector(valid_until=next(ends))).sp_type == "private"
    assert receiving.additions() == ("its services are no longer all of one type (private): each request says its own",)
    assert fetch(receiving, node.connector(sp_type="private", valid_until=next(ends))).sp_type == "private"
    assert not receiving.additions()
    fetch(receiving, node.connector(valid_until=next(ends)))
    receiving.approve()
    assert in_use(receiving).sp_type == ""
    assert not receiving.additions()


def test_a_digest_that_is_not_pending_is_refused(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    (seen,) = sending.peers.pending(sending.now)
    for digest in ("", "0" * 64, seen.digest.upper(), in_use(sending).digest):
        with pytest.raises(RequestRefused, match="another digest"):
            sending.peers.approve(NODE, digest, sending.now)
    assert in_use(sending).signing == {OLD}


def test_what_changed_after_the_operator_looked_is_not_approved(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    (seen,) = sending.peers.pending(sending.now)
    stranger = node.key("stranger").certificate
    fetch(sending, node.proxy(signing=(OLD, NEW, stranger)))
    with pytest.raises(RequestRefused, match="look at it again"):
        sending.peers.approve(NODE, seen.digest, sending.now)
    assert in_use(sending).signing == {OLD}


def test_nothing_pending_nobody_registered_and_metadata_that_ended_are_refused(sending: World) -> None:
    with pytest.raises(RequestRefused, match="approved already: nothing is left to do") as caught:
        sending.peers.approve(NODE, in_use(sending).digest, sending.now)
    assert caught.value.code == "approval_refused"
    with pytest.raises(RequestRefused, match="no node"):
        sending.peers.approve(EntityId("https://nobody.example/"), "0" * 64, sending.now)
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    (seen,) = sending.peers.pending(sending.now)
    with pytest.raises(RequestRefused, match="nothing of"):
        sending.peers.approve(NODE, seen.digest, sending.latest)


def test_everything_survives_a_restart_without_the_network(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW), valid_until=LATER))
    before, waiting = in_use(sending), sending.peers.pending(sending.now)
    sending.server.close()
    sending.restart()
    assert in_use(sending) == before
    assert sending.peers.pending(sending.now) == waiting
    assert sending.peers.available(NODE, sending.now)
    sending.approve()
    sending.restart()
    assert in_use(sending).signing == {OLD, NEW}
    assert not sending.peers.pending(sending.now)


def test_an_approval_by_another_process_counts_from_the_next_look(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    (seen,) = sending.peers.pending(sending.now)
    command = peers(sending.peer, sending.copies)
    command.approve(NODE, seen.digest, sending.now)
    assert in_use(sending).signing == {OLD}
    sending.peers.reload(NODE)
    assert in_use(sending).signing == {OLD, NEW}
    # and a refresh does not take it back
    sending.refresh()
    assert in_use(sending).signing == {OLD, NEW}


@pytest.mark.parametrize(
    "changes",
    [{"country": "SE"}, {"certificate": node.key("stranger").certificate}, {"entity_id": EntityId("https://x.example/")}],
)
def test_a_copy_that_the_registration_no_longer_allows_is_not_used(sending: World, changes: dict[str, object]) -> None:
    sending.restart(**changes)
    with pytest.raises(PeerUnavailable):
        in_use(sending)
    assert not sending.peers.available(NODE, sending.now)
    assert not sending.peers.pending(sending.now)


def test_an_approval_never_reaches_another_country_or_entity() -> None:
    facts = read_peer(node.signed(node.proxy()), "proxy")
    for changed in (replace(facts, country="SE"), replace(facts, entity_id="https://x.example/")):
        assert approved_part(changed, facts) == approved_part(changed, None)
        assert not approved_part(changed, facts).signing
        assert additions(changed, facts, node.ENTITY) == additions(changed, None, node.ENTITY)


def test_a_copy_whose_kept_octets_were_changed_is_not_used(sending: World) -> None:
    held = sending.copies.rows[NODE]
    sending.copies.rows[NODE] = replace(held, octets=held.octets.replace(b"node.example/sso", b"evil.example/sso"))
    sending.restart()
    with pytest.raises(PeerUnavailable):
        in_use(sending)


def test_a_store_that_does_not_keep_withdraws_all_the_same_and_adds_nothing(
    sending: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW)))
    sending.approve()

    def full(_held: object, **_: object) -> None:
        raise StoreUnavailable("full")

    stranger = node.key("stranger").certificate
    with monkeypatch.context() as patched:
        patched.setattr(sending.copies, "keep", full)
        sending.change(node.proxy(signing=(OLD, stranger)))
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                sending.refresh()
            assert in_use(sending).signing == {OLD}, "the withdrawn key is out of use, the new one is not in use"
        assert sending.peers.available(NODE, sending.now), "it is not the node that failed"
        kept = sending.copies.rows[NODE]
        assert kept.facts.signing == {OLD, NEW}
        # What is kept is older than what is in memory
        sending.peers.reload(NODE)
        assert in_use(sending).signing == {OLD}
    sending.refresh()
    assert sending.copies.rows[NODE].facts.signing == {OLD, stranger}
    sending.restart()
    assert in_use(sending).signing == {OLD}
    assert len(sending.additions()) == 1


@pytest.mark.spec("decisions.md 30")
def test_a_digest_in_the_registration_approves_once_and_is_recorded(sending: World) -> None:
    both, one = node.proxy(signing=(OLD, NEW)), node.proxy(signing=(OLD,))
    digest = read_peer(node.signed(both), "proxy").digest
    sending.copies.approvals.clear()
    sending.restart(digest=digest)
    assert fetch(sending, both).signing == {OLD, NEW}
    assert sending.copies.approvals == [(sending.now, digest)]
    assert fetch(sending, one).signing == {OLD}
    # Whoever stole the withdrawn key brings back the digest that was approved, too
    assert fetch(sending, both).signing == {OLD}
    assert len(sending.additions()) == 1
    sending.restart()
    sending.refresh()
    assert in_use(sending).signing == {OLD}
    assert sending.copies.approvals == [(sending.now, digest)]


def test_a_copy_that_was_forgotten_counts_no_longer_and_any_other_takes_its_place(sending: World) -> None:
    fetch(sending, node.proxy(signing=(OLD, NEW), valid_until=node.NOW + 14 * node.DAY))
    other = peers(sending.peer, sending.copies)
    held = sending.copies.rows[NODE]
    sending.copies.rows[NODE] = replace(held, octets=b"", approved=None, generation=held.generation + 1)
    sending.peers.reload(NODE)
    with pytest.raises(PeerUnavailable, match="never fetched"):
        in_use(sending)
    assert not sending.peers.pending(sending.now)
    sending.show(node.proxy())
    sending.refresh()
    sending.approve()
    assert in_use(sending).signing == {OLD}
    # A process that did not look meanwhile has the forgotten copy in memory, which ends later
    other.refresh(NODE, sending.now)
    assert other.current(NODE, sending.now).facts.valid_until == node.NOW + node.DAY
    # and the row that was forgotten does not come back over it
    sending.copies.rows[NODE] = held
    sending.peers.reload(NODE)
    assert in_use(sending).valid_until == node.NOW + node.DAY
