"""Nodes whose keys are on curves, end to end: signed and encrypted to, in both of our roles."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from connectors.profiles import KW_AES256
from connectors.signatures.decryption_keys import FileAgreement
from idp.keys.file import load_node_signer, load_unwrapper
from tests.connectors.forge import party
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage

CURVES = [ec.SECP256R1(), ec.SECP521R1(), ec.BrainpoolP256R1(), ec.BrainpoolP384R1(), ec.BrainpoolP512R1()]


def key_file(path: Path, curve: ec.EllipticCurve, now: int) -> Path:
    """A key on a curve, and its certificate of today behind it."""
    made = party(ec.generate_private_key(curve), datetime.fromtimestamp(now - 60, UTC))
    path.touch(mode=0o600)
    path.write_text(made.pem.decode() + DER_cert_to_PEM_cert(made.certificate), encoding="ascii")
    return path


@pytest.fixture
def stage_again(stage: NodeStage) -> Iterator[NodeStage]:
    """The asking node has its own keys back afterwards."""
    signer, unwrapper = stage.nl.signer, stage.nl.unwrapper
    yield stage
    stage.nl.signer, stage.nl.unwrapper = signer, unwrapper
    stage.publish(stage.nl, 10 * 24 * 3600)


@pytest.mark.spec("eidas.md §7 ECDH-ES; eidas.md §7 brainpool; eidas.md §4 one EncryptedAssertion")
@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_node_whose_keys_are_on_a_curve_asks_and_is_answered_to_them(
    browser: Browser, stage_again: NodeStage, tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    stage = stage_again
    stage.nl.signer = load_node_signer(key_file(tmp_path / "signing.pem", curve, stage.clock()))
    stage.nl.unwrapper = load_unwrapper(key_file(tmp_path / "encryption.pem", curve, stage.clock()))
    assert isinstance(stage.nl.unwrapper, FileAgreement)
    stage.publish(stage.nl, 10 * 24 * 3600)
    opened = browser.opened(browser.decides(browser.informed()))
    assert opened.values("CurrentFamilyName") == ["Maasikas"]
    root = etree.fromstring(opened.octets)
    assert [found.get("Algorithm") for found in root.iter("{*}AgreementMethod")] == [
        "http://www.w3.org/2009/xmlenc11#ECDH-ES"
    ]
    assert list(root.iter("{*}EncryptionMethod"))[1].get("Algorithm") == KW_AES256
    assert b"Maasikas" not in opened.octets


def test_of_two_keys_the_younger_one_is_encrypted_to_whatever_its_kind(
    browser: Browser, stage_again: NodeStage, tmp_path: Path
) -> None:
    """A node that goes from RSA to a curve publishes the new key, and is answered to it from then on."""
    stage = stage_again
    before = browser.opened(browser.decides(browser.informed()))
    assert not list(etree.fromstring(before.octets).iter("{*}AgreementMethod"))
    stage.nl.unwrapper = load_unwrapper(key_file(tmp_path / "encryption.pem", ec.SECP384R1(), stage.clock()))
    stage.publish(stage.nl, 10 * 24 * 3600)
    after = browser.opened(browser.decides(browser.informed()))
    assert after.values("CurrentGivenName") == before.values("CurrentGivenName") == ["Mari"]
