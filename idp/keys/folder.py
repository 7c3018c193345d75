"""The key folder of one broker: everything secret, made once by `ciconia init` and the demo, loaded once at start.

sealing.key     seals logins between two visits, and what is parked        32 bytes as hex
pairwise.key    makes `sub` from identifiers: losing it changes every sub   32 bytes as hex
index.key       the persons' index in the ledger                            32 bytes as hex
saml.pem        signs our SAML requests and metadata; saml.crt beside it    RSA
saml-encryption.pem decrypts what identity providers send to us; optional   RSA
saml-encryption.PROVIDER.pem    the same for one provider alone; optional   RSA
tls-client.PROVIDER.pem our TLS key and certificate at one SAML provider; optional, see `idp.keys.tls_clients`
openid.pem      signs our requests to OpenID providers                      P-256
openid-encryption.pem   decrypts what OpenID providers send to us   P-256
client-secret.PROVIDER  our secret at one OpenID provider; optional         text
es256.pem       signs id_tokens                                             P-256
rs256.pem       signs id_tokens of parties that want RS256                  RSA
node.pem        signs what we send to other countries' nodes                RSA, or on a curve of `EIDAS`
node-metadata.pem   signs our node's metadata: peers pin its certificate    RSA, or on a curve of `EIDAS`
node-encryption.pem decrypts what nodes send to us                          RSA, or on a curve of `EIDAS`
log.key, log.vkey, openings.key                                            see `idp.keys.ledger_files`

Each purpose has a key of its own: a signature or secret of one never counts for another, and a lost key takes no other with
it. A key that takes over stands beside the first: `es256-20261125T2100Z.pem` signs from that minute of UTC
(`idp.keys.kinds`).
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from connectors.profiles import EIDAS
from connectors.signatures.certificates import certificate_of
from connectors.signatures.decryption_keys import FileAgreement, FileDecryptionKey, FileUnwrapper
from connectors.signatures.key_ring import Named, Revoked, Ring, Scheduled
from connectors.signatures.pinned_keys import key_of_certificate
from idp.keys import kinds
from idp.keys.file import (
    FileSigner,
    create_saml_key,
    create_token_key,
    load_node_signer,
    load_openid_agreement,
    load_openid_signer,
    load_saml_unwrapper,
    load_signer,
    load_unwrapper,
    sync_folder,
    write_private,
)
from idp.keys.index_folder import load_names
from idp.keys.kinds import KeyKind
from idp.keys.ledger_files import OPENINGS_KEY, create_ledger_keys, load_ledger_keys
from idp.keys.secret_files import (
    INDEX_KEY,
    PAIRWISE_KEY,
    SECRET_BYTES,
    load_client_secrets,
    load_secret,
    readable_by_others,
)
from idp.keys.wrapping import WrappingKey, wrapping_key
from idp.ledger.ledger_keys import LedgerKeys, LogKey, openings_master
from idp.system.ownership import assert_open
from policies.errors import Misconfigured, Problem
from policies.parties import ProviderId
from policies.pseudonyms import PairwiseKey

SECRETS = ("sealing.key", PAIRWISE_KEY, INDEX_KEY)
# A fresh certificate begins so much earlier: a clock that is a minute behind must not find it to come
BEFORE_SECONDS = 60
SAML_ENCRYPTION = kinds.SAML_ENCRYPTION.file
_NEW_CERTIFICATE = "Put a new certificate of this key behind it, and give it to the peers"
OF_A_NODE = (kinds.NODE, kinds.NODE_METADATA, kinds.NODE_ENCRYPTION)
NODE_FILES = tuple(kind.file for kind in OF_A_NODE)

K = TypeVar("K", bound=Named)
AnyRing = (
    Ring[FileSigner]
    | Ring[FileDecryptionKey]
    | Ring[FileUnwrapper]
    | Ring[FileAgreement]
    | Ring[WrappingKey]
    | Ring[LogKey]
)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """Our keys towards other countries' nodes, each with a certificate of its own."""

    messages: Ring[FileSigner]
    metadata: Ring[FileSigner]
    encryption: Ring[FileDecryptionKey]


