"""What `ciconia audit` says of a file, for people and as JSON, and the keys of the log that it is asked with."""

import json
from collections.abc import Sequence
from pathlib import Path

from idp.cli.console import plain, say
from idp.keys.ledger_files import LOG_VKEY
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.key_list import read_keys
from idp.system.files import read_regular
from policies.errors import SignatureInvalid

HOLDS, DIFFERS, COULD_NOT_RUN = 0, 1, 2
MAX_KEYS = 64 * 1024
DOES_NOT, COULD_NOT = "does not hold", "could not be checked"


def keys_for(path: Path, log: Path | None) -> tuple[Path, tuple[VerifierKey, ...]]:
    """The file of the log's keys, `log` or the one beside `path`, and the keys. Raises OSError, `SignatureInvalid`."""
    key = log if log is not None else path.parent / LOG_VKEY
    try:
        text = read_regular(key, MAX_KEYS)
    except FileNotFoundError as error:
        if log is not None:
            raise
        raise FileNotFoundError(error.errno, f"{error.strerror}; --log names the log's keys", str(key)) from error
    try:
        return key, read_keys(text.decode("utf-8", "replace"))
    except SignatureInvalid as error:
        raise SignatureInvalid(error.check or "note_key", f"{key} is no log's key: {error.detail}") from error


def whose(key: Path, keys: Sequence[VerifierKey]) -> str:
    """What nobody here can say: the key came with the command, perhaps from whoever made the file, too."""
    ids = [each.key_id.hex() for each in keys]
    is_that = f"the key {ids[0]} from {key} is that" if len(ids) == 1 else f"the keys {', '.join(ids)} from {key} are those"
    return f"that {is_that} of {keys[0].name}: compare with what this log publishes, at its own address under /log/vkey"


def unreadable(path: Path, error: OSError, *, as_json: bool) -> int:
    """Say that a file could not be read; the exit code."""
    detail = f"{error.filename or path} could not be read: {error.strerror or type(error).__name__}"
    return say_failed(path, "unreadable", detail, COULD_NOT, as_json=as_json)


def say_failed(path: Path, check: str, detail: str, verdict: str, *, as_json: bool) -> int:
    """Say which check a file did not pass, or why it was not made; the exit code."""
    if as_json:
        print(json.dumps({"file": str(path), "ok": False, "check": check, "detail": detail}))
    else:
        tell([f"{path}: it {verdict} ({check}): {detail}."], error=True)
    return DIFFERS if verdict == DOES_NOT else COULD_NOT_RUN


def tell(lines: Sequence[str], *, error: bool = False) -> None:
    """Lines for a person. A line feed in the name of a file begins none of its own."""
    say("\n".join(map(plain, lines)), error=error)
