"""A node whose registration names anchors: its certificates must chain, too, and a login looks at remembered ends alone."""

import base64
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.x509 import Certificate

from connectors.addresses import REGISTRATION
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.profile import DS
from connectors.signatures.x509 import Pki
from policies.errors import Misconfigured, PeerUnavailable
from tests.connectors.authority import between, der, leaf, revoking, root
from tests.connectors.metadata import node
from tests.connectors.metadata.world import NODE, World, peers

NOW, DAY = node.NOW, node.DAY
TOP = root().der
MIDDLE = between("middle", "root").made()
SIGNING = leaf("middle", end=NOW + 20 * DAY).made()
CERTIFICATE = f"{{{DS}}}X509Certificate"


def beside(*certificates: bytes) -> node.Edit:
    """The certificates of authorities in every KeyDescriptor, before and after the node's own."""

    def edit(tree: Element) -> None:
        for own in list(tree.iter(CERTIFICATE)):
            for number, each in enumerate(certificates):
                hint = own.makeelement(CERTIFICATE)
                hint.text = base64.b64encode(each).decode()
                (own.addnext if number % 2 else own.addprevious)(hint)

    return edit


def anchored(
    world: World,
    *,
    lists: Sequence[bytes] = (),
    anchors: Sequence[bytes] = (TOP,),
    known: Sequence[bytes] = (der(SIGNING),),
) -> Peers:
    """The node registered with anchors, its metadata with a chain fetched and approved."""
    revocation = tuple((f"metadata/{number}.crl", octets) for number, octets in enumerate(lists))
    world.copies.rows.clear()
    world.restart(anchors=tuple(anchors), revocation=revocation)
    world.show(node.proxy(signing=tuple(known)), beside(der(MIDDLE)))
    world.refresh()
    world.approve()
    return world.peers


def in_force(world: World, now: int) -> set[bytes]:
    """The certificates whose keys verify at `now`."""
    use = world.peers.current(NODE, now)
    found = {key.key_id for key in use.signing_keys(now)}
    return {one for one in use.facts.signing if key_of_certificate(one, EIDAS).key_id in found}


