"""The table of all checks. Each is made, whatever the others found; for several tenants once for each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from idp.config.settings import SETTINGS_FILE, examine_process, tenant_folders
from idp.config.tenant_conflicts import conflicts
from idp.doctor.certificates import certificates
from idp.doctor.changes import changes
from idp.doctor.clients import clients, sectors
from idp.doctor.cosignatures import witnesses
from idp.doctor.database import database
from idp.doctor.examination import Examination, Machine, read_folder
from idp.doctor.federations import federations, node_list
from idp.doctor.files import permissions, stray_files
from idp.doctor.finding import ERROR, DoctorFinding, DoctorReport, by_severity
from idp.doctor.key_files import keys
from idp.doctor.key_rotation import rotation
from idp.doctor.ledger import ledger
from idp.doctor.logouts import logouts
from idp.doctor.machine import cookies, disk, libraries, valkey
from idp.doctor.metadata import held, pinned, roles
from idp.doctor.network import PageFetcher, address, peers
from idp.doctor.own_node import own_node, published
from idp.doctor.page_owner import owner, theme
from idp.doctor.policy import catalogues, policy, translations
from idp.doctor.production import ENVIRONMENT, production_faults
from idp.doctor.registers import pinned_registers, registers
from idp.doctor.registrations import presence, registrations
from idp.doctor.switches import deviations, disowned, switches
from idp.doctor.witness import witness
from policies.errors import Misconfigured, Problem

Check = Callable[[Examination], Iterator[DoctorFinding]]

_STARTS_NOT = "`ciconia serve` does not start with it."
_MEANT = "`ciconia serve` does not start with it: whatever this line was meant to say would not hold."
_NO_COOKIE = "Every cookie is `__Host-`, which browsers keep from https alone: every login would end as begun elsewhere."
_NO_BASIS = "Nothing may be passed on without a legal basis (GDPR art. 6(1)), and `ciconia serve` does not start."


def settings(case: Examination) -> Iterator[DoctorFinding]:
    """Finds faults in ciconia.toml."""
    for problem in case.settings_problems:
        why = _MEANT if "no setting" in problem.what else _NO_COOKIE if "cookie" in problem.what else _STARTS_NOT
        yield case.of_problem(problem, why)


def production(case: Examination) -> Iterator[DoctorFinding]:
    """Finds settings that `serve` refuses because they would leak or lose something."""
    for fault in production_faults(case.settings, case.machine.environment):
        if fault.of_environment:
            yield ERROR(ENVIRONMENT, fault.key, fault.what, fault.why, fault.fix)
        elif case.knows(fault.key):
            yield case.setting(ERROR, fault.key, fault.what, why=fault.why, fix=fault.fix)


def configuration(case: Examination) -> Iterator[DoctorFinding]:
    """Finds faults in the files of purposes, services, countries and nodes."""
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
    "catalogues": catalogues,
    "translations": translations,
    "policy": policy,
    "owner": owner,
    "theme": theme,
    "keys": keys,
    "certificates": certificates,
    "pinned metadata": pinned,
    "pinned registers": pinned_registers,
    "held metadata": held,
    "own node": own_node,
    "federations": federations,
    "service list": node_list,
    "database": database,
    "ledger": ledger,
    "rotation": rotation,
    "switches": switches,
    "changes": changes,
    "witness": witness,
    "witnesses": witnesses,
    "logouts": logouts,
    "disowned": disowned,
    "disk": disk,
    "libraries": libraries,
    "cookies": cookies,
    "valkey": valkey,
}


def examine(
    folder: Path, *, now: int, machine: Machine, fetcher: PageFetcher | None, clock: Callable[[], int]
) -> DoctorReport:
    """Finds everything that is wrong with a folder at `now`; without a fetcher it asks nothing over the network.

    Raises `Misconfigured` where the folder is no configuration at all.
    """
    case = read_folder(folder, now=now, machine=machine)
    checks = OFFLINE | {"database": partial(database, clock=clock)}
    if fetcher is not None:
        checks["valkey"] = partial(valkey, ask=True)
        checks["peers"] = partial(peers, fetcher=fetcher, clock=clock)
        checks["registers"] = partial(registers, fetcher=fetcher, clock=clock)
        checks["sectors"] = partial(sectors, fetcher=fetcher)
        checks["address"] = partial(address, fetcher=fetcher, clock=clock)
        checks["published metadata"] = partial(published, fetcher=fetcher, clock=clock)
    found = [finding for name, check in checks.items() for finding in _made(name, check, case)]
    return DoctorReport(by_severity(found), tuple(checks))


def _made(name: str, check: Check, case: Examination) -> Iterator[DoctorFinding]:
    """Makes one check. A check that raises is a finding, and hides none of the others."""
    try:
        yield from check(case)
    except Exception as error:  # noqa: BLE001 - the outermost edge of a check: one that trips must not end the others
        what = f"the check of {name} could not be made ({type(error).__name__})."
        why = "What it would have found is not known."
        fix = "Mend the rest and run it again; if it stays, report it with this name."
        yield ERROR("", name, what, why, fix)


# -- several tenants

_NOBODY = "Nothing is served until this is mended."
_SHARED = "Both answer 503: nobody can say whose it is, and neither may answer for the other."
_CLOSED = "This tenant is closed; the others serve."
# The words for a broker that is served alone, and for one of several
_ALONE, _OF_SEVERAL = "`ciconia serve` does not start", "`ciconia serve` closes this tenant"


def examine_roof(
    folder: Path, *, now: int, machine: Machine, fetcher_of: Callable[[Path], PageFetcher | None], clock: Callable[[], int]
) -> DoctorReport:
    """Finds everything that is wrong with a folder of tenants; each finding names the tenant's folder in its file."""
    _, problems = examine_process(folder)
    found = [_of_problem(problem, folder, _NOBODY) for problem in problems]
    folders = tenant_folders(folder)
    if not folders:
        fix = "Make one with `ciconia init`, or name another folder."
        found.append(ERROR("tenants", "tenants", "there is no tenant.", _NOBODY, fix))
    shared = conflicts(folders)
    found += [_of_problem(problem, folder, _SHARED) for each in shared.values() for problem in each]
    checked: tuple[str, ...] = ("process", "tenants")
    for each in folders:
        try:
            report = examine(each, now=now, machine=machine, fetcher=fetcher_of(each), clock=clock)
        except Misconfigured as error:
            found += [_of_problem(problem, folder, _CLOSED) for problem in error.problems]
            continue
        checked += tuple(f"{each.name}: {name}" for name in report.checked)
        found += _inside(each, folder, report)
    return DoctorReport(by_severity(found), checked)


def _inside(tenant: Path, folder: Path, report: DoctorReport) -> Iterator[DoctorFinding]:
    for found in report.findings:
        one = replace(found, why=found.why.replace(_ALONE, _OF_SEVERAL))
        # A finding about the machine names no file, and is told once for all
        yield replace(one, file=_relative(tenant / one.file, folder)) if one.file and (tenant / one.file).exists() else one


def _of_problem(problem: Problem, folder: Path, why: str) -> DoctorFinding:
    file = _relative(Path(problem.file), folder) if problem.file else SETTINGS_FILE
    return DoctorFinding(ERROR, file, problem.line, problem.key, problem.what, why, problem.fix)


def _relative(path: Path, folder: Path) -> str:
    for base in (folder, folder.resolve()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return str(path)
