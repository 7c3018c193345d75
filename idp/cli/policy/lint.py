"""`ciconia policy lint`: what the files of a configuration allow, and nobody should want.

Exit codes: 0 nothing, or all of it accepted; 1 findings, or the configuration has problems; 2 it could not be tried.
"""

import json
from typing import Annotated

import typer

from idp.cli.console import NO, YES, say
from idp.cli.options import AsJson, Folder
from idp.cli.policy.shown import read_policy_files
from idp.pages.languages import LANGUAGES
from policies.lint import POPULATION, lint


def lint_policy(
    config: Folder,
    *,
    population: Annotated[
        int, typer.Option(min=2, help="How many people live in the city: what singles out one of them.", metavar="N")
    ] = POPULATION,
    as_json: AsJson = False,
) -> None:
    """Find what purposes and registrations allow, and nobody should want. `# ciconia: allow REASON` accepts a finding.

    Example: ciconia policy lint --config city
    """
    files, configuration = read_policy_files(config, as_json=as_json)
    found = lint(configuration, files, languages=LANGUAGES, population=population)
    findings, accepted = [one for one in found if not one.accepted], [one for one in found if one.accepted]
    if as_json:
        told = {"findings": [one.as_json() for one in findings], "accepted": [one.as_json() for one in accepted]}
        print(json.dumps({"ok": not findings, **told}, ensure_ascii=False))
    else:
        for one in findings:
            say(f"{one.source}: {one.key}: {one.what} ({one.code})\n    Why: {one.why}\n    Fix: {one.fix}")
        say(f"{len(findings)} findings, {len(accepted)} accepted.")
    raise typer.Exit(NO if findings else YES)
