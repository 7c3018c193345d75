"""An examination: a folder, read as far as it can be, each part independently of the others' faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from idp.config.folder import readable_files
from idp.config.settings import NO_ISSUER, SETTINGS_FILE, Settings, examine_settings
from idp.doctor.finding import ERROR, DoctorFinding, Severity
from idp.keys.folder import BrokerKeys, load_keys
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import assert_own_file, database_file
from idp.system.files import is_folder, read_whole
from idp.system.ownership import assert_open, assert_own, closed
from policies.errors import Misconfigured, Problem
from policies.load import Configuration, examine
from policies.load.lines import KeyLines
from policies.toml import read_toml

# What `ciconia init` makes, and what may stand beside it: a folder with none of these is no configuration
PARTS = (
    *(SETTINGS_FILE, "keys", "purposes", "parties", "providers", "nodes"),
    *("catalogue.toml", "assurance.toml", "session_groups.toml", "bodies", "aggregator.toml", "service_list.toml"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as the checks see it; tests replace it."""

    # bytes: all and free, of the disk that holds a path
    disk: Callable[[Path], tuple[int, int]]
    # lxml's and xmlsec's
    libxml2: Callable[[], tuple[tuple[int, ...], tuple[int, ...]]]
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Examination:
    """A folder as it was found at `now` (seconds since the epoch).

    `settings` has the default, or a stand-in, for each key of `wrong`: ask `knows` before you judge by it. `configuration`
    has gaps where `problems` name a fault. `keys` and `ledger` are None where they do not serve.
    """

    folder: Path
    now: int
    machine: Machine
    settings: Settings
    wrong: frozenset[str]
    files: Mapping[str, bytes] = field(repr=False)
    configuration: Configuration = field(repr=False)
    keys: BrokerKeys | None = field(repr=False)
    ledger: LedgerKeys | None = field(repr=False)
    settings_problems: tuple[Problem, ...]
    configuration_problems: tuple[Problem, ...]
    keys_problems: tuple[Problem, ...]
    lines: KeyLines | None = field(repr=False)

    def knows(self, *keys: str) -> bool:
        """Whether the settings really say these keys (or leave them to their defaults)."""
        return self.wrong.isdisjoint(keys) and "" not in self.wrong

    def name(self, file: str | Path) -> str:
        """A path in findings: relative to the folder where it lies in it."""
        path = Path(file)
        for folder in (self.folder, self.folder.resolve()):
            if path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return str(file)

    def setting(self, severity: Severity, key: str, what: str, *, why: str, fix: str) -> DoctorFinding:
        """A finding about a setting, on its line."""
        line = self.lines.line((key,)) if self.lines is not None else 1
        return DoctorFinding(severity, SETTINGS_FILE, line, key, what, why, fix)

    def of_problem(self, problem: Problem, why: str) -> DoctorFinding:
        """The finding for a problem that another part of the program found."""
        file = self.name(problem.file) if problem.file else SETTINGS_FILE
        return DoctorFinding(ERROR, file, problem.line, problem.key, problem.what, why, problem.fix)


def read_folder(folder: Path, *, now: int, machine: Machine) -> Examination:
    """Reads a folder. Raises `Misconfigured`, with one problem, where it is no configuration folder."""
    assert_open(folder, "--config")
    try:
        if not folder.is_dir():
            raise _none(folder, "it is no folder." if folder.exists() else "there is no such folder.")
        present = {each.name for each in folder.iterdir()}
    except OSError as error:
        raise _none(folder, f"it cannot be read ({error.strerror}).") from error
    if present.isdisjoint(PARTS):
        raise _none(folder, "it is no configuration: nothing in it is of a broker.")
    settings, settings_problems = examine_settings(folder)
    wrong = {problem.key.partition(".")[0] for problem in settings_problems}
    settings = settings or Settings(issuer=NO_ISSUER, folder=folder.resolve())
    for each in settings.key_folders:
        assert_own(each, "keys")
    _assert_own_database(settings)
    files, unreadable = readable_files(folder)
    configuration, faults = examine(files)
    keys, keys_problems = _keys(settings, now)
    return Examination(
        folder=folder,
        now=now,
        machine=machine,
        settings=settings,
        # An unknown key makes no known setting wrong
        wrong=frozenset(wrong & {*Settings.model_fields, ""} - {"folder"}),
        files=files,
        configuration=configuration,
        keys=keys,
        ledger=keys.ledger if keys is not None else _ledger(settings),
        settings_problems=settings_problems,
        configuration_problems=(*unreadable, *faults),
        keys_problems=keys_problems,
        lines=lines_of_settings(folder),
    )


def _assert_own_database(settings: Settings) -> None:
    url = settings.database_url
    try:
        file = database_file(url)
    except Misconfigured:
        return  # no file, or no URL: the check of the database says which
    assert_own_file(file)


def _none(folder: Path, what: str) -> Misconfigured:
    fix = "Name a folder that `ciconia init` or `ciconia demo --keep` made."
    return Misconfigured((Problem(str(folder), 0, "--config", what, fix),))


def _keys(settings: Settings, now: int) -> tuple[BrokerKeys | None, tuple[Problem, ...]]:
    if not closed(settings.key_folder) and not is_folder(settings.key_folder):
        fix = "Restore it from its backup; `ciconia init` in a new folder makes fresh keys for a fresh broker."
        return None, (Problem(str(settings.key_folder), 0, "keys", "there is no folder of keys.", fix),)
    try:
        return load_keys(settings.key_folder, settings.origin, settings.index_folder, now=now), ()
    except Misconfigured as error:
        return None, error.problems


def _ledger(settings: Settings) -> LedgerKeys | None:
    try:
        return load_ledger_keys(settings.key_folder, settings.origin)
    except Misconfigured:
        return None


def lines_of_settings(folder: Path) -> KeyLines | None:
    """The lines of the settings of a folder; None where the file is no TOML."""
    try:
        text = read_whole(folder / SETTINGS_FILE).decode("utf-8")
        read_toml(text)
    except (OSError, ValueError):
        return None
    return KeyLines(text.replace("\r\n", "\n"))