@dataclass(frozen=True, slots=True)
class BrokerKeys:
    """All keys of one broker, ready to use.

    `node` is None in a folder from before there were nodes, `saml_encryption` if identity providers encrypt nothing to us.
    """

    sealing: Ring[WrappingKey]
    pairwise: PairwiseKey = field(repr=False)
    index: bytes = field(repr=False)
    saml: Ring[FileSigner]
    es256: Ring[FileSigner]
    rs256: Ring[FileSigner]
    ledger: LedgerKeys
    node: NodeKeys | None = None
    saml_encryption: Ring[FileUnwrapper] | None = None
    # Each key opens its provider's answers, and nobody else's
    own_encryption: Mapping[ProviderId, Ring[FileUnwrapper]] = field(default_factory=dict)
    openid: Ring[FileSigner] | None = None
    openid_encryption: Ring[FileAgreement] | None = None
    # Each is known to one OpenID provider
    client_secrets: dict[ProviderId, str] = field(default_factory=dict, repr=False)

    @property
    def rings(self) -> Mapping[str, AnyRing]:
        """The rings by the names of their kinds."""
        node = self.node
        found: dict[str, AnyRing | None] = {
            kinds.SEALING.name: self.sealing,
            kinds.ES256.name: self.es256,
            kinds.RS256.name: self.rs256,
            kinds.SAML.name: self.saml,
            kinds.SAML_ENCRYPTION.name: self.saml_encryption,
            kinds.OPENID.name: self.openid,
            kinds.OPENID_ENCRYPTION.name: self.openid_encryption,
            kinds.NODE.name: node.messages if node else None,
            kinds.NODE_METADATA.name: node.metadata if node else None,
            kinds.NODE_ENCRYPTION.name: node.encryption if node else None,
            kinds.LOG.name: self.ledger.log.ring,
        }
        found |= {kinds.own_encryption(provider).name: ring for provider, ring in self.own_encryption.items()}
        return {name: ring for name, ring in found.items() if ring is not None}

    def only(self, names: Collection[str]) -> "BrokerKeys":
        """The same keys; of the kinds that not every broker has, only these."""
        node = self.node if kinds.NODE.name in names else None
        encryption = self.saml_encryption if kinds.SAML_ENCRYPTION.name in names else None
        own = {one: ring for one, ring in self.own_encryption.items() if kinds.own_encryption(one).name in names}
        return replace(
            self,
            node=node,
            saml_encryption=encryption,
            own_encryption=own,
            openid=self.openid if kinds.OPENID.name in names else None,
            openid_encryption=self.openid_encryption if kinds.OPENID_ENCRYPTION.name in names else None,
        )

    def obey(self, revoked: Revoked) -> None:
        """From now on a key whose id is `revoked` does not count."""
        for ring in self.rings.values():
            ring.obey(revoked)

    def take(self, others: "BrokerKeys") -> None:
        """Take the files of a folder that was read again. A kind that was not there needs a new start."""
        fresh = others.rings
        for name, ring in self.rings.items():
            # The log's keys note which of them went
            if name in fresh and name != kinds.LOG.name:
                ring.replace(fresh[name].scheduled)  # type: ignore[arg-type]  # one name, one kind of key
        self.ledger.log.take(others.ledger.log)
        self.client_secrets.update(others.client_secrets)


