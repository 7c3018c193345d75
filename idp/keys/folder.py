"""The key folder of one broker: everything secret, made once by `ciconia init` and the demo, loaded once at start.

sealing.key     seals logins between two visits, and what is parked        32 bytes as hex
pairwise.key    makes `sub` from identifiers: losing it changes every sub   32 bytes as hex
index.key       the persons' index in the ledger                            32 bytes as hex
saml.pem        signs our SAML requests and metadata; saml.crt beside it    RSA
es256.pem       signs id_tokens                                             P-256
rs256.pem       signs id_tokens of parties that want RS256                  RSA
node.pem        signs what we send to other countries' nodes                RSA, or P-256, P-384, P-521
node-metadata.pem   signs our node's metadata: peers pin its certificate    RSA, or P-256, P-384, P-521
node-encryption.pem decrypts what nodes send to us                          RSA
log.key, log.vkey, openings.key                                            see `idp.transparency.keys`
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from idp.keys.file import (
    FileSigner,
    FileUnwrapper,
    create_saml_key,
    create_token_key,
    load_node_signer,
    load_signer,
    load_unwrapper,
)
from idp.transparency.keys import LedgerKeys, create_ledger_keys, load_ledger_keys
from policies.errors import Misconfigured, Problem

SECRETS = ("sealing.key", "pairwise.key", "index.key")
SECRET_BYTES = 32
NODE_FILES = ("node.pem", "node-metadata.pem", "node-encryption.pem")


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What another country's node knows of us, each with a certificate of its own (spec/eidas.md §6 and §7)."""

    messages: FileSigner
    metadata: FileSigner
    encryption: FileUnwrapper


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one broker, ready to use. `node` is None in a folder from before there were nodes."""

    sealing: bytes = field(repr=False)
    pairwise: bytes = field(repr=False)
    index: bytes = field(repr=False)
    saml: FileSigner
    es256: FileSigner
    rs256: FileSigner
    ledger: LedgerKeys
    node: NodeKeys | None = None


def create_keys(folder: Path, origin: str, host: str) -> None:
    """Make fresh keys in `folder`, which must be new or empty. `host` names the certificate."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRETS:
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    for name in ("saml.pem", *NODE_FILES):
        create_saml_key(folder / name, host)
    create_token_key(folder / "es256.pem", "ES256")
    create_token_key(folder / "rs256.pem", "RS256")
    create_ledger_keys(folder, origin)


def load_keys(folder: Path, origin: str) -> Keys:
    """Load the whole folder. Raises `Misconfigured` with every file that does not serve.

    A folder with none of the node's files is whole: who needs them says so (`Keys.node`). One with some must have all.
    """
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
    node = _node_keys(folder, problems)
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
        node=node,
    )


def _node_keys(folder: Path, problems: list[Problem]) -> NodeKeys | None:
    """The node's keys; None where there are none, and where one of them has been added to the problems."""
    if not any((folder / name).exists() for name in NODE_FILES):
        return None
    messages, metadata, encryption = (folder / name for name in NODE_FILES)
    loaded: dict[Path, FileSigner | FileUnwrapper] = {}
    for path, load in ((messages, load_node_signer), (metadata, load_node_signer), (encryption, load_unwrapper)):
        try:
            loaded[path] = load(path)
        except Misconfigured as error:
            problems += error.problems
    match loaded.get(messages), loaded.get(metadata), loaded.get(encryption):
        case FileSigner() as first, FileSigner() as second, FileUnwrapper() as third:
            return NodeKeys(messages=first, metadata=second, encryption=third)
    return None


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
