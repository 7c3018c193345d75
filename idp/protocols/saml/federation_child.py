"""A process that takes one federation's metadata apart, and ends: a job from our own server on stdin, a result on stdout.

Another job of it is to summarise the members of a copy that was verified.

The server has the thread, the lock and the key for the seal; this has the memory, and bounds for what somebody sends who is
between us and the federation: so much time of the processor, and so much memory.
"""

import gc
import json
import os
import pickle
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from connectors.addresses import MACHINE, FetchError
from connectors.fetch import Fetcher
from connectors.metadata.federation_index import Index
from connectors.metadata.federation_source import TIMEOUT, come
from connectors.metadata.summaries import summarised
from policies.federations import Federation

# A gigabyte, as the largest that a registration may take, needs 20 seconds
CPU_SECONDS, MEMORY = 120, 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """One fetch: its source, and its place."""

    federation: Federation
    folder: Path
    held: Index | None
    now: int
    demo: bool

    def done(self) -> bytes:
        """The index of what came, b"" for nothing new. Raises `FetchError`."""
        index = come(self.federation, self.folder, held=self.held, fetcher=Fetcher(demo=self.demo), now=self.now)
        return index.written() if index is not None else b""


@dataclass(frozen=True, slots=True)
class Summaries:
    """The members of one copy, to be summarised."""

    folder: Path
    index: Index

    def done(self) -> bytes:
        """The file of summaries."""
        with (self.folder / self.index.head.octets).open("rb") as octets:
            return summarised(self.index, octets)


def in_child(job: Job) -> Index | None:
    """Do the job in a process of its own; None where nothing new came. Raises `FetchError`."""
    octets = _done(job)
    return Index.read(octets) if octets else None


def summaries_in_child(job: Summaries) -> bytes:
    """The same for summaries, as a file that nobody sealed yet."""
    return _done(job)


def _done(job: Job | Summaries) -> bytes:
    """The result, b"" for nothing new."""
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=pickle.dumps(job), capture_output=True, timeout=2 * TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"the process that judges its metadata came to nothing ({type(error).__name__})."
        raise FetchError("metadata_process", detail, MACHINE) from error
    told, _, octets = done.stdout.partition(b"\n")
    if refused := json.loads(told):
        raise FetchError(**refused)
    return octets


def main() -> int:
    """Do the job on stdin."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(10)
    # Trees are freed as soon as nobody has them: there is nothing to look for
    gc.disable()
    job: Job | Summaries = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own server wrote it, through a pipe
    told, octets = {}, b""
    try:
        octets = job.done()
    except FetchError as error:
        told = {"check": error.check, "detail": error.detail, "mend": error.mend}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + octets)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
