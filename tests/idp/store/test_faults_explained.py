"""A database that cannot be used: each command says what happened and what to do, and quotes nothing that was asked."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from idp.cli.init import init
from idp.store.engine import open_engine, reading
from idp.store.faults import explained, meaning
from policies.errors import StoreUnavailable
from tests.idp.cli.command import ciconia
from tests.postgres import PostgresServer, own_server

SECRET = "s3cretword"


@pytest.fixture(scope="module")
def strict() -> Iterator[PostgresServer]:
    """A server with a role that has a password and no rights, and one that no line lets in."""
    with own_server() as found:
        found.execute(f"CREATE ROLE weak LOGIN PASSWORD '{SECRET}'")
        found.execute("CREATE ROLE outside LOGIN")
        lines = ("ciconia 127.0.0.1/32 trust", "weak 127.0.0.1/32 scram-sha-256", "lacking 127.0.0.1/32 trust")
        (found.data / "pg_hba.conf").write_text("".join(f"host all {line}\n" for line in lines), encoding="utf-8")
        found.execute("SELECT pg_reload_conf()")
        while not found.execute("SELECT 1 FROM pg_hba_file_rules WHERE user_name = '{weak}'"):
            pass
        yield found


def detail_of(url: str, statement: str = "SELECT 1") -> str:
    engine = open_engine(url)
    try:
        with pytest.raises(StoreUnavailable) as refused, reading(), engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
    assert SECRET not in str(refused.value)
    return refused.value.detail


@pytest.mark.parametrize(
    ("address", "detail", "words"),
    [
        ("ciconia@127.0.0.1:1/x", "OperationalError (refused)", "Nobody listens there."),
        ("ciconia@nosuch.invalid/x", "OperationalError (no such host)", "The host is not known."),
        (f"ciconia@HERE/{SECRET}", "OperationalError 3D000", "no database of this name"),
        (f"lacking:{SECRET}@HERE/postgres", "OperationalError 28000", "no such role"),
        (f"outside:{SECRET}@HERE/postgres", "OperationalError 28000", "no line of pg_hba.conf"),
        (f"weak:{SECRET}x@HERE/postgres", "OperationalError 28P01", "password"),
        ("weak@HERE/postgres", "OperationalError 28P01", "or got none"),
        ("ciconia@HERE/postgres?target_session_attrs=standby", "OperationalError (no primary)", "Name the primary"),
        ("ciconia@HERE/postgres?sslmod=require", "ProgrammingError (parameter)", "spelling of what stands behind its `?`"),
        ("ciconia@HERE/postgres?sslmode=requir", "OperationalError (parameter)", "that libpq does not know"),
        ("ciconia@HERE/postgres?connect_timeout=5s", "ProgrammingError (parameter)", "or a value of one"),
        ("ciconia@HERE/postgres?sslmode=require", "OperationalError (TLS)", "sslmode"),
    ],
)
def test_a_connection_that_is_not_made_is_told_by_our_own_words(
    strict: PostgresServer, address: str, detail: str, words: str
) -> None:
    found = detail_of(f"postgresql://{address.replace('HERE', f'127.0.0.1:{strict.port}')}")
    assert found == detail
    assert words in explained(found)
    assert all(meaning(found))


def test_a_role_without_rights_is_told_so(strict: PostgresServer) -> None:
    url = f"postgresql://weak:{SECRET}@127.0.0.1:{strict.port}/postgres"
    found = detail_of(url, "CREATE TABLE public.mine (n int)")
    assert found == "InsufficientPrivilege 42501"
    assert "ALTER DATABASE" in explained(found)


def test_what_nobody_knows_stays_as_it_is() -> None:
    for detail in ["the writer is closed", "IntegrityError", "SQLITE_MADEUP", "OperationalError ZZZZZ"]:
        assert explained(detail) == detail


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    (folder / "folder.db").mkdir()
    return folder


@pytest.mark.parametrize("setting", [f"postgresql://ciconia:{SECRET}@127.0.0.1:1/x", "folder.db"])
def test_every_command_says_it(made: Path, tmp_path: Path, setting: str) -> None:
    city = Path(shutil.copytree(made, tmp_path / "city"))
    file = city / "ciconia.toml"
    lines = file.read_text(encoding="utf-8")
    file.write_text(lines.replace('database = "ciconia.db"', f'database = "{setting}"'), encoding="utf-8")
    for command in ("serve", "migrate", "ledger verify", "backup --json --to TO", "party list", "doctor --offline"):
        run = ciconia(*command.replace("TO", str(tmp_path / "copy.db")).split(), "--config", city)
        told = run.stdout + run.stderr
        assert run.returncode, command
        assert "Traceback" not in told, command
        assert "Is the disk full" not in told, command
        assert SECRET not in told, command
        if "://" in setting:
            assert "Nobody listens there." in told, command
        elif not command.startswith("doctor"):
            assert "it is a folder" in told, command
