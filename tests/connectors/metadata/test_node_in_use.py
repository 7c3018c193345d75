"""When a node counts as available, by which key and version, and until when."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.registrations.odd_certificates import (
    FAULTS,
    both,
    changed,
    version_10,
)
from connectors.attacks.registrations.public_keys import certificate
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from policies.errors import PeerUnavailable
from policies.parties import EntityId
from tests.connectors.metadata import node
from tests.connectors.metadata.origin import body
from tests.connectors.metadata.world import NODE, World, peers


def test_one_failure_is_an_accident_two_are_an_outage_and_one_success_ends_it(sending: World) -> None:
    good = sending.server.answer
    assert sending.peers.available(NODE, sending.now)
    sending.server.answer = body(b"", status="503 Busy")
    sending.refused()
    assert sending.peers.available(NODE, sending.now)
    sending.refused()
    assert not sending.peers.available(NODE, sending.now)
    sending.still_there()
    sending.server.answer = good
    sending.refresh()
    assert sending.peers.available(NODE, sending.now)
    # The count began again
    sending.server.answer = body(b"", status="503 Busy")
    sending.refused()
    assert sending.peers.available(NODE, sending.now)


@pytest.mark.spec("eidas.md §6 the last good copy until it ends")
def test_a_copy_is_used_until_it_ends_and_not_a_second_longer(sending: World) -> None:
    end = node.NOW + node.DAY
    assert sending.peers.current(NODE, end - 1)
    with pytest.raises(PeerUnavailable, match="ended at 2026-11-26T09:46:40Z"):
        sending.peers.current(NODE, end)
    assert not sending.peers.available(NODE, end)
    assert not sending.peers.pending(end)


def test_a_node_that_was_never_fetched_is_not_available(sending: World) -> None:
    never = peers(sending.peer, type(sending.copies)())
    with pytest.raises(PeerUnavailable, match="never fetched"):
        never.current(NODE, sending.now)
    assert not never.available(NODE, sending.now)
    assert never.pending(sending.now) == ()
    with pytest.raises(PeerUnavailable):
        sending.peers.current(EntityId("https://nobody.example/"), sending.now)


@pytest.mark.spec("eidas.md §8 13")
def test_without_a_common_protocol_version_nothing_is_sent(sending: World) -> None:
    sending.show(node.proxy(versions=("1.2",), valid_until=node.NOW + 2 * node.DAY))
    sending.refresh()
    assert sending.peers.current(NODE, sending.now).version == "1.2"
    newer = peers(sending.peer, sending.copies, ours=("1.4", "1.3"))
    with pytest.raises(PeerUnavailable, match="no approved protocol version"):
        newer.current(NODE, sending.now)
    assert not newer.available(NODE, sending.now)
    sending.show(node.proxy(valid_until=node.NOW + 3 * node.DAY), node.remove("EntityAttributes"))
    sending.refresh()
    with pytest.raises(PeerUnavailable, match="no approved protocol version"):
        sending.peers.current(NODE, sending.now)


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_a_key_counts_within_the_dates_of_its_certificate(sending: World) -> None:
    late = node.curve_signer(begin=node.NOW + 100, end=node.NOW + 200)
    ended = node.curve_signer(begin=node.NOW - 200, end=node.NOW - 100)
    sending.change(node.proxy(signing=(late.certificate, ended.certificate)))
    sending.refresh()
    sending.approve()
    with pytest.raises(PeerUnavailable, match="no approved signing key"):
        sending.peers.current(NODE, node.NOW)
    assert not sending.peers.available(NODE, node.NOW)
    use = sending.peers.current(NODE, node.NOW + 150)
    assert [key.key_id for key in use.signing_keys(node.NOW + 150)] == [late.key_id]
    with pytest.raises(PeerUnavailable):
        use.signing_keys(node.NOW + 201)


@pytest.mark.spec("eidas.md §7 minimum key sizes")
def test_a_key_that_is_too_short_is_not_used(sending: World) -> None:
    short = node.rsa_signer(bits=2048)
    sending.change(node.proxy(signing=(short.certificate,)))
    sending.refresh()
    sending.approve()
    with pytest.raises(PeerUnavailable, match="no approved signing key"):
        sending.peers.current(NODE, node.NOW)


def test_of_two_encryption_keys_the_younger_one_in_force_is_used(receiving: World) -> None:
    older, younger = node.rsa_signer(1), node.signer_of(node.rsa_signer(2)._private_key, begin=node.NOW - 10)
    receiving.change(node.connector(encryption=(older.certificate, younger.certificate)))
    receiving.refresh()
    receiving.approve()
    use = receiving.peers.current(NODE, node.NOW)
    assert use.facts.encryption == {older.certificate, younger.certificate}
    assert use.encryption_certificate(node.NOW) == younger.certificate
    assert use.encryption_certificate(node.NOW - 100) == older.certificate


@pytest.mark.spec("eidas.md §7 ECDH-ES")
def test_a_key_on_a_curve_is_one_to_encrypt_to_as_any_other(receiving: World) -> None:
    curve = node.key("next").certificate
    receiving.change(node.connector(encryption=(curve,)))
    receiving.refresh()
    receiving.approve()
    use = receiving.peers.current(NODE, node.NOW)
    assert use.facts.encryption == {curve}
    assert use.encryption_certificate(node.NOW) == curve


@pytest.mark.parametrize("fault", FAULTS)
def test_a_node_whose_certificate_has_a_fault_of_deployed_nodes_is_asked_by_its_key_and_that_is_said(
    sending: World, fault: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    good = certificate(key.public_key(), key, node.NOW)
    odd = changed(good, key, FAULTS[fault])
    sending.change(node.proxy(signing=(odd,)))
    sending.refresh()
    (addition,) = sending.additions()
    assert sha256(odd).digest().hex(":").upper() in addition
    assert addition.endswith(", read leniently (lenient_certificate)")
    sending.approve()
    use = sending.peers.current(NODE, sending.now)
    assert [one.key_id for one in use.signing_keys(sending.now)] == [key_of_certificate(good, EIDAS).key_id]
    assert use.facts.deviations == ("lenient_certificate",)
    with pytest.raises(PeerUnavailable, match="in force"):
        use.signing_keys(sending.now + 366 * node.DAY)
    # One thing more, and the whole document is refused
    sending.change(node.proxy(signing=(changed(good, key, both(FAULTS[fault], version_10)),)))
    assert sending.refused().check == "metadata"