def test_a_chain_to_an_anchor_is_taken_and_remembered_until_its_end(
    sending: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchored(sending)
    monkeypatch.setattr(Pki, "judge", lambda *_: pytest.fail("a chain was judged on a login"))
    assert in_force(sending, NOW) == {der(SIGNING)}
    assert sending.peers.available(NODE, NOW)


def test_no_key_is_in_force_beyond_the_end_of_its_chain(sending: World) -> None:
    short = between("middle", "root", end=NOW + 600).made()
    sending.restart(anchors=(TOP,))
    sending.change(node.proxy(signing=(der(SIGNING),)), beside(der(short)))
    sending.refresh()
    sending.approve()
    (key,) = sending.peers.current(NODE, NOW).signing_keys(NOW + 600)
    assert key.not_after == NOW + 600
    with pytest.raises(PeerUnavailable, match="no approved signing key that is in force"):
        sending.peers.current(NODE, NOW + 601)
    assert not sending.peers.available(NODE, NOW + 601)


def test_metadata_with_a_certificate_that_does_not_chain_is_refused_whole(sending: World) -> None:
    anchored(sending)
    for stranger in (node.key("messages").certificate, leaf("elsewhere", "P-384").der):
        sending.change(node.proxy(signing=(der(SIGNING), stranger)), beside(der(MIDDLE)))
        error = sending.refused()
        assert error.check in {"x509_chain", "x509_key_usage"}
    sending.change(node.proxy(signing=(der(SIGNING),)))
    error = sending.refused()
    assert (error.check, error.mend) == ("x509_chain", REGISTRATION), "its intermediate is missing"
    assert in_force(sending, NOW) == {der(SIGNING)}


def test_a_chain_vouches_for_nobody_whom_the_operator_did_not_approve(sending: World) -> None:
    """PKI narrows: another certificate of the same authority is new, and waits."""
    anchored(sending)
    other = leaf("middle", "P-384").made()
    sending.change(node.proxy(signing=(der(SIGNING), der(other))), beside(der(MIDDLE)))
    sending.refresh()
    assert in_force(sending, NOW) == {der(SIGNING)}
    assert len(sending.additions()) == 1


@pytest.mark.spec("eidas.md §6 verified by the configured certificate")
def test_a_chain_does_not_make_a_key_one_that_signs_metadata(sending: World) -> None:
    anchored(sending)
    sending.publish(node.octets(node.proxy(signing=(der(SIGNING),)), beside(der(MIDDLE)), by="stranger"))
    assert sending.refused().check == "signature"


def test_without_anchors_a_chain_in_a_key_descriptor_is_refused(sending: World) -> None:
    sending.change(node.proxy(), beside(der(MIDDLE)))
    error = sending.refused()
    assert (error.check, "exactly one X509Certificate" in error.detail) == ("metadata", True)


def test_with_anchors_one_certificate_of_a_key_descriptor_is_the_nodes(sending: World) -> None:
    anchored(sending)
    two = leaf("middle", "P-384").der
    sending.change(node.proxy(signing=(der(SIGNING),)), beside(two))
    assert "exactly one X509Certificate" in sending.refused().detail
    sending.change(node.proxy(signing=(der(MIDDLE),)), beside(TOP))
    assert "exactly one X509Certificate" in sending.refused().detail
    sending.change(node.proxy(signing=(der(SIGNING),)), beside(b"no certificate"))
    assert "cannot be read" in sending.refused().detail


# -- revocation ------------------------------------------------------------------------------------------------------------


def lists(*revoked: Certificate, end: int = NOW + 7 * DAY, begin: int = NOW - DAY) -> list[bytes]:
    return [revoking("root", *revoked, begin=begin, end=end), revoking("middle", *revoked, begin=begin, end=end)]


def test_a_revoked_certificate_is_refused_when_metadata_is_taken_and_after_a_restart(sending: World) -> None:
    anchored(sending, lists=lists())
    assert in_force(sending, NOW) == {der(SIGNING)}
    for revoked in (SIGNING, MIDDLE):
        again = sending.restart(revocation=tuple((f"metadata/{n}.crl", one) for n, one in enumerate(lists(revoked))))
        fault = again.fault_of_held(NODE, NOW)
        assert fault is not None
        assert fault.check == "x509_revoked"
        assert not again.available(NODE, NOW), "the copy that was kept counts for nothing"
        assert sending.refused().check == "x509_revoked"


def test_a_list_that_ends_takes_the_keys_with_it_and_is_told_by_its_name(sending: World) -> None:
    anchored(sending, lists=lists(end=NOW + 600))
    assert in_force(sending, NOW + 600) == {der(SIGNING)}
    with pytest.raises(PeerUnavailable):
        sending.peers.current(NODE, NOW + 601)
    sending.now = NOW + 601
    error = sending.refused()
    assert (error.check, error.mend) == ("x509_revocation_stale", REGISTRATION)
    assert "metadata/0.crl" in error.detail


# -- registrations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchors", "revocation"),
    [((b"no certificate",), ()), ((TOP,), (("metadata/root.crl", b"no list"),))],
)
def test_anchors_and_lists_that_cannot_be_used_are_said_at_start(
    sending: World, anchors: tuple[bytes, ...], revocation: tuple[tuple[str, bytes], ...]
) -> None:
    with pytest.raises(Misconfigured, match=r"countries/ee\.toml:3: anchors:") as caught:
        peers(replace(sending.peer, anchors=anchors, revocation=revocation), sending.copies)
    assert "Ask the authority" in caught.value.detail


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_a_certificate_is_a_wrapper_but_for_its_dates_where_the_profile_looks_at_them() -> None:
    """Without anchors its issuer, usage and path are nobody's business (SAML V2.0 Metadata Interoperability Profile)."""
    ended = leaf("nobody", end=NOW - 1, usage=None).der
    assert SAML2INT.certificate_dates is False
    assert key_of_certificate(ended, SAML2INT).in_force(NOW)
    assert EIDAS.certificate_dates is True
    assert not key_of_certificate(ended, EIDAS).in_force(NOW)
    assert key_of_certificate(ended, EIDAS).in_force(NOW - 1)


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_an_ended_certificate_without_anchors_refuses_no_metadata_and_verifies_nothing(sending: World) -> None:
    ended = leaf("nobody", end=NOW - 1).der
    sending.change(node.proxy(signing=(ended, node.key("messages").certificate)))
    sending.refresh()
    sending.approve()
    assert in_force(sending, NOW) == {node.key("messages").certificate}
