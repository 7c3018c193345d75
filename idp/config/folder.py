"""The configuration folder: its files are read here, and judged in `policies.load`."""

from collections.abc import Mapping
from pathlib import Path

from idp.system.files import MAX_FILE, MAX_TEXT, is_folder, read_regular
from idp.system.ownership import CLOSED, assert_open, closed
from policies.errors import Misconfigured, Problem
from policies.load import FOLDERS, PATTERNS, Configuration, load

_OUT, _COPY = "is a link out of the folder.", "put the file itself there."


def read_configuration(directory: Path) -> Mapping[str, bytes]:
    """Every file that a configuration may have, by its path relative to `directory`. A folder may be missing.

    Raises `Misconfigured` where there is no such directory, or a file cannot be read.
    """
    assert_folder(directory)
    files, problems = readable_files(directory)
    if problems:
        raise Misconfigured(problems)
    return files


def assert_folder(directory: Path) -> None:
    """Raises `Misconfigured` where there is no such directory, or this account may not see it."""
    assert_open(directory, "--config")
    if not is_folder(directory):
        problem = Problem(str(directory), 0, "--config", "is not a folder.", "make one with `ciconia init DIR`.")
        raise Misconfigured((problem,))


def readable_files(directory: Path) -> tuple[Mapping[str, bytes], tuple[Problem, ...]]:
    """The files that can be read, as `read_configuration` has them, and a problem for each that cannot."""
    files: dict[str, bytes] = {}
    # A pattern finds nothing in a closed folder, without an error
    problems = [Problem(name, 0, "file", CLOSED, "let the broker read it.") for name in FOLDERS if closed(directory / name)]
    within = directory.resolve()
    outside = {name for name in FOLDERS if leads_out(directory / name, within)}
    problems += [Problem(name, 0, "file", _OUT, _COPY) for name in sorted(outside)]
    for path in sorted(path for pattern in PATTERNS for path in directory.glob(pattern)):
        name = path.relative_to(directory).as_posix()
        if name.partition("/")[0] in outside:
            continue
        if leads_out(path, within):
            problems.append(Problem(name, 0, "file", _OUT, _COPY))
            continue
        most = MAX_FILE if name.startswith("metadata/") else MAX_TEXT
        try:
            octets = read_regular(path, most)
        except OSError as error:
            problems.append(Problem(name, 0, "file", f"cannot be read: {error.strerror}.", "let the broker read it."))
            continue
        if len(octets) > most:
            problems.append(Problem(name, 0, "file", f"has more than {most} bytes.", "put the right file there."))
            continue
        files[name] = octets
    return files, tuple(problems)


def leads_out(path: Path, within: Path) -> bool:
    """Whether it is a link out of the folder: then what it holds could change without anybody who looks at the folder."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(within)
    except (OSError, RuntimeError):  # a circle of links, which cannot be read either
        return False


def load_configuration(directory: Path) -> Configuration:
    """Reads and judges a configuration folder. Raises `Misconfigured` with every problem."""
    return load(read_configuration(directory))
