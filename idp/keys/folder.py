"""The key folder of one broker: everything secret, made once by `ciconia init` and the demo, loaded once at start.

sealing.key     seals logins between two visits, and what is parked        32 bytes as hex
pairwise.key    makes `sub` from identifiers: losing it changes every sub   32 bytes as hex
index.key       the persons' index in the ledger                            32 bytes as hex
saml.pem        signs our SAML requests and metadata; saml.crt beside it    RSA
saml-encryption.pem decrypts what identity providers send to us; optional   RSA
es256.pem       signs id_tokens                                             P-256
rs256.pem       signs id_tokens of parties that want RS256                  RSA
node.pem        signs what we send to other countries' nodes                RSA, or on a curve of `EIDAS`
node-metadata.pem   signs our node's metadata: peers pin its certificate    RSA, or on a curve of `EIDAS`
node-encryption.pem decrypts what nodes send to us                          RSA, or on a curve of `EIDAS`
log.key, log.vkey, openings.key                                            see `idp.transparency.keys`

Each purpose has a key of its own: a signature or a secret of one never counts for another, and one that is lost takes no
other with it.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.profiles import EIDAS
from connectors.signatures.keys import certificate_of, key_of_certificate
from idp.keys.file import (
    FileAgreement,
    FileDecryptionKey,
    FileSigner,
    FileUnwrapper,
    create_saml_key,
    create_token_key,
    load_node_signer,
    load_saml_unwrapper,
    load_signer,
    load_unwrapper,
)
from idp.transparency.keys import OPENINGS_KEY, LedgerKeys, create_ledger_keys, ledger_keys, load_ledger_keys
from policies.errors import Misconfigured, Problem

SECRETS = ("sealing.key", "pairwise.key", "index.key")
SECRET_BYTES = 32
SAML_ENCRYPTION = "saml-encryption.pem"
NODE_FILES = ("node.pem", "node-metadata.pem", "node-encryption.pem")


NodeKey = FileSigner | FileDecryptionKey
_NODE_LOADERS: Mapping[str, Callable[[Path], NodeKey]] = dict(
    zip(NODE_FILES, (load_node_signer, load_node_signer, load_unwrapper), strict=True)
)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What another country's node knows of us, each with a certificate of its own (spec/eidas.md §6 and §7)."""

    messages: FileSigner
    metadata: FileSigner
    encryption: FileDecryptionKey


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one broker, ready to use. `node` is None in a folder from before there were nodes.

    `saml_encryption` is None where identity providers are to encrypt nothing to us.
    """

    sealing: bytes = field(repr=False)
    pairwise: bytes = field(repr=False)
    index: bytes = field(repr=False)
    saml: FileSigner
    es256: FileSigner
    rs256: FileSigner
    ledger: LedgerKeys
    node: NodeKeys | None = None
    saml_encryption: FileUnwrapper | None = None


def create_keys(folder: Path, origin: str, host: str, *, demo: bool = False, saml_encryption: bool = False) -> None:
    """Make fresh keys in `folder`, which must be new or empty. `host` names the certificate.

    With `saml_encryption` there is a key to which identity providers encrypt: where it is, our metadata asks them to.
    Where it is no demo's, the keys to which somebody may encrypt are marked (`PRODUCTION_MARK`).
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRETS:
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    for name in ("saml.pem", *NODE_FILES, *([SAML_ENCRYPTION] if saml_encryption else [])):
        create_saml_key(folder / name, host, production=not demo)
    create_token_key(folder / "es256.pem", "ES256")
    create_token_key(folder / "rs256.pem", "RS256")
    create_ledger_keys(folder, origin)


