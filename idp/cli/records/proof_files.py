"""Files that are checked offline, the log's keys beside them, and how a command says what it found."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from idp.cli.console import COULD_NOT_RUN, NO, YES, answer, plain, say
from idp.keys.ledger_files import LOG_VKEY
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.cosignature import Cosigned, WitnessKey, WitnessPolicy, known_witnesses
from idp.ledger.key_list import read_keys
from idp.receipts.receipt_record import time_text
from idp.system.files import read_regular
from policies.errors import SignatureInvalid

MAX_KEYS = 64 * 1024
_VERDICTS = {NO: "does not hold", COULD_NOT_RUN: "could not be checked"}
_T = TypeVar("_T")
# Witnesses, each with its operator, and how many operators must have cosigned
Named = tuple[Sequence[tuple[WitnessKey, str]], int]
Witnesses = Annotated[
    list[str] | None,
    typer.Option(
        "--witness", metavar="WITNESS", help="A witness's vkey, a space, and the name of its operator; again for each."
    ),
]
Quorum = Annotated[
    int, typer.Option("--quorum", min=0, metavar="K", help="How many other operators must have cosigned the checkpoint.")
]


def tried(path: Path, act: Callable[[], _T], refused: int, *, as_json: bool) -> _T | int:
    """The result of `act`; where it raises, the exit code, after saying why: `refused` where a check failed."""
    try:
        return act()
    except OSError as error:
        detail = f"{error.filename or path} could not be read: {error.strerror or type(error).__name__}"
        return told_failure(path, "unreadable", detail, COULD_NOT_RUN, as_json=as_json)
    except SignatureInvalid as error:
        return told_failure(path, error.check, error.detail, refused, as_json=as_json)


def told_failure(path: Path, check: str, detail: str, code: int, *, as_json: bool) -> int:
    """Says which check a file did not pass, or why it was not made; returns the exit code."""
    if as_json:
        print(json.dumps({"file": str(path), "ok": False, "check": check, "detail": detail}))
    else:
        # A line feed in a file's name begins no line of its own
        say(plain(f"{path}: it {_VERDICTS[code]} ({check}): {detail}."), error=True)
    return code


def told_file(path: Path, told: dict[str, object], lines: Sequence[str], *, as_json: bool) -> int:
    """Says what a file proves; returns the exit code."""
    answer({"file": str(path), "ok": True, **told}, *map(plain, lines), as_json=as_json)
    return YES


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
    """The limit of every answer: the key came with the command, perhaps from whoever made the file."""
    ids = [each.key_id.hex() for each in keys]
    is_that = f"the key {ids[0]} from {key} is that" if len(ids) == 1 else f"the keys {', '.join(ids)} from {key} are those"
    return f"that {is_that} of {keys[0].name}: compare with what this log publishes, at its own address under /log/vkey"


def named_witnesses(witnesses: Sequence[str], quorum: int) -> Named:
    """The witnesses that the command line names, each with its operator (its own name without one)."""
    try:
        named = [(WitnessKey.read(vkey), operator.strip()) for vkey, _, operator in (w.partition(" ") for w in witnesses)]
        # Two keys of one witness are one operator's
        pairs = [(key, operator or key.name) for key, operator in named]
    except SignatureInvalid as error:
        raise typer.BadParameter(
            f"{error.detail}: write its vkey, a space, its operator.", param_hint="--witness"
        ) from None
    return pairs, quorum


def policy_of(named: Named, keys: Sequence[VerifierKey]) -> WitnessPolicy:
    """The policy about the witnesses of the log that has these keys."""
    return WitnessPolicy(known_witnesses(named[0], origin=keys[0].name), named[1])


def cosigned_sentences(cosigned: Cosigned) -> list[str]:
    """The cosigners, for people."""
    return [f"The witness {each} cosigned that checkpoint at {time_text(at)}." for each, at in cosigned.witnesses]


def told_cosigned(cosigned: Cosigned) -> dict[str, object]:
    """The cosigners, as JSON."""
    witnesses = [
        {"name": each.key.name, "operator": each.operator, "counts": each.counts, "time": at}
        for each, at in cosigned.witnesses
    ]
    return {"witnesses": witnesses, "strangers": list(cosigned.strangers)}
