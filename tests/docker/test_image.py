"""The image's work, done without a container engine: its own steps in a fresh virtual environment, its own command.

The steps are read from docker/Dockerfile (`tests.docker.dockerfile`). Where an engine is at hand, it builds and runs
the image (`tests.docker.test_container`).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docker.dockerfile import ACCOUNT, CONFIGURATION, DOCKERFILE, ROOT, command, copied, instruction, make_role
from tests.ports import free_port
from tests.postgres import own_server

SECONDS = 60


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's /source and /opt/ciconia, in a folder."""
    root = tmp_path_factory.mktemp("image")
    source = root / "source"
    source.mkdir()
    for name in copied():
        (source / name).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", str(ROOT / name), str(source / name)], check=True)
    step = next(line[4:] for line in DOCKERFILE.splitlines() if line.startswith("RUN sh /source"))
    step = step.replace("/source", str(source)).replace("/opt/ciconia", str(root / "opt"))
    subprocess.run(step.split(), check=True, env={**os.environ, "PYTHON": sys.executable}, timeout=600)
    return root


def run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """ENTRYPOINT with these arguments."""
    line = [str(image / "opt/bin" / command("ENTRYPOINT")[0]), *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False)


@contextmanager
def started(line: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, until the block ends."""
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_steps_of_the_image_give_a_broker_that_answers_its_health_check(image: Path, tmp_path: Path) -> None:
    city = tmp_path / "city"
    assert run(image, "init", str(city)).returncode == 0
    port, health = free_port(), free_port()
    settings = city / "ciconia.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:8400", f"127.0.0.1:{port}")
    text = text.replace('database = "ciconia.db"', f'database = "{tmp_path}/records.db"')
    settings.write_text(text.replace('metrics_listen = ""', f'metrics_listen = "127.0.0.1:{health}"'), encoding="utf-8")
    before = contents(city)
    check = [str(image / "opt/bin/python"), *command("HEALTHCHECK")[1:]]
    check = [part.replace("127.0.0.1:8401", f"127.0.0.1:{health}") for part in check]
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0, "healthy before it runs"
    arguments = [part.replace(CONFIGURATION, str(city)) for part in command("CMD")]
    with started([str(image / "opt/bin" / command("ENTRYPOINT")[0]), *arguments]) as process:
        assert process.stdout is not None
        assert "is served at" in process.stdout.readline()
        end = time.monotonic() + SECONDS
        while (ready := subprocess.run(check, capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < end, ready.stderr
    assert process.returncode == 0
    assert contents(city) == before


@pytest.mark.slow
def test_the_image_holds_the_packages_of_every_extra_that_runs(image: Path) -> None:
    listed = subprocess.run(
        [str(image / "opt/bin/python"), "-c", "import psycopg, valkey, pyhanko_certvalidator"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr


def test_the_image_runs_as_nobody_of_importance() -> None:
    assert instruction("USER") == f"{ACCOUNT}:{ACCOUNT}"


def test_what_the_image_installs_is_locked_by_hash() -> None:
    script = (ROOT / "docker/install.sh").read_text(encoding="utf-8")
    installs = [line for line in script.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installs)


@pytest.mark.slow
def test_the_role_of_the_broker_owns_its_databases_and_is_nobodys_administrator(tmp_path: Path) -> None:
    """docker/roles.sh, as PostgreSQL's own image runs it once."""
    (tmp_path / "broker_password").write_text("it's $(secret)", encoding="utf-8")
    with own_server() as server:
        make_role(server, tmp_path)
        rights = server.execute("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'broker'")
        owned = server.execute(
            "SELECT datname FROM pg_database JOIN pg_roles r ON datdba = r.oid WHERE rolname = 'broker' ORDER BY 1"
        )
    assert rights == [(False,)]
    assert owned == [("ciconia",), ("ciconia_demo",)]
