"""`ciconia doctor`: names everything that is wrong with an installation, at once. It changes nothing.

With `--selftest` it tries the attack corpus on the installed libraries, with or without an installation to look at.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from connectors.fetch import Fetcher
from connectors.signatures.second_opinion import libxml2_versions
from idp.cli.console import COULD_NOT_RUN, NO, YES, end, plain, say, taken, unwritable
from idp.cli.doctor_selftest import code_of, selftest, tell
from idp.cli.options import AsJson
from idp.config.settings import examine_settings, is_many
from idp.doctor.checks import examine, examine_roof
from idp.doctor.examination import Machine
from idp.doctor.finding import DoctorFinding, DoctorReport, Severity
from idp.selftest.report import CorpusReport
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.errors import Misconfigured


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", readable=False, help="The configuration folder.", metavar="DIR")
    ] = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing over the network.")] = False,
    try_corpus: Annotated[bool, typer.Option("--selftest", help="Try the attack corpus on this machine, too.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(readable=False, metavar="DIR", help="With --selftest: write cases that went wrong into a new DIR."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Name everything that is wrong: where, what, why it matters, how to mend it. Nothing is changed.

    With --selftest, try the attack corpus on the installed libraries: after every upgrade. It needs no configuration.

    Example: ciconia doctor --config city --offline

    Exit codes: 0 nothing but notices, 1 errors or warnings or a case that went wrong, 2 it could not be tried.
    """
    if config is None and not try_corpus:
        raise typer.BadParameter("name a configuration folder, or try this machine with --selftest.", param_hint="--config")
    if keep is not None and not try_corpus:
        raise typer.BadParameter("it keeps cases of --selftest.", param_hint="--keep")
    try:
        if keep is not None and taken(keep):
            raise typer.BadParameter(f"{keep} is not an empty folder: name a new one.", param_hint="--keep")
    except OSError as error:
        end("unwritable", unwritable(keep or Path(), error), as_json=as_json)
    # To stderr: else a check that logs would do so on stdout, among the JSON
    configure_logs()
    examined = _examined(config, offline=offline, as_json=as_json) if config is not None else None
    tried = _tried(keep, as_json=as_json) if try_corpus else None
    if as_json:
        told = {**(_as_json(examined) if examined else {}), **(tried.as_json() if tried else {})}
        print(json.dumps(told))
    else:
        if examined is not None and config is not None:
            _say(examined, config)
        if tried is not None:
            tell(tried)
    raise typer.Exit(max(YES if examined is None or examined.ok else NO, code_of(tried)))


def _examined(config: Path, *, offline: bool, as_json: bool) -> DoctorReport:
    def fetcher_of(folder: Path) -> Fetcher | None:
        settings, _ = examine_settings(folder)
        return None if offline else Fetcher(demo=settings is not None and settings.demo)

    machine, now = Machine(disk=_disk, libxml2=libxml2_versions, environment=os.environ), system_clock()
    try:
        if is_many(config):
            return examine_roof(config, now=now, machine=machine, fetcher_of=fetcher_of, clock=system_clock)
        return examine(config, now=now, machine=machine, fetcher=fetcher_of(config), clock=system_clock)
    except Misconfigured as error:
        _could_not_run(error, as_json=as_json)
        raise typer.Exit(COULD_NOT_RUN) from None


def _tried(keep: Path | None, *, as_json: bool) -> CorpusReport:
    try:
        return selftest(keep)
    except OSError as error:
        end("unwritable", f"The self-test could not run: {error}", as_json=as_json)


def _as_json(report: DoctorReport) -> dict[str, object]:
    found = [one.as_json() for one in report.findings]
    return {"ok": report.ok, "problems": found, "checked": report.checked}


def _disk(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.total, usage.free


def _could_not_run(error: Misconfigured, *, as_json: bool) -> None:
    if as_json:
        found = [
            DoctorFinding(Severity.ERROR, p.file, p.line, p.key, p.what, "There is nothing to look at.", p.fix).as_json()
            for p in error.problems
        ]
        print(json.dumps({"ok": False, "problems": found, "checked": []}))
        return
    for problem in error.problems:
        say(f"{problem.file} could not be examined: {problem.what} {problem.fix}", error=True)


def _say(report: DoctorReport, config: Path) -> None:
    counts = ", ".join(_counted(len(report.of(severity)), severity) for severity in Severity if report.of(severity))
    say(f"{config}: {counts or 'nothing is wrong'} ({len(report.checked)} checks).")
    for severity in Severity:
        if report.of(severity):
            say(f"\n{severity.value}s".upper())
        for one in report.of(severity):
            # A line feed in a name that stands in the database begins no line that looks like one of ours
            say(plain(f"  {one.place}: {one.what}"))
            if severity is not Severity.NOTICE:
                say(plain(f"    Why: {one.why}"))
            say(plain(f"    Fix: {one.fix}"))


def _counted(number: int, severity: Severity) -> str:
    return f"{number} {severity.value}{'' if number == 1 else 's'}"
