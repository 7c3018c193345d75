"""`ciconia policy test` and `explain`: try the purposes on the decision that every login goes through.

Exit codes: 0 every example holds, or the login could go on; 1 one does not, the configuration has problems, or a required
attribute is denied; 2 it could not be tried.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from idp.cli.console import NO, YES, end, say, trying
from idp.cli.options import AsJson, Folder
from idp.cli.policy_diff import diff
from idp.cli.policy_examples import run_examples
from idp.cli.policy_lint import lint_policy
from idp.cli.policy_register import register
from idp.cli.policy_shown import cell, read_policy, wide_console
from idp.system.files import read_named
from policies.attributes import Address, AttributeName, Value
from policies.examples import decide_for, party_with_everything, withheld_by
from policies.load import Configuration, load_situation
from policies.parties import ClientId, PurposeId, RelyingParty
from policies.purposes import Purpose
from policies.release import Decision, RulingOutcome

policy = typer.Typer(no_args_is_help=True, add_completion=False, help="Try the purposes, without anybody signing in.")
policy.command("test")(run_examples)
policy.command("lint")(lint_policy)
policy.command()(diff)
policy.command("register")(register)
ADDRESS_PARTS = ("street", "postal_code", "locality", "region", "country")


@policy.command()
def explain(
    config: Folder,
    purpose_id: Annotated[str, typer.Option("--purpose", help="The id of a purpose.", metavar="ID")],
    made_up: Annotated[
        Path,
        typer.Option(
            "--from",
            help="TOML of a made-up person: loa, asked, given, perhaps on. A file, a pipe, or `-` for standard input.",
            metavar="FILE",
        ),
    ],
    client: Annotated[
        str | None, typer.Option(help="Whose registration; else one for everything.", metavar="CLIENT_ID")
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option(help="An optional attribute that is not ticked.", metavar="NAME")
    ] = None,
    *,
    show_values: Annotated[bool, typer.Option("--show-values", help="Print the values that would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show for made-up attributes what would go, in which form, and why the rest would not.

    Example: ciconia policy explain --purpose resident-parking --from maria.toml --config city
    """
    configuration = read_policy(config, as_json=as_json)
    purpose, party = _purpose_and_party(purpose_id, client, configuration, as_json=as_json)
    today = datetime.now(tz=UTC).date()
    with trying(as_json=as_json):
        try:
            situation = load_situation(str(made_up), read_named(str(made_up)), configuration.catalogue, today)
        except OSError as error:
            end("unreadable", f"{made_up} cannot be read: {error.strerror}.", as_json=as_json)
    on = situation.on or today
    offered = decide_for(situation, purpose, party, on, (), catalogue=configuration.catalogue)
    refused = [AttributeName(name) for name in refuse or ()]
    for name in refused:
        if name not in offered.optional:
            boxes = ", ".join(offered.optional) or "none"
            end("not_found", f"{name} has no box to leave empty here. Boxes: {boxes}.", as_json=as_json)
    decision = decide_for(situation, purpose, party, on, refused, catalogue=configuration.catalogue)
    if as_json:
        print(json.dumps(_decision(decision, purpose, party, on, show_values=show_values), ensure_ascii=False))
    else:
        _print_decision(decision, purpose, party, show_values=show_values)
    raise typer.Exit(NO if decision.blocked else YES)


def _purpose_and_party(
    purpose_id: str, client: str | None, configuration: Configuration, *, as_json: bool
) -> tuple[Purpose, RelyingParty]:
    purpose = configuration.purposes.get(PurposeId(purpose_id))
    if purpose is None:
        known = ", ".join(configuration.purposes) or "none"
        end("not_found", f"There is no purpose {purpose_id or 'without a name'}. Purposes: {known}.", as_json=as_json)
    if client is None:
        return purpose, party_with_everything(purpose, configuration.catalogue)
    party = configuration.parties.get(ClientId(client))
    if party is None:
        known = ", ".join(configuration.parties) or "none"
        end("not_found", f"There is no party {client or 'without a name'}. Parties: {known}.", as_json=as_json)
    return purpose, party


def _decision(
    decision: Decision, purpose: Purpose, party: RelyingParty, on: date, *, show_values: bool
) -> dict[str, object]:
    went = {attribute.name: attribute for attribute in decision.released}
    stayed = withheld_by(decision)
    return {
        "ok": not decision.blocked,
        "purpose": purpose.purpose_id,
        "client": party.client_id or None,
        "on": on.isoformat(),
        "released": {
            name: {"form": str(one.form), **({"value": _json(one.value)} if show_values else {})}
            for name, one in went.items()
        },
        "weakened": [
            {
                "attribute": r.name,
                "asked": str(r.asked),
                "given": str(went[r.name].form),
                "reason": r.reason,
                "rule": str(r.source),
            }
            for r in decision.rulings
            if r.name in went and r.outcome is RulingOutcome.WEAKENED
        ],
        "withheld": [
            {"attribute": r.name, "asked": str(r.asked), "reason": stayed[r.name], "rule": str(r.source)}
            for r in decision.rulings
            if r.name in stayed
        ],
        "blocked": list(decision.blocked),
    }


def _print_decision(decision: Decision, purpose: Purpose, party: RelyingParty, *, show_values: bool) -> None:
    went = {attribute.name: attribute for attribute in decision.released}
    stayed = withheld_by(decision)
    table = Table("attribute", "asked", "goes as", "why", "rule", title_justify="left")
    if show_values:
        table.add_column("value")
    for r in decision.rulings:
        goes = str(went[r.name].form) if r.name in went else "-"
        row = [r.name, str(r.asked), goes, stayed.get(r.name, r.reason.value), str(r.source)]
        value = [_text(went[r.name].value)] if show_values and r.name in went else []
        table.add_row(*map(cell, (*row, *value)))
    say(f"{purpose.title['en']} ({purpose.basis}: {purpose.law['en']}), asked by {party.title['en']}:")
    wide_console().print(table)
    if decision.blocked:
        say(f"Nothing at all is released: {', '.join(decision.blocked)} is required, and cannot go.")


def _json(value: Value) -> object:
    if isinstance(value, Address):
        return {part: getattr(value, part) for part in ADDRESS_PARTS}
    return value


def _text(value: Value) -> str:
    if isinstance(value, Address):
        return ", ".join(filter(None, (getattr(value, part) for part in ADDRESS_PARTS)))
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str) else str(value).lower()
