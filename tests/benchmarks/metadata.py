"""The cost of a federation: `python -m tests.benchmarks.metadata [--json] [--entities N] [--rounds N]`.

A signed aggregate of ten thousand entities is fetched from a file by the process that does it for a server, its signature
verified with a pinned key, its octets and index written; then a server's worker opens it. CPU is that of the whole process,
its start and its imports too, user and system. xmlsec1 verifies the same file, pysaml2 and pyFF load it, each in a process
of its own, in turns with ours. A peer that is not there is named. Exit 0: every target is met; 1: one is missed.
"""

import argparse
import gc
import hashlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.metadata.federation_index import Index
from connectors.metadata.federations import Federations, put
from idp.protocols.saml import federation_child
from idp.protocols.saml.federation_child import Job
from policies.federations import FILE, Federation, FederationId
from policies.parties import Source
from tests.benchmarks import metadata_made as made
from tests.benchmarks.measure import Figure, Report, Target, could_not_run, stay_on_one_core

ENTITIES, LEAST, MOST = 10_000, 100, 20_000
NAME = FederationId("measured")
# Aggregates of this benchmark never end
DAYS = 100 * 366
MEGABYTE = 1024 * 1024
_PYSAML2 = """
import sys
from saml2.config import Config
from saml2.mdstore import MetadataStore
config = Config().load({"entityid": "urn:x", "service": {"sp": {}}, "xmlsec_binary": "/usr/bin/xmlsec1"})
store = MetadataStore(config.attribute_converters, config)
store.load("local", sys.argv[1])
assert len(store.keys()) == int(sys.argv[2])
"""
_PYFF = """
import sys
from pyff.samlmd import parse_saml_metadata
from pyff.utils import parse_xml
with open(sys.argv[1], "rb") as file:
    root = parse_xml(file)
from pyff.store import MemoryStore
store = MemoryStore()
store.update(root.getroot(), tid=sys.argv[1])
assert store.size() >= int(sys.argv[2])
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: seconds of CPU, and its largest size in MB."""

    cpu: float
    peak: float


def seal(octets: bytes) -> bytes:
    """A seal that everybody can make."""
    return hashlib.sha256(octets).digest()


