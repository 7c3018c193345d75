"""`ciconia plan`: what would change, before anything does. It needs no key of the broker and no server.

Exit codes: 0 it could be applied, perhaps after an approval; 1 the configuration has problems; 2 it could not be tried.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from idp.application.planning import plan_alone, read_candidate
from idp.changes.guard import WHOLE
from idp.cli.console import NO, end, problems, say, trying, unwritable
from idp.cli.options import AsJson, HereFolder
from idp.cli.plan_shown import findings_of, plan_lines
from idp.cli.policy.shown import Output
from idp.system.logs import configure_logs
from policies.errors import Misconfigured

Part = Annotated[
    str, typer.Option("--for", metavar="PURPOSE/ATTRIBUTE", help="An attribute that needs an approval of its own.")
]


def plan(
    config: HereFolder = Path(),
    output: Annotated[
        Output, typer.Option("--format", help="Lines for a terminal, or Markdown for a pull request.")
    ] = Output.TEXT,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there what a person signs who approves the plan.")
    ] = None,
    part: Part = WHOLE,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a configuration folder would change: who would learn more, what would stop, and who has to agree.

    The plan's digest is what `ciconia apply` and `ciconia approve` take. Where nothing is in force yet, all of it is new.

    Example: ciconia plan --config city
    """
    configure_logs()
    try:
        candidate = read_candidate(config)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(NO) from None
    with trying(as_json=as_json):
        made = plan_alone(candidate)
    findings = findings_of(candidate.configuration, candidate.bundle.files)
    if part not in {WHOLE, *(need.name for need in made.needs)}:
        end("not_found", f"The plan needs no approval of its own for {part}.", as_json=as_json, code=NO)
    if out is not None:
        try:
            out.write_bytes(made.document(part))
        except OSError as error:
            end("unwritable", unwritable(out, error), as_json=as_json)
    if as_json:
        told = {"ok": True, **made.told(), "findings": [one.as_json() for one in findings]}
        print(json.dumps({**told, "operators": sorted(set(made.operators.values()))}, ensure_ascii=False))
        return
    markdown = output is Output.MARKDOWN
    say("\n".join(plan_lines(made, findings, markdown=markdown)))
    if markdown:
        return
    if out is not None:
        say(f"\nTo approve it: ssh-keygen -Y sign -n ciconia-plan -f KEY {out}")
    elif made.changes:
        say(f"\nTo put it in force: ciconia apply {made.digest} --config {config}")
