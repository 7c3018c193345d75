"""The programs of Debian's litetlog and sigsum-go, which other people wrote: witnesses, a log, a verifier."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from idp.ledger.checkpoint import VerifierKey
from idp.ledger.cosignature import WitnessKey
from tests.peers import require_peer
from tests.ports import free_port

# Debian builds these programs without their go.mod. So Go takes the patterns of their addresses for those of Go 1.21, and
# every address is 404
GODEBUG = "httpmuxgo121=0"


def require_litetlog() -> None:
    programs = ("litewitness", "witnessctl", "spicy-litetlog", "ssh-agent", "ssh-add", "ssh-keygen")
    require_peer("litetlog", present=all(shutil.which(program) for program in programs))


def require_sigsum() -> None:
    require_peer("sigsum-go", present=all(shutil.which(program) for program in ("sigsum-witness", "sigsum-key")))


def run(*command: str, cwd: Path, check: bool = True, **variables: str) -> str:
    """Run one of the programs; what it said, on either stream."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def litewitness(folder: Path, name: str, *logs: VerifierKey) -> Iterator[tuple[str, WitnessKey]]:
    """A litewitness that knows these logs: its address, and its key as it prints it."""
    folder.mkdir()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key", cwd=folder)
    fingerprint = run("ssh-keygen", "-lf", "key.pub", cwd=folder).split()[1]
    for log in logs:
        run("witnessctl", "add-log", "-db", "w.db", "-origin", log.name, cwd=folder)
        run("witnessctl", "add-key", "-db", "w.db", "-origin", log.name, "-key", str(log), cwd=folder)
    with subprocess.Popen(["ssh-agent", "-D", "-a", "agent"], cwd=folder, stdout=subprocess.DEVNULL) as agent:
        try:
            _until((folder / "agent").exists)
            run("ssh-add", "-q", "key", cwd=folder, SSH_AUTH_SOCK="agent")
            port = free_port()
            command = ["litewitness", "-db", "w.db", "-name", name, "-key", fingerprint]
            command += ["-ssh-agent", "agent", "-listen", f"127.0.0.1:{port}"]
            env = {**os.environ, "GODEBUG": GODEBUG}
            with (folder / "out").open("wb") as out, subprocess.Popen(command, cwd=folder, stderr=out, env=env) as witness:
                try:
                    _until(lambda: "msg=listening" in (folder / "out").read_text())
                    vkey = re.search(r"vkey=(\S+)", (folder / "out").read_text())
                    assert vkey is not None
                    yield f"http://lite.localhost:{port}", WitnessKey.read(vkey[1])
                finally:
                    witness.terminate()
        finally:
            agent.terminate()


@contextmanager
def sigsum_witness(folder: Path, log: bytes) -> Iterator[tuple[str, WitnessKey]]:
    """A sigsum-witness for the log of a public key (OpenSSH): its address, and its key as `sigsum-key` prints it."""
    folder.mkdir()
    run("sigsum-key", "generate", "-o", "key", cwd=folder)
    digest = run("sigsum-key", "to-hash", "-k", "key.pub", cwd=folder).strip()
    name = f"sigsum.org/v1/witness/{digest}"
    vkey = run("sigsum-key", "to-vkey", "-k", "key.pub", "-n", name, "-t", "cosignature/v1", cwd=folder).strip()
    (folder / "log.pub").write_bytes(log)
    port = free_port()
    command = ["sigsum-witness", "-k", "key", "--log-key", "log.pub", "--state-file", "state", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "GODEBUG": GODEBUG}) as witness:
        try:
            _until(partial(_listens, port))
            yield f"http://sigsum.localhost:{port}", WitnessKey.read(vkey)
        finally:
            witness.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


class SpicyLog:
    """A log that `spicy` makes: a leaf is a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        (folder / "assets").mkdir(parents=True)
        said = run("spicy-litetlog", "-init", name, "-key", "log.key", "-assets", "assets", cwd=folder)
        found = re.search(r"Public key: (\S+)", said)
        assert found is not None
        self.key = VerifierKey.read(found[1])
        self.leaves: list[bytes] = []

    def add(self, *leaves: bytes) -> None:
        for leaf in leaves:
            (self.folder / f"leaf{len(self.leaves)}").write_bytes(leaf)
            run("spicy-litetlog", "-key", "log.key", "-assets", "assets", f"leaf{len(self.leaves)}", cwd=self.folder)
            self.leaves.append(leaf)

    @property
    def checkpoint(self) -> bytes:
        return (self.folder / "assets" / "latest").read_bytes()


def _until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.02)
