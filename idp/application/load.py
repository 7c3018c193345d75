"""Loads the folder of one broker: settings, parties and keys."""

from dataclasses import dataclass, field
from pathlib import Path

from idp.changes.bundle import Bundle, bundle_of
from idp.changes.in_force import Settled
from idp.config.settings import Settings, load_settings
from idp.desk.relying_party import desk_problems
from idp.keys.folder import BrokerKeys, load_keys
from idp.pages.theme import Theme, read_theme
from idp.protocols.eidas.receiving_node import crossing_problems
from policies.errors import Misconfigured
from policies.load import Configuration, load


@dataclass(frozen=True, slots=True)
class LoadedFolder:
    """The contents of a broker's folder at one moment, with the kinds of its keys. Every worker can use it.

    `since`: if it changed since the server looked before, the number that was served then. `settled` gets that of today.
    """

    settings: Settings
    bundle: Bundle
    configuration: Configuration
    kinds: frozenset[str]
    theme: Theme
    since: int = 0
    settled: Settled = field(default_factory=Settled, compare=False)


def load_all(folder: Path) -> tuple[Settings, Configuration, BrokerKeys]:
    """Load settings, parties and keys of a folder. Raises `Misconfigured` with the problems of all three at once."""
    found, keys = load_whole(folder)
    return found.settings, found.configuration, keys


def load_whole(folder: Path, read: LoadedFolder | None = None) -> tuple[LoadedFolder, BrokerKeys]:
    """Load a folder and its keys. Raises `Misconfigured` as `load_all` does.

    With `read`, only keys are read from the folder, and only of the kinds that `read` names. So all workers of a
    generation serve the same configuration, although the folder may have changed since.
    """
    settings = read.settings if read else load_settings(folder)
    problems: list[Misconfigured] = []
    configuration = keys = bundle = None
    try:
        bundle = read.bundle if read else bundle_of(settings)
        configuration = read.configuration if read else load(bundle.files)
    except Misconfigured as error:
        problems.append(error)
    theme, faults = (read.theme, ()) if read else read_theme(folder)
    if faults:
        problems.append(Misconfigured(faults))
    try:
        keys = load_keys(settings.key_folder, settings.origin, settings.index_folder)
        keys = keys.only(read.kinds) if read else keys
    except Misconfigured as error:
        problems.append(error)
    if bundle is None or configuration is None or keys is None or problems:
        raise Misconfigured(tuple(problem for error in problems for problem in error.problems))
    if missing := [*crossing_problems(settings, configuration, keys), *desk_problems(settings, configuration, keys)]:
        raise Misconfigured(tuple(missing))
    return read or LoadedFolder(settings, bundle, configuration, frozenset(keys.rings), theme), keys
