"""What a reload looks at: the supervisor waits for no database, and a tenant that came with it gets its tables."""

from pathlib import Path

import pytest

from idp.broken import Broken
from idp.cli import serve_plan
from idp.cli.serve_plan import LEAST_TENANTS, Looked, look, look_again, metrics_board, plan
from idp.loading import Read
from idp.pages.render import compiled
from idp.settings import Settings, load_settings
from idp.store.engine import open_engine
from idp.store.migrate import serves
from idp.tenants import Seen
from idp.watching.board import TENANT_BYTES, Board
from policies.load import load
from tests.idp.cli.command import ciconia


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert ciconia("init", folder).returncode == 0
    return folder


def never(*_arguments: object) -> None:
    raise AssertionError("a supervisor waits for no database")


def test_a_reload_asks_no_database_in_the_supervisor(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = look(city)
    monkeypatch.setattr(serve_plan, "migrate_ours", never)
    monkeypatch.setattr(serve_plan, "open_engine", never)
    assert look_again(city, served) == served


def test_a_worker_of_a_reload_makes_the_tables_that_lack(city: Path) -> None:
    served = look(city)
    url = load_settings(city).database_url
    for file in city.glob("*.db*"):
        file.unlink()
    composed = plan(city, look_again(city, served), Board(), 0).compose(1)
    engine = open_engine(url)
    assert serves(engine)
    engine.dispose()
    composed.start()
    composed.stop()


def test_a_worker_reads_no_private_key_and_compiles_no_page(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.cache_clear()
    served = look(city)
    monkeypatch.setattr("idp.keys.file.load_pem_private_key", never)
    monkeypatch.setattr("idp.pages.render._compiled", never)
    plan(city, served, Board(), 0).compose(1).stop()


@pytest.mark.parametrize(("tenants", "room"), [(1, LEAST_TENANTS), (50, 100)])
def test_metrics_have_room_for_tenants_that_a_reload_brings(tenants: int, room: int, tmp_path: Path) -> None:
    settings = Settings(issuer="https://login.city.example", folder=tmp_path)
    read = {str(number): Read(settings, load({}), frozenset()) for number in range(tenants - 1)}
    board = metrics_board(Looked(Seen(settings, read, (Broken("alder", "", ()),))), 4)
    assert board._slot_bytes == room * TENANT_BYTES
    # Four that leave, and four that came
    board.worker(8)
    with pytest.raises(ValueError, match="slot"):
        board.worker(9)
