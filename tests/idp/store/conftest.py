"""A migrated database for each test: a file or a database of PostgreSQL, copied from one that was migrated once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.switches.switchboard import Switchboard
from tests.idp.memory import MemoryStore
from tests.idp.store.proxy import Proxy
from tests.idp.store.units import KEYS, TENANT, opened, opened_at, release, unit
from tests.postgres import server

AnyStore = Store | MemoryStore


@pytest.fixture(autouse=True)
def nobody_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's disk may take longer for a commit than a login waits for it."""
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 300)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "ciconia.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    """A folder with an empty, migrated `ciconia.db`."""
    shutil.copy(migrated, tmp_path / "ciconia.db")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    found = opened(folder)
    yield found
    found.close()


@pytest.fixture(scope="session")
def postgres_template() -> str:
    """The name of a migrated database of the server, to be copied."""
    url = server().fresh()
    migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres(postgres_template: str) -> str:
    """The URL of an empty, migrated database of PostgreSQL."""
    return server().fresh(postgres_template)


@pytest.fixture
def proxied(postgres: str) -> Iterator[tuple[Store, Proxy]]:
    """A store whose every octet passes through the proxy."""
    name = postgres.rpartition("/")[2]
    with Proxy(server().port) as proxy:
        store = opened_at(server().url(name, port=proxy.port))
        store.commit(unit(record=release()))
        yield store, proxy
        store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty, migrated database of either kind."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres")
        return found
    return f"sqlite:///{request.getfixturevalue('folder') / 'ciconia.db'}"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest) -> Iterator[AnyStore]:
    found: AnyStore
    if request.param == "memory":
        found = MemoryStore(tenant=TENANT, ledger_keys=KEYS)
    elif request.param == "sqlite":
        found = opened(request.getfixturevalue("folder"))
    else:
        found = opened_at(request.getfixturevalue("postgres"))
    yield found
    found.close()


@pytest.fixture
def board(store: Store) -> Switchboard:
    return Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)
