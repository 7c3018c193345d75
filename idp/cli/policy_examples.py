"""`ciconia policy test`: run the examples that stand in the purposes' files.

Exit codes: 0 every example holds; 1 one does not, or the configuration has problems; 2 it could not be tried.
"""

import json
from collections.abc import Sequence

import typer
from rich.table import Table

from idp.cli.console import COULD_NOT_RUN, NO, YES, say
from idp.cli.options import AsJson, Folder
from idp.cli.policy_shown import cell, read_policy, wide_console
from policies.examples import Example
from policies.parties import PurposeId


def run_examples(config: Folder, *, as_json: AsJson = False) -> None:
    """Run the examples that stand in the purposes' files.

    Example: ciconia policy test --config city
    """
    configuration = read_policy(config, as_json=as_json)
    tried = [
        (purpose_id, example, configuration.differences(purpose_id, example))
        for purpose_id, examples in sorted(configuration.examples.items())
        for example in examples
    ]
    failed = [found for _, _, found in tried if found]
    if as_json:
        told = {"ok": bool(tried) and not failed, "examples": [_example(*one) for one in tried]}
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print_examples(tried)
    if not tried:
        say("No purpose has an example: nothing was tried. Write [[examples]] into its file.", error=True)
        raise typer.Exit(COULD_NOT_RUN)
    raise typer.Exit(NO if failed else YES)


def _example(purpose_id: PurposeId, example: Example, found: Sequence[str]) -> dict[str, object]:
    return {
        "purpose": purpose_id,
        "title": example.title,
        "file": example.source.file,
        "line": example.source.line,
        "holds": not found,
        "differences": list(found),
    }


def _print_examples(tried: Sequence[tuple[PurposeId, Example, Sequence[str]]]) -> None:
    table = Table("purpose", "example", "", title_justify="left")
    for purpose_id, example, found in tried:
        verdict = "[red]fails[/red]" if found else "[green]holds[/green]"
        table.add_row(cell(purpose_id), cell(example.title), verdict)
    wide_console().print(table)
    for _, example, found in tried:
        for sentence in found:
            say(f"{example.source}: {sentence}", error=True)
    say(f"{sum(1 for _, _, found in tried if not found)} of {len(tried)} examples hold.")
