"""What the image would do, done without a container engine: its own steps in a fresh virtual environment, its own command.

Read from docker/Dockerfile, so that a step that changes there changes here. Where this account may mount, its account and
its file system are tried, too (`tests.docker.confined`).
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from idp.server import bind
from tests.docker.confined import ACCOUNT, CONFIGURATION, DATA, Confined, require_mounting
from tests.postgres import ROLE, own_server, programs

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
SECONDS = 60


def instruction(name: str) -> str:
    """The last instruction of this name, its lines joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return str(re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)[-1])


def command(name: str) -> list[str]:
    """An instruction in its exec form."""
    found = json.loads(instruction(name)[instruction(name).index("[") :])
    assert isinstance(found, list)
    return [str(part) for part in found]


def copied() -> list[str]:
    """What `COPY . /source` copies: docker/Dockerfile.dockerignore names it, and all else stays outside."""
    lines = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


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


def free_port() -> int:
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
    assert isinstance(port, int)
    return port


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


def owned(folder: Path) -> Path:
    """The folder and what is in it belong to the image's account."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, ACCOUNT, ACCOUNT)
    return folder


@pytest.fixture
def confined(image: Path, tmp_path: Path) -> Confined:
    """The image over a fresh city, with mounts as compose.yaml has them."""
    require_mounting()
    for name in ("root", "data"):
        (tmp_path / name).mkdir(mode=0o700)
    assert run(image, "init", str(tmp_path / "city")).returncode == 0
    return Confined(tmp_path / "root", image / "opt", tmp_path / "city", owned(tmp_path / "data"))


@pytest.mark.slow
def test_the_image_serves_as_its_account_from_a_file_system_that_cannot_be_written_to(confined: Confined) -> None:
    port, health = free_port(), free_port()
    settings = confined.city / "ciconia.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:8400", f"127.0.0.1:{port}")
    text = text.replace('database = "ciconia.db"', f'database = "{DATA}/records.db"')
    settings.write_text(text.replace('metrics_listen = ""', f'metrics_listen = "127.0.0.1:{health}"'), encoding="utf-8")
    owned(confined.city)
    before = contents(confined.city)
    check = [part.replace("127.0.0.1:8401", f"127.0.0.1:{health}") for part in command("HEALTHCHECK")]
    served = confined.line(command("ENTRYPOINT")[0], "serve", "--config", CONFIGURATION, "--workers", "2")
    with started(served) as process:
        assert process.stdout is not None
        assert "is served at" in process.stdout.readline()
        end = time.monotonic() + SECONDS
        while (ready := subprocess.run(confined.line(*check), capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < end, ready.stderr
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        assert re.search(rf"^Uid:\t{ACCOUNT}\t{ACCOUNT}\t", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        assert "NoNewPrivs:\t1" in status
    assert process.returncode == 0
    assert contents(confined.city) == before
    assert {path.name for path in confined.data.iterdir()} == {"records.db"}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/", "/usr", "/opt-of-the-image", CONFIGURATION])
def test_the_account_of_the_image_can_write_nowhere_else(confined: Confined, place: str) -> None:
    file = f"{place.replace('/opt-of-the-image', str(confined.opt))}/written"
    owned(confined.city)
    tried = subprocess.run(confined.line("touch", file), capture_output=True, text=True, check=False)
    assert "Read-only file system" in tried.stderr
    for writable in (DATA, "/tmp"):  # noqa: S108 - what compose.yaml mounts for it
        assert subprocess.run(confined.line("touch", f"{writable}/written"), check=False).returncode == 0


@pytest.mark.slow
def test_the_demo_of_the_image_runs_as_its_account(confined: Confined) -> None:
    line = confined.line(command("ENTRYPOINT")[0], "demo", "--once", "--json")
    told = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["ok"] is True


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
    script = (ROOT / "docker/roles.sh").read_text(encoding="utf-8").replace("/run/secrets", str(tmp_path))
    # The administrator of the tests' server has the name already
    script = script.replace("ROLE ciconia", "ROLE broker").replace("OWNER ciconia", "OWNER broker")
    with own_server() as server:
        # libpq's own names; the image's psql comes by its path
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGDATABASE": "postgres", "POSTGRES_USER": ROLE}
        path = f"{programs()}:{os.environ['PATH']}"
        subprocess.run(["sh", "-c", script], env={**os.environ, **where, "PATH": path}, check=True, timeout=SECONDS)
        rights = server.execute("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'broker'")
        owned = server.execute(
            "SELECT datname FROM pg_database JOIN pg_roles r ON datdba = r.oid WHERE rolname = 'broker' ORDER BY 1"
        )
    assert rights == [(False,)]
    assert owned == [("ciconia",), ("ciconia_demo",)]