def load_keys(folder: Path, origin: str, *, now: int | None = None) -> Keys:
    """Load the whole folder. Raises `Misconfigured` with every file that does not serve, also where two hold one key.

    A folder with none of the node's files is whole: who needs them says so (`Keys.node`). One with some must have all, each
    with a certificate in force at `now` (seconds since the epoch, else the clock): other nodes take no other.
    """
    problems: list[Problem] = []
    secret = _secrets(folder, problems)
    signers: dict[str, FileSigner] = {}
    for name in ("saml.pem", "es256.pem", "rs256.pem"):
        try:
            signers[name] = load_signer(folder / name)
        except Misconfigured as error:
            problems += error.problems
    nodes = _node_files(folder, problems)
    saml_encryption = _saml_encryption(folder, problems)
    ledger = None
    try:
        ledger = load_ledger_keys(folder, origin)
    except Misconfigured as error:
        problems += error.problems
    unwrappers = {} if saml_encryption is None else {SAML_ENCRYPTION: saml_encryption}
    problems += _twice(folder, {name: key.key_id for name, key in {**signers, **nodes, **unwrappers}.items()})
    problems += _twice(folder, secret if ledger is None else _with_openings(secret, ledger))
    problems += _out_of_dates(folder, nodes, int(time.time()) if now is None else now)
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
        node=_node_keys(nodes),
        saml_encryption=saml_encryption,
    )


def _secrets(folder: Path, problems: list[Problem]) -> dict[str, bytes]:
    """The secrets by name, without those that have been added to the problems."""
    found: dict[str, bytes] = {}
    for name in SECRETS:
        try:
            found[name] = _secret(folder / name)
        except (OSError, ValueError) as error:
            what = "it cannot be read." if isinstance(error, OSError) else f"{error}."
            problems.append(Problem(str(folder / name), 0, name, what, "Restore it from its backup."))
    return found


def _node_files(folder: Path, problems: list[Problem]) -> dict[str, NodeKey]:
    """The node's keys by name, without those that have been added to the problems; none where there are no files."""
    found: dict[str, NodeKey] = {}
    if any((folder / name).exists() for name in NODE_FILES):
        for name, load in _NODE_LOADERS.items():
            try:
                found[name] = load(folder / name)
            except Misconfigured as error:
                problems += error.problems
    return found


def _saml_encryption(folder: Path, problems: list[Problem]) -> FileUnwrapper | None:
    """The key to which identity providers encrypt; None without a file, or where it has been added to the problems."""
    path = folder / SAML_ENCRYPTION
    # A link that leads nowhere is a key that was lost, and no wish to have none
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return load_saml_unwrapper(path)
    except Misconfigured as error:
        problems += error.problems
        return None


def _node_keys(found: Mapping[str, NodeKey]) -> NodeKeys | None:
    match [found.get(name) for name in NODE_FILES]:
        case [FileSigner() as messages, FileSigner() as metadata, FileUnwrapper() | FileAgreement() as encryption]:
            return NodeKeys(messages=messages, metadata=metadata, encryption=encryption)
    return None


def _with_openings(secret: Mapping[str, bytes], ledger: LedgerKeys) -> dict[str, bytes]:
    """What each secret would be as the master of openings, and what that is."""
    as_master = {name: ledger_keys(ledger.origin, ledger.signer, value).openings for name, value in secret.items()}
    return {**as_master, OPENINGS_KEY: ledger.openings}


def _twice(folder: Path, keys: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Each file whose key another one holds too."""
    first: dict[str | bytes, str] = {}
    for name, key in keys.items():
        if (other := first.setdefault(key, name)) != name:
            what = f"it holds the same key as {other}, and each purpose has a key of its own."
            fix = (
                f"Restore {name} or {other} from its backup; `ciconia init` in a new folder makes one that was never used."
            )
            yield Problem(str(folder / name), 0, name, what, fix)


def _out_of_dates(folder: Path, nodes: Mapping[str, NodeKey], now: int) -> Iterator[Problem]:
    """Each of the node's certificates that is not in force (spec/eidas.md §7): a peer that looks at it refuses us."""
    for name, key in nodes.items():
        if not key_of_certificate(key.certificate, EIDAS).in_force(now):
            certificate = certificate_of(key.certificate)
            begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            what = f"its certificate holds from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, and not now."
            fix = "Put a new certificate of this key behind it, and give it to the peers; or set the clock of this machine."
            yield Problem(str(folder / name), 0, name, what, fix)


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
