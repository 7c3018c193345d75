"""`ciconia policy`: the purposes and registrations, tried, compared and judged without anybody signing in."""

import typer

from idp.cli.policy_diff import diff
from idp.cli.policy_examples import run_examples
from idp.cli.policy_explain import explain
from idp.cli.policy_lint import lint_policy
from idp.cli.policy_register import register

policy = typer.Typer(no_args_is_help=True, add_completion=False, help="Try the purposes, without anybody signing in.")
policy.command("test")(run_examples)
policy.command("explain")(explain)
policy.command("diff")(diff)
policy.command("lint")(lint_policy)
policy.command("register")(register)
