"""`ciconia ledger`: the check of the release ledger.

Exit codes: 0 everything fits, 1 something does not and is named, 2 the check could not run.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import problems, say
from idp.settings import Settings, load_settings
from idp.store.engine import open_engine
from idp.store.migrate import assert_current
from idp.transparency.findings import Report
from idp.transparency.keys import load_ledger_keys
from idp.transparency.verify import verify_ledger
from policies.errors import BrokerError, Misconfigured

HOLDS, DIFFERS, COULD_NOT_RUN = 0, 1, 2

ledger = typer.Typer(no_args_is_help=True, help="The release ledger: check that nothing in it was changed.")


@ledger.callback()
def group() -> None:
    """The release ledger: check that nothing in it was changed."""


@ledger.command()
def verify(
    config: Annotated[Path, typer.Option("--config", metavar="DIR", help="The folder with `ciconia.toml`.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of text.")] = False,
) -> None:
    """Compute the whole ledger again from the database, and name whatever does not fit.

    Example: ciconia ledger verify --config /etc/ciconia

    Exit codes: 0 everything fits, 1 something does not, 2 the check could not run.
    """
    try:
        settings = load_settings(config)
    except BrokerError as error:
        raise typer.Exit(_could_not_run(error, as_json=as_json)) from None
    raise typer.Exit(verify_command(settings, as_json=as_json))


def verify_command(settings: Settings, *, as_json: bool) -> int:
    """Check the ledger of these settings, print what was found, return the exit code."""
    try:
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        engine = open_engine(settings.database_url)
        assert_current(engine)
        report = verify_ledger(engine, tenant=settings.tenant, keys=keys, role=settings.role)
        engine.dispose()
    except BrokerError as error:
        return _could_not_run(error, as_json=as_json)
    if as_json:
        print(json.dumps(_json(report)))
    else:
        say(_text(report))
    return HOLDS if report.holds else DIFFERS


def _could_not_run(error: BrokerError, *, as_json: bool) -> int:
    if isinstance(error, Misconfigured):
        problems(error, as_json=as_json)
    elif as_json:
        print(json.dumps({"ok": False, "error": {"code": error.code, "detail": error.detail}}))
    else:
        say(f"The check could not run: {error.code} ({error.detail})", error=True)
    return COULD_NOT_RUN


def _json(report: Report) -> dict[str, object]:
    return {
        "ok": report.holds,
        "size": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "records": report.records,
        "staged": report.staged,
        "findings": [{"table": f.table, "row": f.row, "what": f.what} for f in report.findings],
    }


def _text(report: Report) -> str:
    counts = f"{report.records} records, {report.size} leaves, {report.staged} staged, {report.checkpoints} checkpoints"
    lines = [f"{counts}; root {report.root.hex()}", *(f"DOES NOT FIT  {finding}" for finding in report.findings)]
    lines.append("Everything fits." if report.holds else f"{len(report.findings)} things do not fit.")
    return "\n".join(lines)