def create_keys(folder: Path, origin: str, host: str, *, demo: bool = False, saml_encryption: bool = False) -> None:
    """Make fresh keys in `folder`, which must be new or empty. `host` names the certificate.

    With `saml_encryption` our metadata asks identity providers to encrypt. Outside of a demo the keys to which somebody may
    encrypt are marked (`PRODUCTION_MARK`).
    """
    folder.mkdir(0o700, parents=True, exist_ok=True)
    begin = int(time.time()) - BEFORE_SECONDS
    for name in SECRETS:
        write_private(folder / name, f"{secrets.token_hex(SECRET_BYTES)}\n".encode())
    for name in ("saml.pem", *NODE_FILES, *([SAML_ENCRYPTION] if saml_encryption else [])):
        create_saml_key(folder / name, host, now=begin, production=not demo)
    create_token_key(folder / "es256.pem", "ES256")
    create_token_key(folder / "rs256.pem", "RS256")
    create_token_key(folder / kinds.OPENID.file, "ES256")
    create_token_key(folder / kinds.OPENID_ENCRYPTION.file, "ES256", production=not demo)
    create_ledger_keys(folder, origin)
    sync_folder(folder)
    sync_folder(folder.parent)


def load_keys(folder: Path, origin: str, apart: Path | None = None, *, now: int | None = None) -> BrokerKeys:
    """Load the whole folder. Raises `Misconfigured` with every file that does not serve, also if two hold one key.

    `apart` is the folder of the keys that find a person, if they have one of their own (`idp.keys.index_folder`).

    A folder may have none of the node's files, or all, each with a certificate in force at `now` (seconds since the epoch,
    else the clock): other nodes take no other.
    """
    assert_open(folder, "keys")
    problems: list[Problem] = []
    index, pairwise = load_names(folder, apart, problems)
    sealing = _ring(folder, kinds.SEALING, _wrapping_key, problems)
    saml, es256, rs256 = (_ring(folder, each, load_signer, problems) for each in (kinds.SAML, kinds.ES256, kinds.RS256))
    encryption = None
    if kinds.SAML_ENCRYPTION.files(folder):
        encryption = _ring(folder, kinds.SAML_ENCRYPTION, load_saml_unwrapper, problems)
    openid = of_openid = None
    if kinds.OPENID.files(folder):
        openid = _ring(folder, kinds.OPENID, load_openid_signer, problems)
    if kinds.OPENID_ENCRYPTION.files(folder):
        of_openid = _ring(folder, kinds.OPENID_ENCRYPTION, load_openid_agreement, problems)
    client_secrets = load_client_secrets(folder, problems)
    own = {one: _ring(folder, kind, load_saml_unwrapper, problems) for one, kind in kinds.own_encryptions(folder).items()}
    node, of_node = _node_keys(folder, problems)
    ledger = None
    try:
        ledger = load_ledger_keys(folder, origin)
        problems += _exposed(folder, ledger)
    except Misconfigured as error:
        problems += error.problems
    named = (
        saml,
        es256,
        rs256,
        openid,
        of_openid,
        *of_node,
        encryption,
        *own.values(),
        None if ledger is None else ledger.log.ring,
    )
    problems += _twice(folder, {each.file: each.key.key_id for ring in named if ring for each in ring.scheduled})
    secret = {each.file: each.key.secret for each in reversed(sealing.scheduled)} if sealing is not None else {}
    # A token's secret cannot be compared
    found = {PAIRWISE_KEY: pairwise, INDEX_KEY: index}
    secret |= {str(apart / name) if apart else name: key for name, key in found.items() if isinstance(key, bytes)}
    problems += _twice(folder, secret if ledger is None else _with_openings(secret, ledger))
    problems += _out_of_dates(folder, of_node, int(time.time()) if now is None else now)
    if problems or not (pairwise and index and ledger and sealing and saml and es256 and rs256):
        raise Misconfigured(tuple(problems))
    return BrokerKeys(
        sealing=sealing,
        pairwise=pairwise,
        index=index,
        saml=saml,
        es256=es256,
        rs256=rs256,
        ledger=ledger,
        node=node,
        saml_encryption=encryption,
        own_encryption={provider: ring for provider, ring in own.items() if ring is not None},
        openid=openid,
        openid_encryption=of_openid,
        client_secrets=client_secrets,
    )


