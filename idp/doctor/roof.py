"""Several tenants under one roof: what is wrong with the process's settings, with each tenant, and between them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from idp.config.settings import SETTINGS_FILE, examine_process, tenant_folders
from idp.config.tenant_conflicts import conflicts
from idp.doctor.case import Machine
from idp.doctor.examination import examine
from idp.doctor.finding import Finding, Report, Severity
from idp.doctor.network import Looks
from policies.errors import Misconfigured, Problem

_ORDER = tuple(Severity)
_NOBODY = "Nothing is served until this is mended."
_SHARED = "Both answer 503: nobody can say whose it is, and neither may answer for the other."
_CLOSED = "This tenant is closed; the others serve."
# What is said of a broker that is served alone, and of one of several
_ALONE, _OF_SEVERAL = "`ciconia serve` does not start", "`ciconia serve` closes this tenant"


def examine_roof(
    folder: Path, *, now: int, machine: Machine, fetcher_of: Callable[[Path], Looks | None], clock: Callable[[], int]
) -> Report:
    """Everything that is wrong with a folder of tenants, each finding with the tenant's folder in its file's name."""
    _, problems = examine_process(folder)
    found = [_of(problem, folder, _NOBODY) for problem in problems]
    folders = tenant_folders(folder)
    if not folders:
        fix = "Make one with `ciconia init`, or name another folder."
        found.append(Finding(Severity.ERROR, "tenants", 0, "tenants", "there is no tenant.", _NOBODY, fix))
    shared = conflicts(folders)
    found += [_of(problem, folder, _SHARED) for each in shared.values() for problem in each]
    checked: tuple[str, ...] = ("process", "tenants")
    for each in folders:
        try:
            report = examine(each, now=now, machine=machine, fetcher=fetcher_of(each), clock=clock)
        except Misconfigured as error:
            found += [_of(problem, folder, _CLOSED) for problem in error.problems]
            continue
        checked += tuple(f"{each.name}: {name}" for name in report.checked)
        found += _inside(each, folder, report)
    ordered = sorted(dict.fromkeys(found), key=lambda one: (_ORDER.index(one.severity), one.file, one.line))
    return Report(tuple(ordered), checked)


def _inside(tenant: Path, folder: Path, report: Report) -> Iterator[Finding]:
    for found in report.findings:
        one = replace(found, why=found.why.replace(_ALONE, _OF_SEVERAL))
        # What is of the machine, and of no file, is said once for all
        yield replace(one, file=_name(tenant / one.file, folder)) if one.file and (tenant / one.file).exists() else one


def _of(problem: Problem, folder: Path, why: str) -> Finding:
    file = _name(Path(problem.file), folder) if problem.file else SETTINGS_FILE
    return Finding(Severity.ERROR, file, problem.line, problem.key, problem.what, why, problem.fix)


def _name(path: Path, folder: Path) -> str:
    for base in (folder, folder.resolve()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return str(path)
