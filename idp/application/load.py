"""Loads the folder of one broker: settings, parties and keys."""

from dataclasses import dataclass
from pathlib import Path

from idp.config.folder import load_configuration
from idp.config.settings import Settings, load_settings
from idp.keys.folder import BrokerKeys, load_keys
from idp.protocols.eidas.receiving_node import crossing_problems
from policies.errors import Misconfigured
from policies.load import Configuration


@dataclass(frozen=True, slots=True)
class LoadedFolder:
    """The contents of a broker's folder at one moment, with the kinds of its keys. Every worker can use it."""

    settings: Settings
    configuration: Configuration
    kinds: frozenset[str]


def load_all(folder: Path, read: LoadedFolder | None = None) -> tuple[Settings, Configuration, BrokerKeys]:
    """Load settings, parties and keys of a folder. Raises `Misconfigured` with the problems of all three at once.

    With `read`, only keys are read from the folder, and only of the kinds that `read` names. So all workers of a
    generation serve the same configuration, although the folder may have changed since.
    """
    settings = read.settings if read else load_settings(folder)
    problems: list[Misconfigured] = []
    configuration = keys = None
    try:
        configuration = read.configuration if read else load_configuration(folder)
    except Misconfigured as error:
        problems.append(error)
    try:
        keys = load_keys(settings.key_folder, settings.origin)
        keys = keys.only(read.kinds) if read else keys
    except Misconfigured as error:
        problems.append(error)
    if configuration is None or keys is None:
        raise Misconfigured(tuple(problem for error in problems for problem in error.problems))
    if missing := crossing_problems(settings, configuration, keys):
        raise Misconfigured(tuple(missing))
    return settings, configuration, keys
