"""A process that takes one federation's metadata apart, and ends: a job from our own server on stdin, a result on stdout.

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
from hashlib import sha256
from pathlib import Path

from connectors.addresses import MACHINE, FetchError
from connectors.fetch import Fetcher
from connectors.metadata.federation_index import Index
from connectors.metadata.federation_source import TIMEOUT, come
from policies.federations import Federation

CAME = ".came"
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


def in_child(job: Job) -> Index | None:
    """Do the job in a process of its own; None where nothing new came. Raises `FetchError`."""
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=pickle.dumps(job), capture_output=True, timeout=2 * TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"the process that judges its metadata came to nothing ({type(error).__name__})."
        raise FetchError("metadata_process", detail, MACHINE) from error
    told = json.loads(done.stdout)
    if "check" in told:
        raise FetchError(told["check"], told["detail"], told["mend"])
    if not told["index"]:
        return None
    octets = (job.folder / CAME).read_bytes()
    if sha256(octets).hexdigest() != told["index"]:
        raise FetchError("metadata_changed", "its index was changed on the way to the server.", MACHINE)
    return Index.read(octets)


def main() -> int:
    """Do the job on stdin."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(10)
    # Trees are freed as soon as nobody has them: there is nothing to look for
    gc.disable()
    job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own server wrote it, through a pipe
    try:
        index = come(job.federation, job.folder, held=job.held, fetcher=Fetcher(demo=job.demo), now=job.now)
    except FetchError as error:
        sys.stdout.write(json.dumps({"check": error.check, "detail": error.detail, "mend": error.mend}))
        return 0
    octets = index.written() if index is not None else b""
    if octets:
        (job.folder / CAME).write_bytes(octets)
    sys.stdout.write(json.dumps({"index": sha256(octets).hexdigest() if octets else ""}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
