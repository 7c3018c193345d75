"""The command line: one file a group of commands. Names, JSON and exit codes are a contract.

Exit codes: 0 it is so, 1 it is not so (a problem was found and named), 2 it could not be tried.
"""

import typer

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

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ciconia: a privacy-preserving cross-border eID broker.",
)
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
