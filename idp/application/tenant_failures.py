"""A tenant that does not serve, and what is told of it: every problem in the log, and a word to whoever watches."""

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
    """Of what kind it is that keeps a tenant from serving: all that whoever watches is told."""

    CONFIGURATION = "configuration"
    DATABASE = "database"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class TenantFailure:
    """A tenant that does not serve: its folder's name, the hosts that it would have had ("" for none), and why."""

    name: str
    issuer: str
    problems: tuple[Problem, ...]
    why: FailureKind = FailureKind.CONFIGURATION

    @property
    def tenant(self) -> str:
        """What whoever watches knows it by: its host, where nobody can read that its folder's name."""
        return urlsplit(self.issuer).hostname or self.name


def log_failures(broken: Iterable[TenantFailure]) -> None:
    """One line of the log for each tenant that does not serve."""
    for one in broken:
        told = [str(problem) for problem in one.problems]
        log_of(one.name).error("tenant_broken", issuer=one.issuer, problems=told)


def failure_of(folder: Path, settings: Settings | None, error: BaseException) -> TenantFailure:
    """What this error keeps from serving."""
    issuer = "" if settings is None or settings.issuer == NO_ISSUER else settings.issuer
    if isinstance(error, Misconfigured):
        return TenantFailure(folder.name, issuer, error.problems)
    if isinstance(error, StoreUnavailable):
        what = f"the database cannot be used: {explained(error.detail)}."
        fix = "When it answers, the tenant is served by itself."
        return TenantFailure(
            folder.name, issuer, (Problem(str(folder / SETTINGS_FILE), 0, "database", what, fix),), FailureKind.DATABASE
        )
    # Its text may quote a password
    what = f"the broker has a defect: nobody foresaw a {type(error).__name__} here."
    fix = "Take back what changed last in this folder, and report it with this name."
    return TenantFailure(folder.name, issuer, (Problem(str(folder), 0, "", what, fix),), FailureKind.DEFECT)
