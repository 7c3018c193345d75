"""The kinds of keys that change while the server runs, and how long each is known before its moment, and after it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from connectors.signatures.key_ring import moment, spelled
from idp.keys.hourly_keys import HOUR, LONGEST
from idp.ledger.ledger_keys import LOG_OVERLAP
from policies.load.table import IDENTIFIER
from policies.parties import ProviderId

DAY = 24 * HOUR
# What our SAML metadata says of itself (validUntil), and what a node's says (eIDAS Interoperability Architecture §6)
SAML_LIFE = 14 * DAY
NODE_LIFE = DAY
# `/jwks` says this to caches; an id_token lives five minutes
JWKS_SECONDS = HOUR


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One kind of key, and in `why` its use.

    `lead` says how long (seconds) a new key is known before it begins, unless the operator names a moment; `overlap` how
    long the old one is known after that.
    """

    name: str
    lead: int
    overlap: int
    why: str
    # The damage of a key that begins at once
    breaks: str
    suffix: str = ".pem"

    @property
    def file(self) -> str:
        """The name of the key that counts from the beginning."""
        return self.name + self.suffix

    def file_from(self, begins: int) -> str:
        """The name of a key that begins at a minute (seconds since the epoch)."""
        return f"{self.name}-{spelled(begins)}{self.suffix}"

    def begins(self, file: str) -> int | None:
        """When the key of this file begins: 0 for the first one, None if it is no file of this kind."""
        if file == self.file:
            return 0
        name, suffix = Path(file).stem, Path(file).suffix
        prefix = f"{self.name}-"
        return moment(name.removeprefix(prefix)) if suffix == self.suffix and name.startswith(prefix) else None

    def files(self, folder: Path) -> Mapping[str, int]:
        """The files of this kind in a folder, and when each begins."""
        found = {path.name: self.begins(path.name) for path in sorted(folder.glob(f"{self.name}*{self.suffix}"))}
        return {name: begins for name, begins in found.items() if begins is not None}


SEALING = KeyKind(
    "sealing",
    HOUR,
    (LONGEST + 2) * HOUR,
    "closes the hourly keys that seal logins, codes and tokens",
    "a machine that does not have the file yet answers nobody until it has.",
    ".key",
)
_TOKENS = "services that keep /jwks refuse its tokens, for an hour at most, where they do not look again for a new kid."
ES256 = KeyKind("es256", 2 * JWKS_SECONDS, 2 * JWKS_SECONDS, "signs id_tokens", _TOKENS)
RS256 = KeyKind("rs256", 2 * JWKS_SECONDS, 2 * JWKS_SECONDS, "signs id_tokens of services that want RS256", _TOKENS)
SAML = KeyKind(
    "saml",
    SAML_LIFE + HOUR,
    SAML_LIFE + HOUR,
    "signs our requests and our metadata for identity providers",
    "an identity provider refuses every login until it has our new metadata.",
)
SAML_ENCRYPTION = KeyKind(
    "saml-encryption",
    HOUR,
    SAML_LIFE + HOUR,
    "identity providers encrypt to it",
    "a machine that does not have the file yet opens nothing that is encrypted to it.",
)
OPENID = KeyKind(
    "openid",
    DAY,
    2 * JWKS_SECONDS,
    "signs our client assertions and requests for OpenID providers",
    "an OpenID provider that keeps /oidc/jwks refuses every login until it looks again.",
)
OPENID_ENCRYPTION = KeyKind(
    "openid-encryption",
    HOUR,
    14 * DAY,
    "OpenID providers encrypt to it",
    "a machine that does not have the file yet opens nothing that is encrypted to it.",
)
NODE = KeyKind(
    "node",
    NODE_LIFE + HOUR,
    NODE_LIFE + HOUR,
    "signs what we send to other countries' nodes",
    "a node refuses every login until it has fetched our new metadata, and its operator has approved it.",
)
NODE_METADATA = KeyKind(
    "node-metadata",
    14 * DAY,
    NODE_LIFE + HOUR,
    "signs our metadata: other countries' nodes pin it",
    "a node takes none of our metadata until its operator has pinned the new certificate.",
)
# In our metadata for two weeks beside the new one, which other nodes use when their operators have approved it
NODE_ENCRYPTION = KeyKind(
    "node-encryption",
    HOUR,
    14 * DAY + NODE_LIFE + HOUR,
    "other countries' nodes encrypt to it",
    "a machine that does not have the file yet opens nothing that is encrypted to it.",
)
LOG = KeyKind(
    "log",
    14 * DAY,
    LOG_OVERLAP,
    "signs the checkpoints of the release record, and receipts",
    "whoever checks receipts with an older /log/vkey refuses new ones until they take it again, and a machine that has "
    "neither the file nor its line in log.vkey signs nothing and proves nothing.",
    ".key",
)
_OF_PROVIDERS = (SAML, SAML_ENCRYPTION, OPENID, OPENID_ENCRYPTION)
KINDS = {kind.name: kind for kind in (SEALING, ES256, RS256, *_OF_PROVIDERS, NODE, NODE_METADATA, NODE_ENCRYPTION, LOG)}


# saml-encryption.PROVIDER.pem: the key to which this identity provider encrypts, and which opens nobody else's answers
_OWN = f"{SAML_ENCRYPTION.name}."
_OWN_FILE = re.compile(rf"{re.escape(_OWN)}(.+?)(?:-[0-9]{{8}}T[0-9]{{4}}Z)?\.pem")


@cache
def own_encryption(provider_id: ProviderId) -> KeyKind:
    """The kind of a provider's own key. It is rotated and revoked as any other."""
    return replace(
        SAML_ENCRYPTION,
        name=_OWN + provider_id,
        why=f"the identity provider {provider_id} encrypts to it, and nobody else",
    )


def owner(kind: KeyKind) -> ProviderId | None:
    """The provider whose own key this kind is; None for the kinds of `KINDS`."""
    return ProviderId(kind.name.removeprefix(_OWN)) if kind.name.startswith(_OWN) else None


def kind_named(name: str) -> KeyKind:
    """The kind of this name: one of `KINDS`, or a provider's own. KeyError for what is none."""
    found = KINDS.get(name) or kind_of(f"{name}.pem")
    if found is None or found.name != name:
        raise KeyError(name)
    return found


def kind_of(file: str) -> KeyKind | None:
    """The kind of a file of the key folder; None for what is no key that changes."""
    own = _OWN_FILE.fullmatch(file)
    if own is not None:
        kind = own_encryption(ProviderId(own[1]))
        return kind if IDENTIFIER.fullmatch(own[1]) and kind.begins(file) is not None else None
    return next((kind for kind in KINDS.values() if kind.begins(file) is not None), None)


def own_encryptions(folder: Path) -> Mapping[ProviderId, KeyKind]:
    """Each provider that has a key of its own in this folder."""
    found = [kind_of(path.name) for path in sorted(folder.glob(f"{_OWN}*.pem"))]
    return {provider: kind for kind in found if kind is not None and (provider := owner(kind)) is not None}
