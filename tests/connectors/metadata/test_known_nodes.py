"""A node's metadata, fetched and judged: what is refused, what stays, and when a node counts as available."""

import base64
import socket
import threading
from dataclasses import replace
from typing import Any  # signxml has no types

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from connectors.addresses import REGISTRATION
from connectors.fetch import Fetcher
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from connectors.wire.names import POST, REDIRECT
from policies.errors import Misconfigured, PeerUnavailable
from tests.connectors.metadata import node
from tests.connectors.metadata.origin import body, raw
from tests.connectors.metadata.world import NODE, OURS, World, peers


def test_a_node_is_used_by_what_it_published(sending: World) -> None:
    use = sending.peers.current(NODE, sending.now)
    assert (use.peer, use.version) == (sending.peer, "1.4")
    assert use.url(POST) == use.url(REDIRECT) == "https://node.example/sso"
    with pytest.raises(PeerUnavailable, match="no approved key for encryption"):
        use.encryption_certificate(sending.now)
    sending.still_there()


def test_a_receiving_node_has_an_address_and_a_key_to_encrypt_to(receiving: World) -> None:
    use = receiving.peers.current(NODE, receiving.now)
    assert use.acs_url == "https://node.example/acs"
    assert use.encryption_certificate(receiving.now) == node.rsa_signer().certificate
    with pytest.raises(PeerUnavailable, match="no approved address"):
        use.url(REDIRECT)


@pytest.mark.spec("eidas.md §6 Reference to the whole document")
@pytest.mark.parametrize("reference", [None, "#_m1"])
def test_metadata_that_another_implementation_signed_is_taken(sending: World, reference: str | None) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = node.signer_of(key)
    sending.restart(certificate=signer.certificate)
    # The EU's own node has no ID there, and signs the whole document
    root = node.element(node.proxy(), None if reference else node.attribute("", "ID", None))
    placeholder = etree.Element("{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder")
    root.insert(0, placeholder)
    c14n = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    maker = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256, c14n_algorithm=c14n)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signed: Any = maker.sign(root, key=pem, cert=_pem(signer.certificate), reference_uri=reference, id_attribute="ID")
    octets = etree.tostring(signed)
    assert f'Reference URI="{reference or ""}"'.encode() in octets
    sending.publish(octets)
    sending.refresh()
    assert sending.peers.available(NODE, sending.now)


@pytest.mark.spec("security.md §2.1 C")
def test_an_old_copy_does_not_take_the_place_of_a_newer_one(sending: World) -> None:
    old = node.octets(node.proxy(signing=(node.key("messages").certificate, node.key("next").certificate)))
    sending.show(node.proxy(valid_until=node.NOW + 2 * node.DAY))
    sending.refresh()
    sending.publish(old)
    assert sending.refused().check == "metadata_old"
    sending.still_there()
    assert not sending.additions()


def test_a_node_of_several_processes_may_say_the_same_with_an_earlier_end(sending: World) -> None:
    sending.show(node.proxy(valid_until=node.NOW + 2 * node.DAY))
    sending.refresh()
    kept = sending.copies.kept
    for end in (node.NOW + node.DAY, node.NOW + 1, node.NOW + 2 * node.DAY):
        sending.show(node.proxy(valid_until=end))
        for _ in range(3):
            sending.refresh()
        assert sending.peers.available(NODE, sending.now)
    assert sending.peers.current(NODE, sending.now).facts.valid_until == node.NOW + 2 * node.DAY
    assert sending.copies.kept == kept
    sending.show(node.proxy(valid_until=node.NOW))
    assert sending.refused().check == "metadata_expired"


@pytest.mark.spec("eidas.md §6 NodeCountry")
@pytest.mark.spec("eidas.md §6 entityID")
@pytest.mark.parametrize(
    ("changes", "check"),
    [({"entity_id": "https://other.example/metadata"}, "metadata_entity"), ({"country": "SE"}, "metadata_country")],
)
def test_metadata_of_another_entity_or_country_than_registered_is_refused(
    sending: World, changes: dict[str, str], check: str
) -> None:
    sending.show(node.proxy(**changes))
    error = sending.refused()
    assert (error.check, error.mend) == (check, REGISTRATION)
    sending.still_there()


def test_200_megabytes_slowness_and_a_redirect_leave_the_last_good_copy(sending: World) -> None:
    over = threading.Event()
    large = b"10000\r\n" + b" " * 0x10000 + b"\r\n"

    def stream(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(200 * 16):
            connection.sendall(large)

    for answer, check, seconds in (
        (stream, "size", 30.0),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", *[b"x"] * 9, pause=over, each=0.1), "deadline", 0.3),
        (body(b"", "Location: https://node.example/", status="302 Found"), "redirect", 30.0),
    ):
        sending.peers = replace_timeout(sending, seconds)
        sending.server.answer = answer
        assert sending.refused().check == check
        sending.still_there()
    over.set()


def replace_timeout(world: World, timeout: float) -> Peers:
    fetcher = Fetcher(demo=True)
    return Peers(
        {NODE: world.peer},
        role="proxy",
        copies=world.copies,
        fetcher=fetcher,
        profile=EIDAS,
        ours=OURS,
        timeout=timeout,
    )


def test_a_registration_whose_certificate_cannot_be_used_is_said_at_start(sending: World) -> None:
    unloadable = node.unloadable(sending.peer.certificate)
    for certificate in (b"", b"no certificate", unloadable, node.rsa_signer(bits=2048).certificate):
        with pytest.raises(Misconfigured, match=r"countries/ee\.toml:3") as caught:
            peers(replace(sending.peer, certificate=certificate), sending.copies)
        assert "Ask its operator" in caught.value.detail


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{_base64(der)}\n-----END CERTIFICATE-----\n"


def _base64(der: bytes) -> str:
    return base64.b64encode(der).decode()
