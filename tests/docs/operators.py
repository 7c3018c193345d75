"""Two operators who do what a page of the documentation tells them, block by block, and nothing else.

What differs from the page: the issuers are `http://*.localhost` on free ports, which `demo = true` allows; registrations
name the network 127.0.0.0/8; metadata is fetched each half second; DIGEST is what a command printed.
"""

import re
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.country import Country
from idp.demo.scene import bound
from idp.demo.stage_servers import StageServers
from idp.keys.file import create_saml_key, load_signer
from idp.keys.ledger_files import create_ledger_keys
from tests.idp.cli.command import CICONIA, Served, ciconia, serving
from tests.ports import free_port

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
HOSTS = {
    "https://node.example.ee": "http://node-ee.localhost",
    "https://login.city.example": "http://login.localhost",
    "https://idp.example.ee": "http://idp-ee.localhost",
}
# `ciconia serve` takes the ports of these, a while after they were chosen
SERVED = ("https://node.example.ee", "https://login.city.example")
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, of the section with this title."""

    section: str
    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a console block."""
        lines = self.text.splitlines()
        assert all(line.startswith("$ ") for line in lines), self.text
        return [shlex.split(line.removeprefix("$ ")) for line in lines]

    @property
    def file(self) -> tuple[Path, str]:
        """Where a TOML block belongs, as its first line says, and what stands behind the path there."""
        found = re.match(r"# ([\w/-]+\.toml)(.*)\n", self.text)
        assert found, f"a block that names no file: {self.text}"
        return Path(found[1]), found[2]


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks, in order."""
    found, section = [], ""
    for part in re.split(
        r"^(## [^\n]+|```\w*\n.*?^```)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    ):
        if part.startswith("## "):
            section = part.removeprefix("## ")
        elif part.startswith("```"):
            language, _, text = part.removeprefix("```").removesuffix("```").partition("\n")
            found.append(Block(section, language, text))
    return found


@dataclass
class Operators:
    """Both of them, in `desk`, which is the working directory. Close it."""

    desk: Path
    printed: list[str] = field(default_factory=list)
    served: dict[str, Served] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sockets = {name: bound(free_port() if name in SERVED else 0) for name in HOSTS}
        ports = {name: listening.getsockname()[1] for name, listening in self._sockets.items()}
        self.words = {name: f"{local}:{ports[name]}" for name, local in HOSTS.items()}
        for name in SERVED:
            self._sockets.pop(name).close()
        self._playing = StageServers()
        self._running: dict[str, AbstractContextManager[Served]] = {}

    def close(self) -> None:
        """End all that runs."""
        for running in self._running.values():
            running.__exit__(None, None, None)
        self._playing.close()
        for listening in self._sockets.values():
            listening.close()

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.language == "toml":
            self._write(block)
            return
        for words in block.commands:
            self._run([self._here(word) for word in words])

    def until_in_use(self, node: str, digest: str) -> None:
        """Wait until a running node says that it goes by the metadata of this digest."""
        until = time.monotonic() + WAIT_SECONDS
        while not any("peer_in_use" in line and digest in line for line in self.served[node].stderr.splitlines()):
            assert time.monotonic() < until, self.served[node].stderr
            time.sleep(0.05)

    def told(self, node: str) -> str:
        """The digest that `metadata own` printed last for a node: what its operator reads out on the telephone."""
        said = [text for text in self.printed if f"Address of our metadata      {self.words[ISSUERS[node]]}/" in text]
        return str(DIGEST.findall(said[-1])[0])

    def _here(self, text: str) -> str:
        for name, local in self.words.items():
            text = text.replace(name, local)
        return text.replace("DIGEST", self._digest()) if "DIGEST" in text else text

    def _digest(self) -> str:
        """The one that the last command printed, which the other operator must have read out before."""
        (digest,) = set(DIGEST.findall(self.printed[-1]))
        assert digest in {self.told(node) for node in ISSUERS if any(self.words[ISSUERS[node]] in p for p in self.printed)}
        return str(digest)

    def _run(self, words: list[str]) -> None:
        if words[:2] == ["ciconia", "serve"]:
            self._serve(words)
            return
        if words[:2] == ["ciconia", "init"]:
            words = [self._https(word) for word in words]
        assert words[0] in {"ciconia", "cp", "rm"}, words
        if words[0] == "ciconia":
            ran = ciconia(*words[1:])
        else:
            ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, f"{shlex.join(words)}: {ran.stdout}{ran.stderr}"
        self.printed.append(ran.stdout)
        if words[:2] == ["ciconia", "init"] and words[2] in ISSUERS:
            self._made(words[2])

    def _https(self, text: str) -> str:
        """`init` makes configurations of https alone."""
        return next((name for name, local in self.words.items() if local == text), text)

    def _made(self, name: str) -> None:
        """A fresh folder: let it be reached on this machine. The ledger's key has the issuer's name, so it is made anew."""
        path = self.desk / name / SETTINGS_FILE
        issuer = self.words[ISSUERS[name]]
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(CHANGED)]
        local = [f'issuer = "{issuer}"', f'listen = "127.0.0.1:{issuer.rpartition(":")[2]}"', "demo = true"]
        path.write_text(
            "\n".join([*local, "probe_seconds = 0.5", "checkpoint_seconds = 0.5", *kept]) + "\n", encoding="utf-8"
        )
        keys = self.desk / name / "keys"
        for file in ("log.key", "log.vkey", "openings.key"):
            (keys / file).unlink()
        # A node's settings are whole only when its operator has filled them in
        create_ledger_keys(keys, issuer.partition("://")[2] + "/log")
        if name == "sending":
            self._sign_in(keys)

    def _sign_in(self, keys: Path) -> None:
        """The country's identity provider, and the metadata that its operator sent."""
        create_saml_key(self.desk / "national.pem")
        country = Country(
            base=self.words["https://idp.example.ee"],
            title="National sign-in",
            key_pem=(self.desk / "national.pem").read_bytes(),
            certificate_der=load_signer(self.desk / "national.pem").certificate,
            broker_certificate=load_signer(keys / "saml.pem").certificate,
        )
        (self.desk / "national.xml").write_bytes(country.metadata())
        self._playing.thread("country", country.app(), self._sockets["https://idp.example.ee"])

    def _write(self, block: Block) -> None:
        """A new file, or keys and tables that are added to one that is there."""
        path, added = block.file
        text = self._here(block.text)
        if path.name == SETTINGS_FILE:
            text = _merged(_without(path.read_text(encoding="utf-8"), tomllib.loads(text)), text)
        elif added.startswith(", added"):
            text = _merged(path.read_text(encoding="utf-8"), text)
        else:
            assert not path.exists(), path
            text = text.replace("\nmetadata_certificate", '\nnetworks = ["127.0.0.0/8"]\nmetadata_certificate')
        path.write_text(text, encoding="utf-8")

    def _serve(self, words: list[str]) -> None:
        """Start a node; where it runs already, its operator has ended it before."""
        (name,) = (word for word in words if word in ISSUERS)
        if name in self.served:
            self.served[name].process.terminate()
            assert self.served[name].process.wait(WAIT_SECONDS) == 0
            self._running.pop(name).__exit__(None, None, None)
        log = self.desk / f"{name}-{len(list(self.desk.glob('*.log')))}.log"
        self._running[name] = serving(Path(name), log, [CICONIA, *words[1:]])
        self.served[name] = self._running[name].__enter__()
        assert self.words[ISSUERS[name]] == load_settings(Path(name)).issuer


ISSUERS = {"sending": "https://node.example.ee", "receiving": "https://login.city.example"}
CHANGED = ("issuer =", "listen =", "probe_seconds =", "checkpoint_seconds =")


def _without(text: str, names: dict[str, object]) -> str:
    """A file of settings without what is about to be written into it."""
    head = re.split(r"^\[organization\]$", text, flags=re.MULTILINE)[0]
    return "".join(line for line in head.splitlines(keepends=True) if line.partition(" =")[0] not in names)


def _merged(text: str, more: str) -> str:
    """Keys before the first table, tables at the end."""
    head, tables = _halves(text)
    more_head, more_tables = _halves(more)
    return "\n".join([*head, *more_head, *tables, *more_tables]) + "\n"


def _halves(text: str) -> tuple[list[str], list[str]]:
    lines = text.splitlines()
    first = next(_tables(lines), len(lines))
    return lines[:first], lines[first:]


def _tables(lines: list[str]) -> Iterator[int]:
    return (number for number, line in enumerate(lines) if line.startswith("["))


def copied(folder: str, to: Path) -> Path:
    """A configuration to try something with, without its database."""
    return shutil.copytree(folder, to, ignore=shutil.ignore_patterns("ciconia.db*"))
