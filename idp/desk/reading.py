"""What the desk reads of one tenant. It writes nothing but its own sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from idp.audit.questions.auditor import Auditor
from idp.config.settings import Settings
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class DeskReader:
    """A tenant's auditor, and what stands around the ledger: its settings, and the time."""

    auditor: Auditor
    settings: Settings
    clock: Callable[[], int]

    @property
    def tenant(self) -> Tenant:
        """The tenant."""
        return self.auditor.tenant


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of an auditor's question that a page asks for: a period in seconds, and texts by the names of filters.

    `since` counts, `until` does not any more; None leaves a side open.
    """

    since: int | None = None
    until: int | None = None
    named: Mapping[str, str] = field(default_factory=dict)

    def takes(self, name: str, value: str) -> bool:
        """Whether a row with this value is asked for."""
        return self.named.get(name, "") in ("", value)
