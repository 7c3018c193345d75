"""A container engine of the tests' own: Docker's daemon, with images, containers and volumes that go when it goes.

It writes no rule into this machine's firewall, so its containers reach this machine, and nothing beyond. Python's image
cannot be had everywhere that Debian's packages can: the base is Debian's own Python, of the version that docker/Dockerfile
names, unpacked and not configured, with pip's settings of this machine.
"""

import ast
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docker.dockerfile import ROOT
from tests.peers import require_peer

# The release of Debian whose Python is 3.13
RELEASE = "trixie"
BASE, IMAGE = "localhost/debian-python:3.13", "ciconia"
SECONDS = 600
_PACKAGES = "base-files,base-passwd,coreutils,dash,findutils,libc-bin,passwd,python3,python3-venv"
# Its mounts end with it, and a containerd that runs here already is not for it
_ALONE = 'if [ -d /run/containerd ]; then mount -t tmpfs tmpfs /run/containerd; fi; exec "$@"'
_ACCOUNTS = 'for each in passwd group; do cp "$1/usr/share/base-passwd/$each.master" "$1/etc/$each"; done'
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# They say where packages are and who vouches for it; what lies on this machine's disk is not in a container
_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy")
# Debian's pip reads them here
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Engine:
    """A daemon that runs. `folder` has its socket, its data and its log, and is removed with it."""

    folder: Path

    def environment(self) -> dict[str, str]:
        words = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "BUILDX_BUILDER": "default"}
        return {**os.environ, **words, "BUILDX_CONFIG": str(self.folder / "buildx")}

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`docker` with these arguments, whatever its exit code."""
        return subprocess.run(
            ["docker", *arguments], env=self.environment(), capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def run(self, *arguments: str) -> str:
        """The output of `docker` with these arguments."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def build(self, tag: str, *options: str) -> None:
        """The image from this tree, as docker/Dockerfile's first line says."""
        proxies = [word for name in _PROXIES if name in os.environ for word in ("--build-arg", name)]
        # Where this machine reaches packages, the build does
        line = ["build", "--network", "host", *proxies, "--build-arg", f"PYTHON={BASE}", *options]
        self.run(*line, "--file", str(ROOT / "docker/Dockerfile"), "--tag", tag, str(ROOT))

    def stop(self, container: str) -> int:
        """Its exit code at SIGTERM."""
        self.run("stop", container)
        return int(self.run("inspect", "--format", "{{.State.ExitCode}}", container))


def require_engine() -> None:
    """Skip where nobody may start an engine, and where its programs are not installed."""
    if os.geteuid() != 0:
        pytest.skip("only root may start a container engine")
    programs = all(shutil.which(name) for name in ("docker", "dockerd", "mmdebstrap", "unshare"))
    plugins = [["docker", name, "version"] for name in ("buildx", "compose")]
    present = programs and all(subprocess.run(line, capture_output=True, check=False).returncode == 0 for line in plugins)
    require_peer("a container engine", present=present)


@contextmanager
def own_engine() -> Iterator[Engine]:
    """An engine until the block ends, with the base and the image."""
    engine = Engine(Path(tempfile.mkdtemp(prefix="ciconia-engine-")))
    folder = engine.folder
    (folder / "daemon.json").write_text("{}", encoding="utf-8")
    line = ["unshare", "--mount", "sh", "-ec", _ALONE, "sh", "dockerd", "--config-file", f"{folder}/daemon.json"]
    line += ["--host", f"unix://{folder}/docker.sock", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/run"]
    line += ["--pidfile", f"{folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    line += ["--ip-forward=false", "--ip-masq=false"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(line, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while engine.attempt("version").returncode:
            told = (folder / "log").read_text(encoding="utf-8", errors="replace")[-4000:]
            assert daemon.poll() is None, told
            assert time.monotonic() < end, told
            time.sleep(0.1)
        _import_base(engine)
        engine.build(IMAGE)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _import_base(engine: Engine) -> None:
    """Debian's Python, under the name `BASE`."""
    folder = engine.folder
    settings = _pip_settings()
    certificates = settings.pop("cert", _CERTIFICATES)
    hooks = [_ACCOUNTS, 'mkdir -p "$1/etc/ssl/certs"']
    for source, target in ((f"{folder}/pip.conf", "/etc/pip.conf"), (certificates, _CERTIFICATES)):
        hooks.append(f"upload {shlex.quote(source)} {target}")
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items())]
    (folder / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    line = ["mmdebstrap", "--mode=root", "--variant=extract", f"--include={_PACKAGES}"]
    line += [f"--extract-hook={hook}" for hook in hooks]
    for _ in range(3):  # a mirror that is being updated answers wrongly for a minute
        made = subprocess.run(
            [*line, RELEASE, f"{folder}/base.tar"], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if made.returncode == 0:
            break
        time.sleep(20)
    assert made.returncode == 0, made.stderr[-4000:]
    engine.run("import", f"{folder}/base.tar", BASE)


def _pip_settings() -> dict[str, str]:
    """How pip reaches packages here, by what its files and this environment say."""
    line = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for each in listed.splitlines():
        key, _, value = each.partition("=")
        name = key.rpartition(".")[2]
        # The environment is listed first, and wins
        if name in {*_PIP, "cert"}:
            found.setdefault(name, " ".join(str(ast.literal_eval(value)).split()))
    return found