def ran(command: Sequence[str], given: bytes = b"", told: IO[bytes] | int = subprocess.DEVNULL) -> Cost:
    """Run a program to its good end; what it says goes to `told`. Raises OSError, `subprocess.CalledProcessError`."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=told, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(given)
        process.stdin.close()
        errors = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors[-2000:])
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


class Stage:
    """Aggregates of several sizes, and what is done with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = folder / "federation.pem"
        self._key.write_bytes(made.signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def aggregate(self, count: int) -> Path:
        """The file with so many entities."""
        path = self.folder / f"{count}.xml"
        if not path.exists():
            # In a process of its own: the largest size of a child is never below its parent's
            ran([sys.executable, "-W", "ignore", "-m", made.__name__, str(count), str(path)])
        return path

    def federation(self, count: int) -> Federation:
        """Its registration."""
        location, source = str(self.aggregate(count)), Source("federations/measured.toml", 1)
        return replace(
            Federation(NAME, FILE, location, (made.certificate("federation"),), source), max_days=DAYS, most=1024 * MEGABYTE
        )

    def ours(self, count: int) -> Cost:
        """The process of a server that takes an aggregate apart."""
        folder = self.folder / str(count) / NAME
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.octets"):
            old.unlink()
        job = Job(self.federation(count), folder, None, int(time.time()), demo=False)
        with tempfile.TemporaryFile() as told:
            cost = ran([sys.executable, "-P", "-m", federation_child.__name__], pickle.dumps(job), told)
            told.seek(0)
            put(folder, Index.read(told.read().partition(b"\n")[2]), seal)
        return cost

    def xmlsec1(self, count: int) -> Cost:
        """`xmlsec1 --verify` of the same file with the same key."""
        node = "urn:oasis:names:tc:SAML:2.0:metadata:EntitiesDescriptor"
        command = ["xmlsec1", "--verify", "--pubkey-pem", str(self._key), "--id-attr:ID", node]
        return ran([*command, str(self.aggregate(count))])

    def loaded(self, program: str, count: int, python: str = sys.executable) -> Cost:
        """A program of Python that loads the file."""
        return ran([python, "-W", "ignore", "-c", program, str(self.aggregate(count)), str(count)])


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / MEGABYTE


def in_worker(stage: Stage, count: int) -> tuple[float, float]:
    """What a worker grew by, in MB, when it opened a copy and looked every entity up; and the µs of a look-up."""
    gc.collect()
    before = _resident()
    federations = Federations({NAME: stage.federation(count)}, folder=stage.folder / str(count), seal=seal)
    copy = federations.copy(NAME)
    if copy is None or len(copy) != count:
        raise OSError("the copy does not count")
    names = [made.entity_id(number) for number in range(count)]
    least = float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        for name in names:
            copy.octets(name)
        least = min(least, (time.perf_counter() - begin) / count)
    del names
    gc.collect()
    return _resident() - before, least * 1e6


def measured(stage: Stage, count: int, rounds: int) -> tuple[list[Figure], list[Target], list[str]]:
    """All figures, all targets, and the peers that are missing."""
    figures, missing = [Figure("size of the aggregate", stage.aggregate(count).stat().st_size / MEGABYTE, "MB")], []
    ours, xmlsec1 = [], []
    for _ in range(rounds):
        ours.append(stage.ours(count))
        xmlsec1.append(stage.xmlsec1(count))
    cpu, peak = min(one.cpu for one in ours), max(one.peak for one in ours)
    steady, look_up = in_worker(stage, count)
    theirs = min(one.cpu for one in xmlsec1)
    figures += [
        Figure("ciconia, CPU", round(cpu, 3), "s"),
        Figure("xmlsec1 --verify, CPU", round(theirs, 3), "s"),
        Figure("xmlsec1 --verify, peak", round(max(one.peak for one in xmlsec1), 1), "MB"),
    ]
    targets = [
        Target("load_vs_xmlsec1", cpu / theirs, at_most=1.0),
        Target("peak_mb", peak, at_most=320),
        Target("steady_mb", steady, at_most=80),
        Target("lookup_us", look_up, at_most=2),
    ]
    for name, program in (("pysaml2", _PYSAML2), ("pyFF", _PYFF)):
        try:
            python = sys.executable if name == "pysaml2" else os.environ.get("PYFF_PYTHON", sys.executable)
            cost = stage.loaded(program, count, python)
        except (OSError, subprocess.CalledProcessError) as error:
            missing.append(f"{name}: {_last_line(error)}")
            continue
        figures += [Figure(f"{name}, load, CPU", round(cost.cpu, 3), "s"), Figure(f"{name}, load, peak", cost.peak, "MB")]
        if name == "pysaml2":
            targets.append(Target("load_vs_pysaml2", cost.cpu / cpu, at_least=9))
    targets.append(Target("growth", _growth(stage, count, cpu, rounds, figures), at_most=1.2))
    return figures, targets, missing


def _growth(stage: Stage, count: int, cpu: float, rounds: int, figures: list[Figure]) -> float:
    """An entity's CPU among twice as many, over that among the first ones: the start of a process is in neither."""
    few, many = (min(stage.ours(size).cpu for _ in range(rounds)) for size in (LEAST, 2 * count))
    figures += [Figure(f"ciconia, {LEAST} entities, CPU", round(few, 3), "s")]
    figures += [Figure(f"ciconia, {2 * count} entities, CPU", round(many, 3), "s")]
    return ((many - few) / (2 * count - LEAST)) / ((cpu - few) / (count - LEAST))


def _last_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or b"").decode(errors="replace").strip().rpartition("\n")[2]
    return str(error)


def main() -> int:
    """Measure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--entities", type=int, default=ENTITIES)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--markdown", type=Path)
    given = arguments.parse_args()
    if shutil.which("xmlsec1") is None:
        return could_not_run("xmlsec1 is not installed: apt-get install xmlsec1")
    stay_on_one_core()
    try:
        with tempfile.TemporaryDirectory(prefix="ciconia-metadata-") as folder:
            figures, targets, missing = measured(Stage(Path(folder)), given.entities, given.rounds)
    except (OSError, subprocess.CalledProcessError) as error:
        return could_not_run(_last_line(error))
    version = subprocess.run(["xmlsec1", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    report = Report("metadata", ("ciconia", "lxml", "pysaml2"), figures, targets, {"xmlsec1": version})
    if missing:
        print(json.dumps({"missing": missing}), file=sys.stderr)
    return report.finish(as_json=given.json, page=given.markdown)


if __name__ == "__main__":
    raise SystemExit(main())
