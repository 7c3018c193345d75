"""`ciconia inspect` with a key on a curve: it opens what is encrypted to it, and is guarded as any other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.profiles import EIDAS
from connectors.signatures.signer import DecryptionKey
from connectors.signatures.xmlenc import encrypt, open_assertion
from idp.inspect.decryption_guard import Guard, GuardedAgreement, guarded
from policies.errors import BrokerError
from tests.connectors import crossing
from tests.connectors.agreeing import Agreeing, agreement
from tests.connectors.crossing import node, on_curve, outer, response
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import Answer, SendingNode
from tests.connectors.metadata.node import rsa_signer
from tests.idp.cli.inspecting import inspect, of_a_node, only, private_pem, written

CURVES = [256, "brainpoolP384r1"]


@pytest.fixture(scope="module")
def sender() -> SendingNode:
    return SendingNode(more_keys=[rsa_signer(2)])


@pytest.mark.spec("eidas.md §7 ECDH-ES")
@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_an_answer_to_a_key_on_a_curve_is_opened_with_that_key_and_no_other(
    tmp_path: Path, sender: SendingNode, curve: int | str
) -> None:
    said = Answer()
    held = encrypt(sender.assertion(said), on_curve(curve).certificate, EIDAS)
    (path,) = written(tmp_path, [eidas.posted(sender.response(said, held))])
    words = of_a_node(tmp_path, sender, "--request-id", eidas.REQUEST)
    assert only(inspect(path, *words)).check == "decryption", "the key that the words name is RSA"
    key = tmp_path / "sp-key.pem"
    key.write_bytes(private_pem(agreement(curve)))
    assert only(inspect(path, *words)).accepted
    key.write_bytes(private_pem(agreement(384)))
    assert only(inspect(path, *words)).check == "decryption"


def keys() -> list[tuple[DecryptionKey, Callable[[], bytes]]]:
    """A key of each kind, and what is encrypted to it."""
    return [
        (agreement(256), lambda: response(Agreeing().element())),
        (crossing.unwrapper(node("ours")), lambda: response(crossing.Encryption().element())),
    ]


def test_a_locked_key_agrees_on_nothing_and_says_so() -> None:
    for key, made in keys():
        with pytest.raises(BrokerError) as refusal:
            open_assertion(outer(made()), [guarded(key, Guard(None))], [crossing.pinned(node("peer"))], EIDAS)
        assert refusal.value.code == "decryption_locked"
    private = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(BrokerError):
        GuardedAgreement(agreement(256), Guard(None)).agree(private.public_key())
