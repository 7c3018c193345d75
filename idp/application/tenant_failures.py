"""Describes a tenant that does not serve: every problem for the log, one word for the metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from idp.config.settings import NO_ISSUER, SETTINGS_FILE, Settings
from idp.store.faults import explained
from idp.system.logs import log_of
from policies.errors import Misconfigured, Problem, StoreUnavailable


class FailureKind(StrEnum):
    """The kind of a tenant's failure, as the metrics name it."""

    CONFIGURATION = "configuration"
    DATABASE = "database"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class TenantFailure:
    """A tenant that does not serve: its folder's name, its issuer ("" if nobody can read it), and why."""

    name: str
    issuer: str
    problems: tuple[Problem, ...]
    why: FailureKind = FailureKind.CONFIGURATION

    @property
    def tenant(self) -> str:
        """Its name in the metrics: the host, or the folder's name if nobody can read the host."""
        return urlsplit(self.issuer).hostname or self.name


def log_failures(broken: Iterable[TenantFailure]) -> None:
    """One line of the log for each tenant that does not serve."""
    for one in broken:
        told = [str(problem) for problem in one.problems]
        log_of(one.name).error("tenant_broken", issuer=one.issuer, problems=told)


def failure_of(folder: Path, settings: Settings | None, error: BaseException) -> TenantFailure:
    """Describe the tenant that this error closed."""
    issuer = "" if settings is None or settings.issuer == NO_ISSUER else settings.issuer
    if isinstance(error, Misconfigured):
        return TenantFailure(folder.name, issuer, error.problems)
    if isinstance(error, StoreUnavailable):
        what = f"the database cannot be used: {explained(error.detail)}."
        fix = "When it answers, the tenant is served by itself."
        return TenantFailure(
            folder.name, issuer, (Problem(str(folder / SETTINGS_FILE), 0, "database", what, fix),), FailureKind.DATABASE
        )
    # The error's own text may quote a password
    what = f"the broker has a defect: nobody foresaw a {type(error).__name__} here."
    fix = "Take back what changed last in this folder, and report it with this name."
    return TenantFailure(folder.name, issuer, (Problem(str(folder), 0, "", what, fix),), FailureKind.DEFECT)