def _exposed(folder: Path, ledger: LedgerKeys) -> Iterator[Problem]:
    """The ledger's secrets that others may read. `load_ledger_keys` alone, for a check of the ledger, lets them pass."""
    for name in (*[each.file for each in ledger.log.ring.scheduled], OPENINGS_KEY):
        path = folder / name
        if path.stat().st_mode & 0o077:
            yield readable_by_others(path)


def _ring(folder: Path, kind: KeyKind, load: Callable[[Path], K], problems: list[Problem]) -> Ring[K] | None:
    """The keys of a kind; None if one of them is among the problems. Without any file, the first one is missing."""
    found: list[Scheduled[K]] = []
    before = len(problems)
    # A link that leads nowhere is a lost key
    for name, begins in (kind.files(folder) or {kind.file: 0}).items():
        try:
            found.append(Scheduled(begins, load(folder / name), name))
        except Misconfigured as error:
            problems += error.problems
    return Ring(found, kind.overlap) if len(problems) == before else None


def _wrapping_key(path: Path) -> WrappingKey:
    return wrapping_key(load_secret(path))


_OfNode = Ring[FileSigner] | Ring[FileDecryptionKey] | None


def _node_keys(folder: Path, problems: list[Problem]) -> tuple[NodeKeys | None, tuple[_OfNode, ...]]:
    """The node's keys, and those rings of them that serve; none if there are no files."""
    if not any(kind.files(folder) for kind in OF_A_NODE):
        return None, ()
    messages = _ring(folder, kinds.NODE, load_node_signer, problems)
    metadata = _ring(folder, kinds.NODE_METADATA, load_node_signer, problems)
    encryption = _ring(folder, kinds.NODE_ENCRYPTION, load_unwrapper, problems)
    rings = (messages, metadata, encryption)
    if messages is None or metadata is None or encryption is None:
        return None, rings
    return NodeKeys(messages=messages, metadata=metadata, encryption=encryption), rings


def _with_openings(secret: Mapping[str, bytes], ledger: LedgerKeys) -> dict[str, bytes]:
    """Each secret as it would be as the master of openings, and that master."""
    as_master = {name: openings_master(value) for name, value in secret.items()}
    return {**as_master, OPENINGS_KEY: ledger.openings}


def _twice(folder: Path, keys: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Each file whose key another file holds, too."""
    first: dict[str | bytes, str] = {}
    for name, key in keys.items():
        if (other := first.setdefault(key, name)) == name:
            continue
        kind = kinds.kind_of(name)
        if kind is not None and kind == kinds.kind_of(other):
            what = f"it holds the same key as {other}, and a key has one moment from which it counts."
            earlier, later = sorted((name, other), key=lambda file: kind.begins(file) or 0)
            fix = f"Remove {later}: where `ciconia keys rotate` brought it forward, {earlier} is its name since."
        else:
            what = f"it holds the same key as {other}, and each purpose has a key of its own."
            fix = (
                f"Restore {name} or {other} from its backup; `ciconia init` in a new folder makes one that was never used."
            )
        yield Problem(str(folder / name), 0, name, what, fix)


def _out_of_dates(folder: Path, rings: Iterable[_OfNode], now: int) -> Iterator[Problem]:
    """Each of the node's certificates that is not in force, while its key counts: a peer that looks at it refuses us."""
    for ring in rings:
        for each in () if ring is None else ring.scheduled:
            key, name = each.key, each.file
            counts = each.begins <= now and ring is not None and key in ring.published(now)
            if counts and not key_of_certificate(key.certificate, EIDAS).in_force(now):
                certificate = certificate_of(key.certificate)
                begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
                what = f"its certificate holds from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, and not now."
                fix = f"{_NEW_CERTIFICATE}; or set the clock of this machine."
                yield Problem(str(folder / name), 0, name, what, fix)
