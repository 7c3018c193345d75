"""The configuration of a witness of its own: one TOML file that names no broker.

listen = "127.0.0.1:8600"
name = "witness.neighbour.example"       its name in cosignatures
keys = ["witness.key"]                   files of `ciconia witness new-key`, from this file's folder
memory = "witness.db"                    what it saw. Never put an older copy in its place

[[logs]]
vkeys = ["login.city.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"]
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # Any: whatever TOML may hold

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from idp.config.setting_lines import line_of, line_told
from idp.config.setting_types import Listen
from idp.ledger.checkpoint import VerifierKey, is_key_name
from idp.ledger.cosignature import Signer, WitnessKey
from idp.system.files import read_whole
from policies.errors import Misconfigured, Problem, SignatureInvalid
from policies.toml import fix_of, read_toml

MAX_TEXT = 1024 * 1024
EXAMPLE = "See docs/witnesses.md for a whole file."


class WitnessedLog(BaseModel):
    """A log that the witness cosigns, by each of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vkeys: list[str] = Field(min_length=1, max_length=100)


class _File(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    listen: Listen
    name: str = Field(min_length=1, max_length=255)
    keys: list[str] = Field(min_length=1, max_length=2)
    memory: str = Field(min_length=1)
    logs: list[WitnessedLog] = Field(min_length=1, max_length=1000)


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """A witness's configuration, with its keys, and the keys of each log by its origin."""

    listen: str
    name: str
    memory: Path
    signers: tuple[Signer, ...] = field(repr=False)
    logs: dict[str, tuple[VerifierKey, ...]]

    @property
    def keys(self) -> tuple[WitnessKey, ...]:
        """The public halves of its keys."""
        return tuple(WitnessKey.of(self.name, signer) for signer in self.signers)


def load_witness(path: Path) -> WitnessSettings:
    """Read a witness's configuration. Raises `Misconfigured` with every problem, each with its line and fix."""
    try:
        text = read_whole(path, MAX_TEXT).decode("utf-8")
        values = read_toml(text)
    except OSError as error:
        what = f"it cannot be read ({error.strerror or type(error).__name__})."
        raise Misconfigured((Problem(str(path), 0, "--config", what, EXAMPLE),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            (Problem(str(path), line_told(error), "", f"it is no TOML: {error}.", fix_of(error)),)
        ) from error
    try:
        file = _File(**values)
    except ValidationError as error:
        raise Misconfigured(tuple(_problem(path, text, each) for each in error.errors())) from error
    problems: list[Problem] = []
    if not is_key_name(file.name):
        problems.append(
            Problem(str(path), line_of(text, "name"), "name", "it has a space or a +.", "Write a host, or host/path.")
        )
    signers = [each for name in file.keys if (each := _signer(path, text, name, problems)) is not None]
    logs = _logs(path, text, file.logs, problems)
    if problems:
        raise Misconfigured(tuple(problems))
    return WitnessSettings(file.listen, file.name, path.parent / file.memory, tuple(signers), logs)


def _signer(path: Path, text: str, name: str, problems: list[Problem]) -> Signer | None:
    try:
        found = load_pem_private_key(read_whole(path.parent / name, MAX_TEXT), None)
    except OSError as error:
        what = f"{name} cannot be read ({error.strerror or type(error).__name__})."
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = f"{name} is no private key in PEM that this machine knows."
    else:
        if isinstance(found, Ed25519PrivateKey | MLDSA44PrivateKey):
            return found
        what = f"{name} is neither an Ed25519 nor an ML-DSA-44 key."
    fix = f"Make one: ciconia witness new-key {path.parent / name} --name NAME."
    problems.append(Problem(str(path), line_of(text, "keys"), "keys", what, fix))
    return None


def _logs(
    path: Path, text: str, logs: Sequence[WitnessedLog], problems: list[Problem]
) -> dict[str, tuple[VerifierKey, ...]]:
    found: dict[str, tuple[VerifierKey, ...]] = {}
    for number, each in enumerate(logs, 1):
        line = line_of(text, "vkeys", number)
        try:
            keys = tuple(VerifierKey.read(vkey) for vkey in each.vkeys)
        except SignatureInvalid as error:
            fix = "Take each line of the log's own /log/vkey that is a key, as it stands."
            problems.append(Problem(str(path), line, "logs.vkeys", f"{error.detail}.", fix))
            continue
        if len({key.name for key in keys}) > 1 or keys[0].name in found:
            fix = "Write one [[logs]] for each log, with all of its keys."
            problems.append(Problem(str(path), line, "logs.vkeys", "keys of two logs, or one log twice.", fix))
            continue
        found[keys[0].name] = keys
    return found


def _problem(path: Path, text: str, error: Any) -> Problem:
    parts = [str(part) for part in error["loc"]]
    key = ".".join(part for part in parts if not part.isdigit())
    number = next((int(part) + 1 for part in parts if part.isdigit()), 1)
    line = line_of(text, parts[0], number if parts[0] == "logs" else 1)
    if error["type"] == "extra_forbidden":
        return Problem(str(path), line, key, "no setting has this name.", "Remove it.")
    if error["type"] == "missing":
        return Problem(str(path), line, key, "it is missing.", EXAMPLE)
    return Problem(str(path), line, key, f"{error['msg'].removeprefix('Value error, ')}.", EXAMPLE)
