"""The key folder of one broker: everything secret, made once by `ciconia init` and the demo, loaded once at start.

sealing.key     seals logins between two visits, and what is parked        32 bytes as hex
pairwise.key    makes `sub` from identifiers: losing it changes every sub   32 bytes as hex
index.key       the persons' index in the ledger                            32 bytes as hex
saml.pem        signs our SAML requests and metadata; saml.crt beside it    RSA
es256.pem       signs id_tokens                                             P-256
rs256.pem       signs id_tokens of parties that want RS256                  RSA
log.key, log.vkey, openings.key                                            see `idp.transparency.keys`
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from idp.keys.file import FileSigner, create_saml_key, create_token_key, load_signer
from idp.transparency.keys import LedgerKeys, create_ledger_keys, load_ledger_keys
from policies.errors import Misconfigured, Problem

SECRETS = ("sealing.key", "pairwise.key", "index.key")
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one broker, ready to use."""

    sealing: bytes = field(repr=False)
    pairwise: bytes = field(repr=False)
    index: bytes = field(repr=False)
    saml: FileSigner
    es256: FileSigner
    rs256: FileSigner
    ledger: LedgerKeys


def create_keys(folder: Path, origin: str, host: str) -> None:
    """Make fresh keys in `folder`, which must be new or empty. `host` names the certificate."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRETS:
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    create_saml_key(folder / "saml.pem", host)
    create_token_key(folder / "es256.pem", "ES256")
    create_token_key(folder / "rs256.pem", "RS256")
    create_ledger_keys(folder, origin)


def load_keys(folder: Path, origin: str) -> Keys:
    """Load the whole folder. Raises `Misconfigured` with every file that does not serve."""
    problems: list[Problem] = []
    secret: dict[str, bytes] = {}
    for name in SECRETS:
        try:
            secret[name] = _secret(folder / name)
        except (OSError, ValueError) as error:
            what = "it cannot be read." if isinstance(error, OSError) else f"{error}."
            problems.append(Problem(str(folder / name), 0, name, what, "Restore it from its backup."))
    signers: dict[str, FileSigner] = {}
    for name in ("saml.pem", "es256.pem", "rs256.pem"):
        try:
            signers[name] = load_signer(folder / name)
        except Misconfigured as error:
            problems += error.problems
    ledger = None
    try:
        ledger = load_ledger_keys(folder, origin)
    except Misconfigured as error:
        problems += error.problems
    if problems or ledger is None:
        raise Misconfigured(tuple(problems))
    return Keys(
        sealing=secret["sealing.key"],
        pairwise=secret["pairwise.key"],
        index=secret["index.key"],
        saml=signers["saml.pem"],
        es256=signers["es256.pem"],
        rs256=signers["rs256.pem"],
        ledger=ledger,
    )


def _secret(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ValueError("others than its owner may read it: chmod 600")
    try:
        value = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise ValueError("it is not 32 bytes in hex") from None
    if len(value) != SECRET_BYTES:
        raise ValueError("it is not 32 bytes in hex")
    return value
