"""docker/Dockerfile built, and docker/compose.yaml run, by a container engine (`tests.docker.engine`).

PostgreSQL is the tests' own, on this machine: its image cannot be had everywhere, and nothing here pretends to be it.
"""

import json
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docker.dockerfile import ACCOUNT, CONFIGURATION, DATA, ROOT, copied, make_role
from tests.docker.engine import IMAGE, Engine, own_engine, require_engine
from tests.postgres import PostgresServer, own_server

pytestmark = [pytest.mark.peer, pytest.mark.slow]
PASSWORD = "it's $(secret)"
ISSUER = "login.city.example"
CONFINED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")  # noqa: S108 - as compose.yaml
SECONDS = 60


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    require_engine()
    with own_engine() as engine:
        yield engine


@pytest.fixture
def city(engine: Engine, tmp_path: Path) -> Path:
    """The folder that `ciconia init` of the image makes under the image's account."""
    return made_city(engine, tmp_path)


def made_city(engine: Engine, folder: Path) -> Path:
    os.chown(folder, ACCOUNT, ACCOUNT)
    engine.run("run", "--rm", "--network", "none", "--volume", f"{folder}:/made", IMAGE, "init", "/made/city")
    return folder / "city"


def settle(city: Path, *, database: str, **changed: str) -> None:
    """Its settings, each as TOML."""
    # The configuration is mounted for reading alone
    witness = json.dumps(f"{DATA}/witness")
    words = {"metrics_listen": '"127.0.0.1:8401"', "database": json.dumps(database), "witness": witness, **changed}
    text = (city / "ciconia.toml").read_text(encoding="utf-8")
    for name, value in words.items():
        text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert found == 1, name
    (city / "ciconia.toml").write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def require_confined(engine: Engine, container: str) -> None:
    """It is the image's account without a capability, without a way to one, and writes where compose.yaml lets it."""
    status = engine.run("exec", container, "cat", "/proc/1/status")
    for line in (f"Uid:\t{ACCOUNT}\t{ACCOUNT}\t", f"Gid:\t{ACCOUNT}\t{ACCOUNT}\t", "NoNewPrivs:\t1\n"):
        assert line in status
    for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert re.search(rf"^Cap{name}:\t0+$", status, re.MULTILINE)
    for place in ("", "/usr", "/opt/ciconia", CONFIGURATION, "/var/lib", "/run"):
        tried = engine.attempt("exec", container, "touch", f"{place}/written")
        assert "Read-only file system" in tried.stderr
    for writable in (DATA, "/tmp"):  # noqa: S108 - what compose.yaml mounts for it
        engine.run("exec", container, "touch", f"{writable}/written")


def test_the_build_takes_in_what_its_ignore_file_names_and_leaves_it_behind(engine: Engine) -> None:
    engine.build("sources", "--target", "build")
    files = engine.run("run", "--rm", "--network", "none", "sources", "find", "/source", "-type", "f").split()
    names = {file.removeprefix("/source/") for file in files}
    # What setuptools makes of it on the way
    names = {name for name in names if not name.startswith(("build/", "ciconia.egg-info/"))}
    assert {"pyproject.toml", "docker/install.sh", "docker/requirements.lock"} < names
    assert {name for name in names if not any(name == each or name.startswith(f"{each}/") for each in copied())} == set()
    assert not [name for name in names if "__pycache__" in name]
    left = engine.attempt("run", "--rm", "--network", "none", "--entrypoint", "ls", IMAGE, "/source")
    assert "No such file" in left.stderr


def test_the_image_serves_from_sqlite_and_turns_healthy_and_ends_with_0(engine: Engine, city: Path) -> None:
    settle(city, database=f"{DATA}/records.db")
    before = contents(city)
    mounts = ("--volume", f"{city}:{CONFIGURATION}:ro", "--volume", f"sqlite:{DATA}")
    # The image's own check, more often
    often = ("--health-interval", "1s", "--health-start-period", "120s")
    container = engine.run("run", "--detach", "--network", "none", *often, *CONFINED, *mounts, IMAGE).strip()
    end = time.monotonic() + SECONDS
    while (health := engine.run("inspect", "--format", "{{.State.Health.Status}}", container).strip()) != "healthy":
        assert health == "starting", engine.run("logs", container)
        assert time.monotonic() < end
        time.sleep(0.2)
    require_confined(engine, container)
    assert engine.stop(container) == 0
    assert contents(city) == before
    listed = engine.run("run", "--rm", "--network", "none", *mounts, "--entrypoint", "ls", IMAGE, DATA).split()
    assert listed == ["records.db", "records.db-turn", "written"]


