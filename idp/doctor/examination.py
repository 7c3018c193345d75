"""The table of all checks. Each is made, whatever the others found."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from idp.doctor.case import Case, Machine, read_case
from idp.doctor.certificates import certificates
from idp.doctor.clients import clients
from idp.doctor.database import database
from idp.doctor.deviations import deviations
from idp.doctor.files import permissions, stray_files
from idp.doctor.finding import Finding, Report, Severity
from idp.doctor.keys import keys
from idp.doctor.ledger import ledger
from idp.doctor.machine import cookies, disk, libraries
from idp.doctor.metadata import held, pinned, roles
from idp.doctor.network import Looks, address, clocks
from idp.doctor.production import ENVIRONMENT, production_faults
from idp.doctor.registrations import presence, registrations
from idp.doctor.rotation import rotation
from idp.doctor.switches import switches
from idp.doctor.translations import translations
from idp.doctor.valkey import valkey
from idp.doctor.witness import witness

Check = Callable[[Case], Iterator[Finding]]

_STARTS_NOT = "`ciconia serve` does not start with it."
_MEANT = "`ciconia serve` does not start with it: whatever this line was meant to say would not hold."
_NO_COOKIE = "Every cookie is `__Host-`, which browsers keep from https alone: every login would end as begun elsewhere."
_NO_BASIS = "Nothing may be passed on without a legal basis (GDPR art. 6(1)), and `ciconia serve` does not start."


def settings(case: Case) -> Iterator[Finding]:
    """What is wrong with ciconia.toml."""
    for problem in case.settings_problems:
        why = _MEANT if "no setting" in problem.what else _NO_COOKIE if "cookie" in problem.what else _STARTS_NOT
        yield case.of_problem(problem, why)


def production(case: Case) -> Iterator[Finding]:
    """What `serve` refuses because it would leak or lose."""
    for fault in production_faults(case.settings, case.machine.environment):
        if fault.of_environment:
            yield Finding(Severity.ERROR, ENVIRONMENT, 0, fault.key, fault.what, fault.why, fault.fix)
        elif case.knows(fault.key):
            yield case.setting(Severity.ERROR, fault.key, fault.what, why=fault.why, fix=fault.fix)


def configuration(case: Case) -> Iterator[Finding]:
    """What is wrong with the files of purposes, services, countries and nodes."""
    for problem in case.configuration_problems:
        why = _NO_BASIS if problem.key == "basis" else _MEANT if "is not a key" in problem.what else _STARTS_NOT
        yield case.of_problem(problem, why)


OFFLINE: dict[str, Check] = {
    "settings": settings,
    "production": production,
    "configuration": configuration,
    "files": stray_files,
    "permissions": permissions,
    "presence": presence,
    "roles": roles,
    "registrations": registrations,
    "clients": clients,
    "deviations": deviations,
    "translations": translations,
    "keys": keys,
    "certificates": certificates,
    "pinned metadata": pinned,
    "held metadata": held,
    "database": database,
    "ledger": ledger,
    "rotation": rotation,
    "switches": switches,
    "witness": witness,
    "disk": disk,
    "libraries": libraries,
    "cookies": cookies,
    "valkey": valkey,
}
_ORDER = tuple(Severity)


def examine(folder: Path, *, now: int, machine: Machine, fetcher: Looks | None, clock: Callable[[], int]) -> Report:
    """Everything that is wrong with a folder at `now`; without a fetcher nothing is asked over the network.

    Raises `Misconfigured` where the folder is no configuration at all.
    """
    case = read_case(folder, now=now, machine=machine)
    checks = OFFLINE | {"database": partial(database, clock=clock)}
    if fetcher is not None:
        checks["valkey"] = partial(valkey, ask=True)
        checks["clocks"] = partial(clocks, fetcher=fetcher, clock=clock)
        checks["address"] = partial(address, fetcher=fetcher, clock=clock)
    found = [finding for name, check in checks.items() for finding in _made(name, check, case)]
    # Two checks may meet the same thing from two sides: it is told once
    once = dict.fromkeys(found)
    ordered = sorted(once, key=lambda one: (_ORDER.index(one.severity), one.file, one.line))
    return Report(tuple(ordered), tuple(checks))


def _made(name: str, check: Check, case: Case) -> Iterator[Finding]:
    """One check; one that fails by itself is a finding, and hides none of the others."""
    try:
        yield from check(case)
    except Exception as error:  # noqa: BLE001 - the outermost edge of a check: one that trips must not end the others
        what = f"the check of {name} could not be made ({type(error).__name__})."
        why = "What it would have found is not known."
        fix = "Mend the rest and run it again; if it stays, report it with this name."
        yield Finding(Severity.ERROR, "", 0, name, what, why, fix)
