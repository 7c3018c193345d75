"""A log of ours in a database, and a witness of a neighbour that answers over a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from tests.idp.store.conftest import folder, migrated, store
from tests.idp.store.units import KEYS, Clock
from tests.idp.witnessing.neighbour import Neighbour

__all__ = ["folder", "migrated", "store"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sequencer(store: Store, clock: Clock) -> Iterator[Sequencer]:
    found = Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=30, clock=clock)
    yield found
    found.stop()


@pytest.fixture
def neighbour(tmp_path: Path, clock: Clock) -> Iterator[Neighbour]:
    found = Neighbour(tmp_path / "neighbour", clock)
    yield found
    found.close()
