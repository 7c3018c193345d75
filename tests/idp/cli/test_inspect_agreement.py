"""`ciconia inspect` with a key on a curve: it opens what is encrypted to it, and is guarded as any other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.profiles import EIDAS
from connectors.signatures.signer import Agreement, DecryptionKey, Unwrapper
from connectors.signatures.xmlenc import encrypt, open_assertion
from idp.inspection.decrypting import Guard, GuardedAgreement, GuardedUnwrapper, guarded
from idp.keys.file import PRODUCTION_MARK
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


def test_a_production_key_on_a_curve_opens_nothing(tmp_path: Path, sender: SendingNode) -> None:
    said = Answer()
    held = encrypt(sender.assertion(said), on_curve(256).certificate, EIDAS)
    (path,) = written(tmp_path, [eidas.posted(sender.response(said, held))])
    words = of_a_node(tmp_path, sender, "--request-id", eidas.REQUEST)
    (tmp_path / "sp-key.pem").write_bytes(f"{PRODUCTION_MARK}\n".encode() + private_pem(agreement(256)))
    result = inspect(path, *words)
    assert (result.exit_code, only(result).code) == (2, "decryption_locked")


def keys() -> list[tuple[DecryptionKey, Callable[[], bytes]]]:
    """A key of each kind, and what is encrypted to it."""
    return [
        (agreement(256), lambda: response(Agreeing().element())),
        (crossing.unwrapper(node("ours")), lambda: response(crossing.Encryption().element())),
    ]


def test_a_guarded_key_is_of_the_kind_that_it_guards() -> None:
    curve, rsa = (guarded(key, Guard(None)) for key, _ in keys())
    assert isinstance(curve, GuardedAgreement)
    assert isinstance(curve, Agreement)
    assert not isinstance(curve, GuardedUnwrapper)
    assert curve.curve == "secp256r1"
    assert curve.certificate == on_curve(256).certificate
    assert isinstance(rsa, GuardedUnwrapper)
    assert not isinstance(rsa, Agreement)
    typed: Unwrapper = rsa
    assert typed.key_id == "ours"


def test_a_locked_key_agrees_on_nothing_and_says_so() -> None:
    for key, made in keys():
        with pytest.raises(BrokerError) as refusal:
            open_assertion(outer(made()), [guarded(key, Guard(None))], [crossing.pinned(node("peer"))], EIDAS)
        assert refusal.value.code == "decryption_locked"
    private = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(BrokerError):
        GuardedAgreement(agreement(256), Guard(None)).agree(private.public_key())


def test_each_file_is_recorded_once_before_its_key_is_used() -> None:
    for key, made in keys():
        recorded: list[str] = []
        ours = guarded(key, Guard(recorded.append))
        for file in ("one", "one", "two"):
            ours.guard.begin(file)
            for _ in range(2):
                open_assertion(outer(made()), [ours], [crossing.pinned(node("peer"))], EIDAS)
        assert recorded == ["one", "two"]


def test_what_cannot_be_recorded_is_not_decrypted() -> None:
    def fails(_: str) -> None:
        raise BrokerError("no ledger")

    for key, made in keys():
        with pytest.raises(BrokerError, match="no ledger"):
            open_assertion(outer(made()), [guarded(key, Guard(fails))], [crossing.pinned(node("peer"))], EIDAS)
