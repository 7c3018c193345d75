"""The commands with a folder of several tenants: `serve` with some or all of them broken, `migrate`, the others."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.idp.cli.command import CICONIA, ciconia
from tests.ports import free_port
from tests.tenants.roof import Roof, issuer

SECONDS = 300
DISCOVERY = "/.well-known/openid-configuration"


def spoil(roof: Roof, *names: str) -> None:
    for name in names:
        (roof.tenant(name) / "keys" / "es256.pem").write_text("no key", encoding="utf-8")


@contextmanager
def serving(roof: Roof, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`ciconia serve` over the folder, on a port that is free."""
    port = free_port()
    (roof.folder / "ciconia.toml").write_text(f'listen = "127.0.0.1:{port}"\n', encoding="utf-8")
    command = [CICONIA, "serve", "--config", str(roof.folder), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process, port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)


def test_serve_does_not_start_where_every_tenant_is_broken_and_names_every_problem(roof: Roof) -> None:
    spoil(roof, "alder", "birch")
    with serving(roof, "--workers", "2") as (process, _):
        told, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert all(told.count(f"tenants/{name}/keys/es256.pem") == 1 for name in ("alder", "birch")), told
    assert "served at" not in told
    assert "worker" not in told


def test_serve_with_one_broken_tenant_of_two_says_so_once_and_serves_the_other(roof: Roof) -> None:
    spoil(roof, "birch")
    told: list[str] = []
    with serving(roof, "--workers", "2") as (process, port):
        assert process.stdout is not None
        while not told or "served at" not in told[-1]:
            told.append(process.stdout.readline())
            assert told[-1], told
        for name, status in (("alder", 200), ("birch", 503)):
            host = {"host": f"{name}.example", "x-forwarded-proto": "https"}
            found = httpx2.get(f"http://127.0.0.1:{port}{DISCOVERY}", headers=host, timeout=SECONDS)
            assert found.status_code == status
        process.send_signal(signal.SIGTERM)
        told += process.communicate(timeout=SECONDS)[0].splitlines()
    assert process.returncode == 0, told
    broken = [line for line in told if "tenant_broken" in line]
    assert len(broken) == 1, told
    assert issuer("birch") in broken[0]
    assert "es256.pem" in broken[0]
    assert not any(issuer("birch") in line for line in told if "served at" in line)


def test_migrate_brings_every_tenant_s_database_up_and_names_the_one_that_cannot(roof: Roof) -> None:
    for name in ("alder", "birch"):
        (roof.tenant(name) / "ciconia.db").unlink()
    done = ciconia("migrate", "--config", str(roof.folder), "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["ok"], line["tenant"]) for line in lines] == [(True, "alder"), (True, "birch")]
    assert len({line["revision"] for line in lines}) == 1
    (roof.tenant("alder") / "ciconia.toml").write_text("issuer = \n", encoding="utf-8")
    (roof.tenant("birch") / "ciconia.db").unlink()
    half = ciconia("migrate", "--config", str(roof.folder))
    assert half.returncode == 1
    assert "tenants/alder/ciconia.toml" in half.stderr
    assert "of birch is at revision" in half.stdout
    assert (roof.tenant("birch") / "ciconia.db").exists()
    (roof.tenant("birch") / "ciconia.db").write_bytes(b"no database" * 1000)
    lines = [json.loads(line) for line in ciconia("migrate", "--config", str(roof.folder), "--json").stdout.splitlines()]
    assert [line["ok"] for line in lines] == [False, False]
    assert lines[1]["tenant"] == "birch"
    assert lines[1]["error"]["detail"].startswith("The database ciconia.db of birch cannot be changed: ")


@pytest.mark.parametrize(
    "command",
    [
        ("backup", "--to", "copy.db"),
        ("restore", "--from", "copy.db"),
        ("ledger", "verify"),
        ("keys", "list"),
        ("party", "list"),
    ],
)
def test_a_command_of_one_tenant_names_the_tenants_to_choose_from(
    roof: Roof, tmp_path: Path, command: tuple[str, ...]
) -> None:
    words = [str(tmp_path / word) if word.endswith(".db") else word for word in command]
    refused = ciconia(*words, "--config", str(roof.folder))
    assert refused.returncode == 2
    assert "has several tenants" in refused.stderr
    assert str(roof.tenant("birch")) in refused.stderr.replace("\n", "")
    assert not (tmp_path / "copy.db").exists()
