"""Conflicts of several tenants in one process: a host of a broker or a desk, a ledger's name, or a key that two have."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from idp.config.settings import NO_ISSUER, SETTINGS_FILE, Settings, examine_settings
from idp.keys.file import fingerprint, holds_secret
from idp.keys.folder import SECRETS
from idp.keys.kinds import kind_of
from idp.keys.ledger_files import OPENINGS_KEY
from idp.system.files import read_whole
from policies.errors import Misconfigured, Problem

# In place of a tenant's name
NOBODY = "nobody knows which tenant"


class Owners:
    """The owner of each key among the tenants of one process: the first that had it. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, str] = {}

    def note(self, mark: str, name: str) -> None:
        """Notes a key as this tenant's, unless it is another's already."""
        self._of.setdefault(mark, name)

    def contest(self, key_folders: Mapping[str, Sequence[Path]]) -> None:
        """Notes that nobody owns a key which several tenants have and no note mentions: none can say who had it first."""
        holders: dict[str, set[str]] = {}
        for name, folders in key_folders.items():
            for mark, _ in _keys(folders):
                holders.setdefault(mark, set()).add(name)
        for mark, names in holders.items():
            if len(names) > 1:
                self.note(mark, NOBODY)

    def claim(self, name: str, key_folders: Sequence[Path]) -> None:
        """Notes every key of the folders as this tenant's.

        Raises `Misconfigured`, and notes none, where another tenant had some of them first: a copy takes no key away, and
        does not answer for its owner.
        """
        marks = tuple(_keys(key_folders))
        with self._lock:
            problems = [
                Problem(str(file), 0, "keys", f"{self._of[mark]} had it first.", _FIXES["keys"])
                for mark, file in marks
                if self._of.get(mark, name) != name
            ]
            if problems:
                raise Misconfigured(tuple(problems))
            for mark, _ in marks:
                self.note(mark, name)


def conflicts(folders: Sequence[Path], owners: Owners | None = None) -> dict[str, tuple[Problem, ...]]:
    """The conflicts of tenants, by the names of their folders. Notes each key with `owners` for the first that has it."""
    holders: dict[tuple[bool, str], list[tuple[Path, Path, str]]] = {}
    for each in folders:
        for what, mark, file in _unique(each):
            holders.setdefault((what == "keys", mark), []).append((each, file, what))
            if owners is not None and what == "keys":
                owners.note(mark, each.name)
    found: dict[str, list[Problem]] = {}
    for shared in holders.values():
        if len({folder for folder, _, _ in shared}) > 1:
            for folder, file, what in shared:
                others = ", ".join(sorted({other.name for other, _, _ in shared} - {folder.name}))
                problem = Problem(str(file), 0, what, f"{others} has the same.", _FIXES[what])
                found.setdefault(folder.name, []).append(problem)
    return {name: tuple(problems) for name, problems in found.items()}


_FIXES = {
    "issuer": "Each tenant has a host of its own, which is the name of its ledger, too.",
    "auditor.url": "Give each desk a host of its own, whatever the port: browsers keep cookies by host.",
    "keys": "Take the copy out of tenants/; or, where it has never served, give it others: ciconia init in a new folder. "
    "A key that two have lets one answer for the other.",
}


def _unique(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yields the things that only one tenant may have: kind, a text that identifies it, and its file."""
    settings = settings_of(folder)
    if settings is None:
        return
    if settings.issuer != NO_ISSUER:
        # Rows are kept by the host, whatever the port; and it begins the ledger's name
        yield "issuer", settings.tenant, folder / SETTINGS_FILE
    if settings.auditor is not None:
        yield "auditor.url", settings.auditor.host, folder / SETTINGS_FILE
    for mark, file in _keys(settings.key_folders):
        yield "keys", mark, file


def _keys(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The fingerprint of each key of a tenant's folders, and its file."""
    files: list[Path] = []
    for folder in folders:
        with suppress(OSError):  # loading the keys names it
            files += sorted(folder.iterdir())
    for file in files:
        try:
            content = read_whole(file).strip()
        except OSError:
            continue  # a key that cannot be read serves nobody, and hides no other
        # A README, an authority's chain and `log.vkey` are no secret: several may have the same
        if content and (_is_key(file.name) or holds_secret(content)):
            yield fingerprint(content), file


def _is_key(name: str) -> bool:
    return name in (*SECRETS, OPENINGS_KEY) or kind_of(name) is not None


def settings_of(folder: Path) -> Settings | None:
    """A tenant's settings as far as they can be read. An unforeseen error stops no other tenant."""
    try:
        return examine_settings(folder)[0]
    except Exception:  # noqa: BLE001  the tenant's own start says what it is
        return None
