"""The desk's reading of one tenant. It writes its sessions, summaries of blocks, and the uses of grants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from idp.audit.grants import Grants
from idp.audit.questions.auditor import Auditor
from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.ledger_summary import SummarisedLedger, summarise
from idp.config.settings import Settings
from policies.parties import Tenant

# Reading more leaves than this takes longer than somebody expects of a page
SOON = 20_000


@dataclass(frozen=True, slots=True)
class DeskReader:
    """A tenant's auditor, and what stands around the ledger: its settings, and the time."""

    auditor: Auditor
    settings: Settings
    grants: Grants
    clock: Callable[[], int]

    @property
    def tenant(self) -> Tenant:
        """The tenant."""
        return self.auditor.tenant

    def ledger(self) -> SummarisedLedger:
        """The ledger as it stands. Raises `NotReadYet` where a page would wait for it, and `StoreUnavailable`.

        Blocks with changed leaves are not read again for each page: the `SummaryKeeper` does that.
        """
        return summarise(self.auditor, processes=1, again=False, most=SOON)


@dataclass(frozen=True, slots=True)
class DeskQuestion:
    """The question of a page: which logins it is about, and the other fields of its form by name."""

    filters: LoginFilters = field(default_factory=LoginFilters)
    named: Mapping[str, str] = field(default_factory=dict)
    # The auditor who asks
    who: str = ""
