"""The secrets of the key folder that no key pair is: 32 bytes in hex, and our secrets at OpenID providers.

`pairwise.key` may name a secret of a token (`idp.keys.hsm`), which then makes the identifiers.
"""

import re
import shlex
from pathlib import Path

from idp.keys.file import fix_of_unread
from idp.keys.hsm.address import is_address
from idp.keys.hsm.loading import load_token_mac
from idp.system.files import read_whole
from policies.errors import Misconfigured, Problem
from policies.parties import ProviderId
from policies.pseudonyms import PairwiseKey

PAIRWISE_KEY = "pairwise.key"
INDEX_KEY = "index.key"
SECRET_BYTES = 32
CLIENT_SECRET = "client-secret."
_SECRET_TEXT = re.compile(r"[!-~]{1,512}")


def load_secret(path: Path) -> bytes:
    """The secret of a file. Raises `Misconfigured`."""
    what, fix = "it is not 32 bytes in hex.", "Restore it from its backup."
    try:
        if path.stat().st_mode & 0o077:
            raise Misconfigured((readable_by_others(path),))
        value = bytes.fromhex(read_whole(path).decode("ascii").strip())
        if len(value) == SECRET_BYTES:
            return value
    except OSError as error:
        what, fix = f"it cannot be read ({error.strerror}).", fix_of_unread(path, error)
    except ValueError:
        pass
    raise Misconfigured((Problem(str(path), 0, path.name, what, fix),))


def load_index(folder: Path, problems: list[Problem]) -> bytes | None:
    """The key of the persons' index; None if it is among the problems."""
    try:
        return load_secret(folder / INDEX_KEY)
    except Misconfigured as error:
        problems += error.problems
        return None


def load_pairwise(folder: Path, problems: list[Problem]) -> PairwiseKey | None:
    """The key of identifiers, in its file or in a token; None if it is among the problems."""
    path = folder / PAIRWISE_KEY
    try:
        return _token_mac(path) or load_secret(path)
    except Misconfigured as error:
        problems += error.problems
        return None


def _token_mac(path: Path) -> PairwiseKey | None:
    """The secret of a token that a file names; None for another file. Raises `Misconfigured`."""
    try:
        mode, content = path.stat().st_mode, read_whole(path)
    except OSError:
        return None
    if not is_address(content):
        return None
    if mode & 0o077:
        raise Misconfigured((readable_by_others(path),))
    return load_token_mac(path, content)


def load_client_secrets(folder: Path, problems: list[Problem]) -> dict[ProviderId, str]:
    """Our secrets at OpenID providers: one line of visible ASCII each."""
    found: dict[ProviderId, str] = {}
    for path in sorted(folder.glob(f"{CLIENT_SECRET}*")):
        if path.stat().st_mode & 0o077:
            problems.append(readable_by_others(path))
            continue
        text = read_whole(path).decode("latin-1").removesuffix("\n").removesuffix("\r")
        if not _SECRET_TEXT.fullmatch(text):
            what = "it is not one line of 1 to 512 visible characters of ASCII."
            problems.append(Problem(str(path), 0, path.name, what, "Write the secret as the provider's operator gave it."))
            continue
        found[ProviderId(path.name.removeprefix(CLIENT_SECRET))] = text
    return found


def load_password(file: str) -> str:
    """The password in a file of one line, "" where no file is named. Raises `Misconfigured`."""
    if not file:
        return ""
    path = Path(file)
    try:
        text = read_whole(path).decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        what = f"it cannot be read ({error.strerror})."
        raise Misconfigured((Problem(file, 0, path.name, what, fix_of_unread(path, error)),)) from None
    if not text or not text.isprintable():
        what = "it is not one line with a password."
        raise Misconfigured((Problem(file, 0, path.name, what, "Write the password into it, and nothing else."),))
    return text


def readable_by_others(path: Path) -> Problem:
    """The problem of a secret whose mode is too wide."""
    fix = f"chmod 600 {shlex.quote(str(path))}"
    return Problem(str(path), 0, path.name, "others than its owner may read this secret.", fix)
