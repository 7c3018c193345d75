"""`ciconia serve` with several tenants: the database of one is away, at the start and when a worker is replaced."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.idp.cli.command import CICONIA, Served, serving
from tests.idp.server.crew import until
from tests.ports import free_port
from tests.postgres import PostgresServer, own_server
from tests.tenants.roof import Roof, issuer

SECONDS = 300.0


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with own_server() as found:
        yield found


def events(served: Served, name: str) -> int:
    """How many lines of the workers say it about the one whose database goes and comes."""
    found = [json.loads(line) for line in served.lines if line.startswith("{")]
    return sum((line["event"], line.get("tenant"), "worker" in line) == (name, "alder", True) for line in found)


@pytest.mark.slow  # test_late has the same in one process
def test_it_is_served_when_its_database_is_back_without_anybodys_doing(
    made: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    workers = 2
    roof = Roof(shutil.copytree(made, tmp_path / "roof"))
    roof.settings("alder", issuer=issuer("alder"), database=postgres.fresh())
    port, told = free_port(), free_port()
    text = f'listen = "127.0.0.1:{port}"\nmetrics_listen = "127.0.0.1:{told}"\n'
    (roof.folder / "ciconia.toml").write_text(text, encoding="utf-8")

    def status(name: str) -> int:
        headers = {"host": f"{name}.example", "x-forwarded-proto": "https"}
        return httpx2.get(f"http://127.0.0.1:{port}/log/vkey", headers=headers, timeout=60).status_code

    def ready() -> dict[str, bool]:
        found = httpx2.get(f"http://127.0.0.1:{told}/ready", timeout=60).json()["tenants"]
        assert isinstance(found, dict)
        return found

    def is_served_by_all() -> None:
        until(lambda: ready() == {"alder.example": True, "birch.example": True}, SECONDS)
        assert {status(name) for name in ("alder", "birch") for _ in range(10)} == {200}

    postgres.stop()
    try:
        command = [CICONIA, "serve", "--config", str(roof.folder), "--workers", str(workers)]
        with serving(roof.folder, tmp_path / "log", command) as served:
            assert issuer("alder") not in served.first_line
            assert (status("alder"), status("birch")) == (503, 200)
            until(lambda: ready() == {"alder.example": False, "birch.example": True}, SECONDS)
            postgres.start()
            until(lambda: events(served, "tenant_opened") == workers, SECONDS)
            is_served_by_all()

            postgres.stop()
            children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text(encoding="ascii")
            os.kill(int(children.split()[-1]), signal.SIGKILL)
            until(lambda: events(served, "tenant_broken") == workers + 1, SECONDS)
            until(lambda: ready() == {"alder.example": False, "birch.example": True}, SECONDS)
            postgres.start()
            until(lambda: events(served, "tenant_opened") == workers + 1, SECONDS)
            is_served_by_all()
    finally:
        postgres.stop()
        postgres.start()
