"""The parts that every question reads with: a tenant's database, its ledger's keys, and former configurations."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from idp.audit.verify_records import Role
from idp.changes.history import History
from idp.ledger.ledger_keys import LedgerKeys
from policies.federations import family_of
from policies.load import Configuration, examine
from policies.parties import ProviderId, Tenant
from policies.purposes import Purpose
from policies.signed_in import SIGNED_IN

# The files that do not say which country a source is of
_OF_SERVICES = ("parties/", "purposes/")


@dataclass(frozen=True, slots=True)
class Auditor:
    """Reads one tenant's ledger beside a running broker.

    `configuration` is that of today, `own_attributes` its file `catalogue.toml` (b"" for none), which former purposes need.
    `pages` is the digest of our pages (`idp.pages.compiled_pages`), which are in these `languages`.
    With `role`, records of the other role are faults.
    """

    engine: Engine
    tenant: Tenant
    keys: LedgerKeys = field(repr=False)
    history: History
    configuration: Configuration
    own_attributes: bytes = b""
    pages: str = ""
    languages: tuple[str, ...] = ()
    role: Role | None = None

    def purpose(self, policy: str) -> Purpose | None:
        """The purpose whose file has this SHA-256 (hex), of today or of the history; None where it was never in force.

        Raises `StoreUnavailable`.
        """
        known = (*self.configuration.purposes.values(), SIGNED_IN)
        found = next((one for one in known if one.digest == policy), None)
        if found is not None or (text := self.history.purpose_text(policy)) is None:
            return found
        kept = {"purposes/kept.toml": text} | ({"catalogue.toml": self.own_attributes} if self.own_attributes else {})
        return next(iter(examine(kept)[0].purposes.values()), None)

    @property
    def countries(self) -> frozenset[str]:
        """The countries of today's providers and nodes (ISO 3166-1 alpha-2)."""
        providers, nodes = self.configuration.providers.values(), self.configuration.nodes.values()
        return frozenset([*(one.country for one in providers), *(one.peer.country for one in nodes)])

    def country(self, source: str) -> str:
        """The country of a provider's id, or of a node's entity id, of today or of the history; "" if none is known.

        Raises `StoreUnavailable`.
        """
        if not source:
            return ""
        found = _country(self.configuration, source)
        newest = None if found else self.history.newest()
        for number in range(newest.number if newest else 0, 0, -1):
            applied = self.history.at(number)
            bundle = self.history.bundle(applied.digest) if applied else None
            if bundle is not None:
                kept = {path: octets for path, octets in bundle.files.items() if not path.startswith(_OF_SERVICES)}
                if found := _country(examine(kept)[0], source):
                    break
        return found


def _country(configuration: Configuration, source: str) -> str:
    provider = configuration.providers.get(family_of(ProviderId(source)))
    if provider is not None:
        return provider.country
    return next((one.peer.country for one in configuration.nodes.values() if one.peer.entity_id == source), "")
