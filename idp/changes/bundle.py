"""The configuration of one tenant as one thing: its files, and one digest of them all.

The digest is the SHA-256 of a canonical list of paths and of each file's SHA-256. So two configurations share the files
that they have in common, and a purpose is kept under the very hash that a release's record names.

Beside the files that `policies.load` reads it has, in `settings.json`, the settings that guard a change.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from idp.config.folder import read_configuration
from idp.config.settings import Settings
from idp.ledger.canonical_json import jcs

SETTINGS = "settings.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of a configuration by relative path. `digest` is of all of them (hex), `hashes` of each."""

    files: Mapping[str, bytes] = field(repr=False)
    hashes: Mapping[str, str] = field(init=False, repr=False, compare=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        hashes = {path: hashlib.sha256(octets).hexdigest() for path, octets in self.files.items()}
        object.__setattr__(self, "hashes", hashes)
        object.__setattr__(self, "digest", hashlib.sha256(self.octets).hexdigest())

    @property
    def octets(self) -> bytes:
        """The canonical list of its files: what `digest` is of."""
        return jcs({"files": self.hashes, "v": VERSION})

    @property
    def four_eyes(self) -> bool:
        """Whether a change that widens waits for a second person."""
        said = json.loads(self.files.get(SETTINGS, b"{}"))
        return bool(said.get("four_eyes"))


def bundle_of(settings: Settings) -> Bundle:
    """The configuration that lies in a folder now. Raises `Misconfigured` with each file that cannot be read."""
    return bundle_with(settings, read_configuration(settings.folder))


def bundle_with(settings: Settings | None, files: Mapping[str, bytes]) -> Bundle:
    """The bundle of files that were read, and of the settings beside them, if there are any."""
    return Bundle({**files, SETTINGS: jcs({"four_eyes": settings.four_eyes})} if settings else files)


def listed(octets: bytes) -> Mapping[str, str] | None:
    """The files of `Bundle.octets` by path: their hashes. None for octets of another version."""
    try:
        said = json.loads(octets)
    except ValueError:
        return None
    return said["files"] if isinstance(said, dict) and said.get("v") == VERSION else None
