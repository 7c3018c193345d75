"""docker/Dockerfile and what stands beside it, as they are read by tests: what changes there changes here."""

import json
import os
import re
import subprocess
from pathlib import Path

from tests.postgres import ROLE, PostgresServer, programs

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
ACCOUNT = 10001
CONFIGURATION, DATA = "/etc/ciconia", "/var/lib/ciconia"


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
    """The files that `COPY . /source` copies: docker/Dockerfile.dockerignore names it, and all else stays outside."""
    lines = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


def make_role(server: PostgresServer, secrets: Path) -> None:
    """docker/roles.sh, as PostgreSQL's own image runs it once.

    The administrator of the tests' server has the role's name already, so here it is `broker`.
    """
    script = (ROOT / "docker/roles.sh").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    script = script.replace("ROLE ciconia", "ROLE broker").replace("OWNER ciconia", "OWNER broker")
    # libpq's own names; the image's psql comes by its path
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGDATABASE": "postgres", "POSTGRES_USER": ROLE}
    path = f"{programs()}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script], env={**os.environ, **where, "PATH": path}, check=True, timeout=60)
