"""A witness of a neighbour, over a socket, and the settings of a broker that asks it."""

import threading
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.fetch import Fetcher
from idp.config.settings import Settings
from idp.config.witness_settings import WitnessAddress, WitnessRule
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.cosignature import Signer, WitnessKey
from idp.ledger.ledger_keys import LedgerKeys
from idp.server.http import Server, bind
from idp.store.store import Store
from idp.witnessing.cosigning import Cosigning
from idp.witnessing.seen import WitnessMemory
from idp.witnessing.service import WitnessApplication
from idp.witnessing.witness import WitnessService
from tests.idp.store.units import KEYS, ORIGIN, TENANT, Clock, commit_all, release, unit

NAME = "witness.neighbour.example"
OPERATOR = "City of Neighbour"


class Neighbour:
    """`name` with the keys `signers` in the folder, for the logs of `logs` (ours), at the time of `clock`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        name: str = NAME,
        operator: str = OPERATOR,
        signers: Sequence[Signer] = (),
        logs: dict[str, Sequence[VerifierKey]] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.signers = tuple(signers) or (Ed25519PrivateKey.generate(),)
        self.name, self.operator, self.seen = name, operator, WitnessMemory(folder / "witness.db")
        self.witness = WitnessService(
            name=name,
            signers=self.signers,
            logs=logs if logs is not None else {ORIGIN: KEYS.log.known},
            seen=self.seen,
            clock=lambda: int(clock.now),
        )
        listening = bind("127.0.0.1", 0)
        self.url = f"http://witness.localhost:{listening.getsockname()[1]}"
        self._server = Server(WitnessApplication(self.witness), listening)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    @property
    def key(self) -> WitnessKey:
        return WitnessKey.of(self.name, self.signers[0])

    @property
    def address(self) -> WitnessAddress:
        return address_of(self.url, self.key, self.operator)

    def close(self) -> None:
        self._server.stop()
        self._thread.join()


def address_of(url: str, key: WitnessKey, operator: str = OPERATOR) -> WitnessAddress:
    return WitnessAddress(url=url, vkey=str(key), operator=operator, networks=["127.0.0.0/8"])


def name_of(key: WitnessKey) -> str:
    return key.label


def cosigning(
    store: Store,
    clock: Clock,
    *addresses: WitnessAddress,
    rule: WitnessRule | None = None,
    keys: LedgerKeys = KEYS,
    leads: bool = True,
) -> Cosigning:
    """The asking side of a broker with these witnesses."""
    settings = Settings(
        issuer=f"https://{TENANT}",
        folder=Path(),
        demo=True,
        witnesses=list(addresses),
        witness_policy=rule or WitnessRule(quorum=1),
    )
    return Cosigning(store, keys, settings, fetcher=Fetcher(demo=True), leads=lambda: leads, clock=lambda: int(clock.now))


def recorded(store: Store, count: int = 1) -> None:
    commit_all(store, [unit(record=release()) for _ in range(count)])
