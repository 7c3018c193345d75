"""What every question reads with: a tenant's database, the ledger's keys, and the configurations that were in force."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from idp.changes.history import History
from idp.ledger.ledger_keys import LedgerKeys
from policies.load import Configuration, examine
from policies.parties import Tenant
from policies.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Auditor:
    """Reads one tenant's ledger beside a running broker.

    `configuration` is that of today, `own_attributes` its file `catalogue.toml` (b"" for none), which former purposes need.
    """

    engine: Engine
    tenant: Tenant
    keys: LedgerKeys = field(repr=False)
    history: History
    configuration: Configuration
    own_attributes: bytes = b""

    def purpose(self, policy: str) -> Purpose | None:
        """The purpose whose file has this SHA-256 (hex), of today or of the history; None where it was never in force.

        Raises `StoreUnavailable`.
        """
        found = next((one for one in self.configuration.purposes.values() if one.digest == policy), None)
        if found is not None or (text := self.history.purpose_text(policy)) is None:
            return found
        kept = {"purposes/kept.toml": text} | ({"catalogue.toml": self.own_attributes} if self.own_attributes else {})
        return next(iter(examine(kept)[0].purposes.values()), None)
