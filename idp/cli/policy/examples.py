"""`ciconia policy test`: run the examples that stand in the purposes' files.

Exit codes: 0 every example holds, and with --mutate each rule is held by one; 1 it is not so, or the configuration has
problems; 2 it could not be tried.
"""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from idp.cli.console import COULD_NOT_RUN, NO, YES, say
from idp.cli.options import AsJson, Folder
from idp.cli.policy.shown import cell, read_policy, wide_console
from policies.examples import Example
from policies.parties import PurposeId, Source
from policies.simulation.mutate import Mutation, missing_examples, mutate

Mutate = Annotated[bool, typer.Option("--mutate", help="Change one rule at a time: name those that no example holds.")]


def run_examples(config: Folder, *, mutated: Mutate = False, as_json: AsJson = False) -> None:
    """Run the examples that stand in the purposes' files. A purpose without a release or a refusal is named.

    With --mutate, let each rule say more, one at a time: a wider form, a dropped requirement, a lower assurance, one more
    attribute. A rule whose change no example notices is named, and ends it with 1.

    Example: ciconia policy test --config city --mutate
    """
    configuration = read_policy(config, as_json=as_json)
    tried = [
        (purpose_id, example, configuration.differences(purpose_id, example))
        for purpose_id, examples in sorted(configuration.examples.items())
        for example in examples
    ]
    failed = [found for _, _, found in tried if found]
    missing = missing_examples(configuration)
    # A failing example would notice every change
    mutation = mutate(configuration) if mutated and tried and not failed else None
    holds = not failed and (mutation is None or not mutation.unheld)
    if as_json:
        told = {
            "ok": bool(tried) and holds,
            "examples": [_example(*one) for one in tried],
            "missing": [
                {"purpose": one.purpose.purpose_id, **_place(one.purpose.source), "lacks": one.lacks} for one in missing
            ],
            **({"mutation": _mutation(mutation)} if mutation else {}),
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print_examples(tried)
        for one in missing:
            say(f"{one.purpose.source}: no {' and no '.join(one.lacks)} among the examples of {one.purpose.purpose_id}.")
        if mutation:
            _print_mutation(mutation)
    if not tried:
        say("No purpose has an example: nothing was tried. Write [[examples]] into its file.", error=True)
        raise typer.Exit(COULD_NOT_RUN)
    raise typer.Exit(YES if holds else NO)


def _example(purpose_id: PurposeId, example: Example, found: Sequence[str]) -> dict[str, object]:
    return {
        "purpose": purpose_id,
        "title": example.title,
        **_place(example.source),
        "holds": not found,
        "differences": list(found),
    }


def _place(source: Source) -> dict[str, object]:
    return {"file": source.file, "line": source.line}


def _mutation(found: Mutation) -> dict[str, object]:
    unheld = [{**_place(one.source), "rule": one.rule, "changes": one.changes, "fix": one.fix} for one in found.unheld]
    return {"tried": found.tried, "unheld": unheld}


def _print_mutation(found: Mutation) -> None:
    for one in found.unheld:
        say(f"{one.source}: {one.rule}: no example notices: {', '.join(one.changes)}. Fix: {one.fix}", error=True)
    say(f"{found.tried} changes of a rule were tried; no example holds {len(found.unheld)} rules.")


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
