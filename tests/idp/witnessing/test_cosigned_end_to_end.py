"""A neighbour's witness cosigns our log over a socket, and everybody sees it: the log, the receipt, the verifier."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from idp.ledger.checkpoint import open_cosigned_note
from idp.ledger.cosignature import Cosigned, OperatorWitness, WitnessKey, WitnessPolicy, has_ml_dsa
from idp.ledger.ledger_keys import LedgerKeys
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from tests.idp.store.units import KEYS, TENANT, Clock
from tests.idp.witnessing.neighbour import NAME, OPERATOR, Neighbour, address_of, cosigning, name_of, recorded


def published(store: Store, *witnesses: WitnessKey, keys: LedgerKeys = KEYS) -> Cosigned:
    """The cosignatures that /log/checkpoint shows, by somebody who knows these witnesses."""
    newest = store.checkpoint(TENANT)
    assert newest is not None
    _, text, others = open_cosigned_note(newest.cosigned_note.encode(), *keys.log.known)
    return WitnessPolicy(tuple(OperatorWitness(key, OPERATOR, counts=True) for key in witnesses)).judge(text, others)


def test_each_checkpoint_gets_its_cosignature_from_a_witness_of_another_operator(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour
) -> None:
    asks = cosigning(store, clock, neighbour.address)
    for count in (1, 2, 5):
        recorded(store, count)
        assert sequencer.step()
        assert not published(store, neighbour.key).witnesses
        assert asks.ask(name_of(neighbour.key))
        found = published(store, neighbour.key)
        assert [(each.key.name, time) for each, time in found.witnesses] == [(NAME, int(clock.now))]
        assert not asks.ask(name_of(neighbour.key)), "a checkpoint is cosigned once"
        clock.now += 10
    assert not neighbour.seen.forks()


@pytest.mark.skipif(not has_ml_dsa(), reason="the OpenSSL of this machine has no ML-DSA-44")
def test_a_witness_may_sign_with_ml_dsa_beside_ed25519(
    store: Store, sequencer: Sequencer, clock: Clock, tmp_path: Path
) -> None:
    signers = (MLDSA44PrivateKey.generate(), Ed25519PrivateKey.generate())
    neighbour = Neighbour(tmp_path / "both", clock, signers=signers)
    recorded(store)
    sequencer.step()
    keys = [WitnessKey.of(NAME, signer) for signer in signers]
    asks = cosigning(store, clock, *(address_of(neighbour.url, key) for key in keys))
    for key in keys:
        assert asks.ask(name_of(key))
    found = published(store, *keys)
    assert {each.key for each, _ in found.witnesses} == set(keys)
    assert found.operators() == {OPERATOR}, "two keys of one operator are one operator"
    neighbour.close()
