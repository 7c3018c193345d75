"""The contract of a peer of `make interop`, and the judgement of its failures.

A peer is a product that nobody here wrote. It runs as its documentation says, against a real broker over real sockets. A
flow is one way to use it. A failure is ours unless the peer's list of faults names it, with a line of the peer's source or
an issue of its project. A fault that does not show any more is a failure too, so that the list stays true.
"""

import importlib.metadata
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE_MODULES = HERE / "node_modules"
# The Python peers live apart: what they need is not what our own tests need
VENV = ROOT / ".peers" / "peers"
PEERS_LOCK = HERE / "peers.lock"


class Role(StrEnum):
    """The peer's role towards the broker."""

    CLIENT = "OpenID Connect client"
    PROVIDER = "SAML identity provider"
    OPENID_PROVIDER = "OpenID provider"
    SERVICE = "SAML service provider"
    NODE = "Country's node"


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to use a peer. `registered` is what an operator writes: options of a command, or lines of a file."""

    name: str
    registered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure that is the peer's own: in which flow, what is `said` then, and the proof.

    The proof is the `line` of the installed file `source`, or an `issue` of the peer's project.
    """

    flow: str
    said: str
    why: str
    source: str = ""
    line: str = ""
    issue: str = ""


class Session(Protocol):
    """A peer and a broker that run. Calling it runs one flow; whatever it raises is the flow's failure."""

    def __call__(self, flow: Flow) -> None: ...


class Package(Protocol):
    """Where a peer was installed from."""

    def version(self) -> str:
        """The installed version; "" where it is not installed."""

    def pinned(self) -> str:
        """The version that a lock of this repository names; "" where none does."""

    def text(self, source: str) -> str:
        """The text of one of its installed files. Raises OSError where there is none."""


class Peer(Protocol):
    """One row or several of the table."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def package(self) -> Package: ...
    @property
    def documented(self) -> str:
        """Which part of its documentation it is configured by."""

    @property
    def flows(self) -> Sequence[Flow]: ...
    @property
    def faults(self) -> Sequence[Fault]: ...
    def opened(self, folder: Path) -> AbstractContextManager[Session]:
        """Start a broker, and what all flows share; `folder` is new and empty."""


class Outcome(StrEnum):
    """How a flow ended."""

    WORKS = "works"
    PEER = "fails: the peer's own fault"
    OURS = "fails: ours"
    GONE = "works, though a fault of the peer is named"
    MISSING = "not installed"


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table. `said` is what went wrong; it may hold ports, and is not kept."""

    peer: str
    role: Role
    version: str
    flow: Flow
    outcome: Outcome
    fault: Fault | None = None
    said: str = ""


def judge(peer: Peer, flow: Flow, failure: str | None) -> Result:
    """The row of a flow that ran: `failure` is what was said, None where it worked."""
    named = [fault for fault in peer.faults if fault.flow == flow.name]
    outcome, fault = Outcome.WORKS, None
    if failure is not None:
        fault = next((one for one in named if one.said in failure and proved(peer.package, one)), None)
        outcome = Outcome.OURS if fault is None else Outcome.PEER
    elif named:
        outcome = Outcome.GONE
    return Result(peer.name, peer.role, peer.package.version(), flow, outcome, fault, failure or "")


def proved(package: Package, fault: Fault) -> bool:
    """Whether the proof holds: an issue's address, or the line in the peer's installed source."""
    if not fault.said:
        return False
    if fault.issue:
        return fault.issue.startswith("https://")
    try:
        return bool(fault.line) and fault.line in package.text(fault.source)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class PyPI:
    """A distribution in the peers' own venv, from `peers.lock`; or, with `ours`, in the venv of the tests."""

    name: str
    ours: bool = False

    def version(self) -> str:
        if self.ours:
            return importlib.metadata.version(self.name)
        return _versions().get(self.name, "")

    def pinned(self) -> str:
        lock = ROOT / "tests" / "requirements.lock" if self.ours else PEERS_LOCK
        found = re.search(
            rf"^{re.escape(self.name)}(?:\[[a-z,]+\])?==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE
        )
        return found[1] if found else ""

    def text(self, source: str) -> str:
        if self.ours:
            return Path(str(importlib.metadata.distribution(self.name).locate_file(source))).read_text(encoding="utf-8")
        (folder,) = VENV.glob("lib/python*/site-packages")
        return (folder / source).read_text(encoding="utf-8")


@cache
def _versions() -> Mapping[str, str]:
    """The distributions in the peers' venv."""
    found = importlib.metadata.distributions(path=[str(one) for one in VENV.glob("lib/python*/site-packages")])
    return {one.name.lower(): one.version for one in found}


@dataclass(frozen=True, slots=True)
class Npm:
    """A package of `package-lock.json`; `programs` are what else it runs in."""

    name: str
    programs: tuple[str, ...] = ("node",)

    def version(self) -> str:
        if not all(shutil.which(program) for program in self.programs):
            return ""
        file = NODE_MODULES / self.name / "package.json"
        return str(json.loads(file.read_text(encoding="utf-8"))["version"]) if file.exists() else ""

    def pinned(self) -> str:
        lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
        return str(lock["packages"].get(f"node_modules/{self.name}", {}).get("version", ""))

    def text(self, source: str) -> str:
        return (NODE_MODULES / self.name / source).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Debian:
    """A package of Debian: no lock names its version. `needs` are files without which it cannot run."""

    name: str
    needs: tuple[Path, ...]

    def version(self) -> str:
        if not all(path.exists() for path in self.needs):
            return ""
        if not shutil.which("dpkg-query"):
            return ""
        asked = ["dpkg-query", "--show", "--showformat=${Version}", self.name]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        # What upstream calls it: Debian's own revision says nothing about a protocol
        return re.split(r"[-+]", said.rpartition(":")[2])[0]

    def pinned(self) -> str:
        return ""

    def text(self, source: str) -> str:
        return Path(source).read_text(encoding="utf-8")


Opened = Callable[[Path], AbstractContextManager[Session]]
