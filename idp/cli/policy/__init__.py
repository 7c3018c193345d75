"""`ciconia policy`: the purposes and registrations, tried, compared and judged without anybody signing in."""

import typer

from idp.cli.policy.diff import diff
from idp.cli.policy.examples import run_examples
from idp.cli.policy.explain import explain
from idp.cli.policy.lint import lint_policy
from idp.cli.policy.register import register

policy = typer.Typer(no_args_is_help=True, add_completion=False, help="Try the purposes, without anybody signing in.")
policy.command("test")(run_examples)
policy.command("explain")(explain)
policy.command("diff")(diff)
policy.command("lint")(lint_policy)
policy.command("register")(register)
