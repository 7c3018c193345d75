"""A registration that pins several certificates for a node's metadata: each may sign, but for those that issued another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE
from connectors.metadata.signers import metadata_keys
from connectors.profiles import EIDAS
from connectors.signatures.jwk import thumbprint
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.file import FileSigner
from tests.connectors.metadata import node
from tests.connectors.metadata.world import World


def issued(name: str, issuer: FileSigner | None = None, issuer_name: str = "", *, authority: bool = False) -> FileSigner:
    """A key with a certificate, of an authority or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer_name or name)])
    begin = datetime.fromtimestamp(node.NOW, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(key if issuer is None else issuer._private_key, SHA256())
    )
    return FileSigner(key, key.public_key(), certificate.public_bytes(Encoding.DER), thumbprint(key.public_key()))


ROOT = issued("root", authority=True)
MIDDLE = issued("middle", ROOT, "root", authority=True)
LEAF = issued("leaf", MIDDLE, "middle")
NEXT = issued("next")


def shows(sending: World, signer: FileSigner) -> None:
    """The node publishes what this key signs, later than all before."""
    sending.latest += 1
    element = node.element(replace(node.proxy(), valid_until=sending.latest))
    sending.publish(sign_enveloped(element, signer, place=SIGNATURE_PLACE, profile=EIDAS))


def pins(sending: World, *signers: FileSigner) -> None:
    first, *others = (signer.certificate for signer in signers)
    sending.restart(certificate=first, further_certificates=tuple(others))


def test_the_next_certificate_of_a_rollover_signs_beside_the_present_one(sending: World) -> None:
    pins(sending, node.key("metadata"), NEXT)
    for signer in (node.key("metadata"), NEXT):
        shows(sending, signer)
        sending.refresh()
    shows(sending, LEAF)
    assert sending.refused().check == "signature"


@pytest.mark.parametrize("order", [(LEAF, MIDDLE, ROOT)])
def test_of_a_chain_its_end_alone_signs(sending: World, order: tuple[FileSigner, ...]) -> None:
    pins(sending, *order)
    shows(sending, LEAF)
    sending.refresh()
    for authority in (MIDDLE, ROOT):
        shows(sending, authority)
        assert sending.refused().check == "signature"


def test_a_self_signed_certificate_of_an_authority_signs_where_it_issued_no_other(sending: World) -> None:
    """Many nodes have one: it is what `openssl req -x509` makes."""
    pins(sending, ROOT, NEXT)
    shows(sending, ROOT)
    sending.refresh()


def test_two_certificates_of_one_name_are_nobodys_issuers(sending: World) -> None:
    renewed = issued("root", authority=True)
    peer = replace(sending.peer, certificate=ROOT.certificate, further_certificates=(renewed.certificate,))
    assert {key.key_id for key in metadata_keys(peer, EIDAS)} == {ROOT.key_id, renewed.key_id}


def test_a_certificate_that_ended_signs_no_more_though_another_holds(sending: World) -> None:
    ended = node.curve_signer(node.NOW - 10 * node.DAY, node.NOW - node.DAY)
    pins(sending, ended, NEXT)
    shows(sending, ended)
    assert sending.refused().check == "signature"
    shows(sending, NEXT)
    sending.refresh()
    pins(sending, ended)
    assert sending.refused().check == "metadata_key"