@dataclass(frozen=True, slots=True)
class Project:
    """docker/compose.yaml over folders of a test: `city` and `docker/secrets`."""

    engine: Engine
    folder: Path

    def line(self, *arguments: str) -> list[str]:
        files = ("--file", str(ROOT / "docker/compose.yaml"), "--file", str(self.folder / "ports.yaml"))
        where = ("--project-name", "ciconia", "--project-directory", str(self.folder / "docker"))
        return ["compose", *files, *where, *arguments]

    def run(self, *arguments: str) -> str:
        return self.engine.run(*self.line(*arguments))


@pytest.fixture(scope="module")
def project(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    # Another test may have 8400
    (folder / "ports.yaml").write_text('services: {broker: {ports: !override ["127.0.0.1::8400"]}}\n', encoding="utf-8")
    secrets = folder / "docker/secrets"
    secrets.mkdir(parents=True)
    (secrets / "postgres_password").touch()
    (secrets / "broker_password").write_text(PASSWORD, encoding="utf-8")
    (secrets / "pgpass").write_text(f"*:*:*:broker:{PASSWORD}\n", encoding="utf-8")
    (secrets / "pgpass").chmod(0o600)
    os.chown(secrets / "pgpass", ACCOUNT, ACCOUNT)
    made_city(engine, folder)
    project = Project(engine, folder)
    project.run("up", "--no-start", "--no-deps", "--no-build", "broker")
    yield project
    project.run("down", "--volumes")


def network_of(project: Project) -> tuple[str, str]:
    """The network of its containers, and this machine's address in it."""
    (network,) = json.loads(project.engine.run("network", "inspect", "ciconia_default"))
    (addresses,) = network["IPAM"]["Config"]
    return addresses["Subnet"], addresses["Gateway"]


@pytest.fixture(scope="module")
def database(project: Project) -> Iterator[PostgresServer]:
    """A PostgreSQL that the containers reach, with the role of docker/roles.sh and its password."""
    network, gateway = network_of(project)
    with own_server({"listen_addresses": f"127.0.0.1,{gateway}"}) as server:
        make_role(server, project.folder / "docker/secrets")
        with (server.data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write(f"host all broker {network} scram-sha-256\n")
        server.execute("SELECT pg_reload_conf()")
        yield server


def test_the_broker_of_the_compose_file_serves_from_postgresql(project: Project, database: PostgresServer) -> None:
    network, gateway = network_of(project)
    city = project.folder / "city"
    url = f"postgresql://broker@{gateway}:{database.port}/ciconia"
    settle(city, database=url, listen='"0.0.0.0:8400"', trusted_proxies=json.dumps([network]))
    before = contents(city)
    project.run("up", "--detach", "--wait", "--no-deps", "--no-build", "broker")
    container = project.run("ps", "--quiet", "broker").strip()
    require_confined(project.engine, container)
    address = project.run("port", "broker", "8400").strip()
    proxied = {"Host": ISSUER, "X-Forwarded-Proto": "https"}
    asked = urllib.request.Request(f"http://{address}/.well-known/openid-configuration", headers=proxied)
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 - as above
        assert json.load(answer)["issuer"] == f"https://{ISSUER}"
    assert project.engine.stop(container) == 0
    assert contents(city) == before
    assert database.execute("SELECT count(*) > 0 FROM pg_tables WHERE tableowner = 'broker'", "ciconia") == [(True,)]


def test_the_demo_of_the_compose_file_walks_one_login(project: Project, database: PostgresServer) -> None:
    url = f"postgresql://broker@127.0.0.1:{database.port}/ciconia_demo"
    line = ("run", "--name", "demo", "--no-deps", "--no-TTY", "demo", "demo", "--once", "--json", "--database", url)
    assert json.loads(project.run(*line))["ok"] is True
    # The check of the image, which asks for a broker's readiness, would call it unhealthy
    assert project.engine.run("inspect", "--format", "{{.Config.Healthcheck.Test}}", "demo").strip() == "[NONE]"
