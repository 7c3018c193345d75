"""The command line: one file a group of commands. Names, JSON and exit codes are a contract.

Exit codes: 0 it is so, 1 it is not so (a problem was found and named), 2 it could not be tried.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from idp.cli.answer import Answer, UnheardError
from idp.cli.audit import audit
from idp.cli.backup import backup, restore
from idp.cli.demo import demo
from idp.cli.doctor import doctor
from idp.cli.inspect import inspect
from idp.cli.keys import keys
from idp.cli.ledger import ledger
from idp.cli.metadata import metadata
from idp.cli.party import party
from idp.cli.policy import policy
from idp.cli.serve import init, migrate, serve

NOT_KNOWN = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(*, asked: bool) -> None:
    if asked:
        print(f"ciconia {version('ciconia')}")
        raise typer.Exit


@app.callback()
def group(
    *,
    _asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Which version this is.")
    ] = False,
) -> None:
    """Ciconia: a privacy-preserving cross-border eID broker."""


app.command()(demo)
app.command()(init)
app.command()(serve)
app.command(name="migrate")(migrate)
app.command(name="doctor")(doctor)
app.command()(inspect)
app.command()(backup)
app.command()(restore)
app.add_typer(policy, name="policy")
app.add_typer(ledger, name="ledger")
app.add_typer(metadata, name="metadata")
app.add_typer(party, name="party")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")


def main() -> None:
    """What the shell runs. Whether a command was done is one thing, whether its answer could be written another."""
    if sys.stdout is not None:  # closed by whoever started us
        sys.stdout = Answer(sys.stdout)
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except UnheardError as error:
        print(f"The answer could not be written: {error}. Look whether it was done before you ask again.", file=sys.stderr)
        sys.exit(NOT_KNOWN)
