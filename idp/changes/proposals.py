"""Changes that somebody proposed on the operator's pages. Each is a file, named by the digest of its plan.

A proposal holds the files that differ from what was in force, and who proposed it. It is worth nothing by itself:
`ciconia apply` makes the plan again, and takes the proposal only if that has the very digest. Its seal binds the author,
who does not approve it; a file without our seal counts as none.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from idp.changes.bundle import Bundle
from idp.keys.file import sync_folder, write_private
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.ledger_keys import LedgerKeys, derived
from idp.system.files import MAX_TEXT, read_regular
from policies.errors import Misconfigured, Problem
from policies.parties import Tenant

VERSION = 1
DIGEST = re.compile(r"[0-9a-f]{64}")
# The files that pages may change: texts of these folders, by a name without any path. Never operators/, whose persons
# decide about all of it, and never a certificate
CHANGEABLE = re.compile(
    r"(?:purposes|parties|providers|nodes|federations|bodies)/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.toml"
    r"|(?:catalogue|assurance|session_groups|aggregator)\.toml"
)
MOST, MAX_FILES, MAX_WHY = 200, 20, 500
MAX_PROPOSAL = 4 * 1024 * 1024

# By path: the new octets, or None for a file that goes
Changed = Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal: its plan's digest, the number of the configuration that it changes, who made it, when and why."""

    plan: str
    base: int
    author: str
    time: int
    why: str
    files: Changed

    def told(self) -> dict[str, Json]:
        """All of it, for its file."""
        files: dict[str, Json] = {
            path: None if octets is None else octets.decode("utf-8") for path, octets in self.files.items()
        }
        said: dict[str, Json] = {"author": self.author, "base": self.base, "files": files, "plan": self.plan}
        return {**said, "time": self.time, "v": VERSION, "why": self.why}


def changed(bundle: Bundle, files: Changed) -> Bundle:
    """A configuration with these files in place of its own."""
    merged = {**bundle.files, **files}
    return Bundle({path: octets for path, octets in merged.items() if octets is not None})


class Proposals:
    """Those of one tenant, in a folder. Safe beside other processes. Methods raise `Misconfigured` if it takes no file."""

    def __init__(self, folder: Path, tenant: Tenant, keys: LedgerKeys) -> None:
        self._folder = folder
        self._key = derived(keys.rows, b"", b"proposals", tenant.encode())

    def listed(self) -> tuple[Proposal, ...]:
        """Every proposal that is ours, the newest first."""
        names = [path.stem for path in self._folder.glob("*.json")] if self._folder.is_dir() else []
        found = filter(None, map(self.find, sorted(names)[:MOST]))
        return tuple(sorted(found, key=lambda one: (-one.time, one.plan)))

    def find(self, digest: str) -> Proposal | None:
        """The proposal of a plan; None where there is none of ours."""
        if DIGEST.fullmatch(digest) is None:
            return None
        try:
            octets = read_regular(self._folder / f"{digest}.json", MAX_PROPOSAL)
            said = json.loads(octets)
            seal = bytes.fromhex(said.pop("seal"))
            if not hmac.compare_digest(hmac.digest(self._key, jcs(said), "sha256"), seal):
                return None
            files = {path: None if text is None else text.encode() for path, text in said["files"].items()}
            found = Proposal(said["plan"], said["base"], said["author"], said["time"], said["why"], files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        ours = found.plan == digest and all(CHANGEABLE.fullmatch(path) for path in files)
        return found if ours else None

    def write(self, one: Proposal) -> bool:
        """Write a proposal, durably; False where somebody proposed the very same before, or there are too many."""
        told = one.told()
        told["seal"] = hmac.digest(self._key, jcs(told), "sha256").hex()
        part = self._folder / f".{os.urandom(8).hex()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len([*self._folder.glob("*.json")]) >= MOST:
                return False
            write_private(part, jcs(told))
            try:
                # A link to a name that is taken fails: of two who propose the same the first one stays
                os.link(part, self._folder / f"{one.plan}.json")
            except FileExistsError:
                return False
            finally:
                part.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        return True

    def remove(self, digest: str) -> bool:
        """Withdraw a proposal; False where there is none."""
        if DIGEST.fullmatch(digest) is None:
            return False
        try:
            (self._folder / f"{digest}.json").unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        return True


def take_up(folder: Path, before: Bundle, files: Changed) -> Iterator[str]:
    """Write the files of a proposal that is in force into the configuration's folder; yields those that could not be.

    A file that is another than it was in force is somebody's work, and stays.
    """
    within = folder.resolve()
    for path, octets in files.items():
        target = folder / path
        try:
            held = read_regular(target, MAX_TEXT) if target.exists() else None
            if held == octets:
                continue
            if held != before.files.get(path) or not target.parent.resolve().is_relative_to(within) or target.is_symlink():
                yield path
                continue
            _put(target, octets)
        except OSError:
            yield path


def _put(target: Path, octets: bytes | None) -> None:
    if octets is None:
        target.unlink()
    else:
        target.parent.mkdir(exist_ok=True)
        part = target.with_name(f".{hashlib.sha256(octets).hexdigest()[:16]}")
        write_private(part, octets)
        part.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        part.replace(target)
    sync_folder(target.parent)


def _unwritable(folder: Path, error: OSError) -> Misconfigured:
    fix = "name a folder in [console] of ciconia.toml that this account can write to."
    return Misconfigured((Problem(str(folder), 0, "console.folder", f"{error.strerror}.", fix),))
