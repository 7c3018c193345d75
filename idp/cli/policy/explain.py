"""`ciconia policy explain`: each step of the decision about a made-up person, a captured answer, or a login that was."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import COULD_NOT_RUN, NO, YES, end, trying
from idp.cli.options import AsJson, Folder
from idp.cli.policy.explained import as_json as told
from idp.cli.policy.explained import print_explanation
from idp.cli.policy.recall import explain_record
from idp.cli.policy.shown import read_policy
from idp.inspect.inspectors import inspector_of
from idp.inspect.options import MessageKind, Options, read_time
from idp.inspect.plan import page
from idp.inspect.result import inspect_file
from idp.system.clock import system_clock
from idp.system.files import read_named
from idp.system.logs import configure_logs
from policies.attributes import AttributeName
from policies.authentication import AskedAttribute
from policies.examples import Situation, party_with_everything
from policies.explain import explain as explained
from policies.load import Configuration, load_situation
from policies.parties import ClientId, ProviderId, PurposeId, RelyingParty
from policies.purposes import Purpose

_FROM = "TOML of a made-up person: loa, asked, given, perhaps on. A file, a pipe, or `-` for standard input."
_RESPONSE = "A captured answer of --provider, judged as `ciconia inspect` does."
_RECORD = "A login that was, by its record in the release ledger."
_ONE = "Name one of --from FILE, --response FILE with --provider ID, and --record ID."
_ASK = "With --response: what is asked for, `birthdate` or `birthdate=age_over(18)`; else all that is needed."


def explain(
    config: Folder,
    purpose_id: Annotated[str | None, typer.Option("--purpose", help="The id of a purpose.", metavar="ID")] = None,
    made_up: Annotated[Path | None, typer.Option("--from", help=_FROM, metavar="FILE")] = None,
    response: Annotated[str | None, typer.Option(help=_RESPONSE, metavar="FILE")] = None,
    record: Annotated[str | None, typer.Option(help=_RECORD, metavar="ID")] = None,
    provider: Annotated[str | None, typer.Option(help="Whose answer: an id in the configuration.", metavar="ID")] = None,
    ask: Annotated[list[str] | None, typer.Option(help=_ASK, metavar="NAME")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Judge the answer as of then: ISO 8601, or seconds.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(help="Whose registration; else one for everything.", metavar="CLIENT_ID")
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option(help="An optional attribute that is not ticked.", metavar="NAME")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why: it goes into the release ledger.")] = None,
    *,
    unsafe_decrypt: Annotated[bool, typer.Option("--unsafe-decrypt", help="Use a production key, on record.")] = False,
    show_values: Annotated[bool, typer.Option("--show-values", help="Print the values that would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show for made-up attributes, a captured answer or a record what goes, each step to it, and what would have to change.

    Example: ciconia policy explain --purpose resident-parking --from maria.toml --config city
    Example: ciconia policy explain --record 5b8efff798038103d269b633813fc60c --config city

    Exit codes: 0 the login could go on, 1 it could not, or the configuration has problems, 2 it could not be tried.
    """
    if sum(one is not None for one in (made_up, response, record)) != 1 or (response is None) != (provider is None):
        end("could_not_run", _ONE, as_json=as_json)
    if record is not None:
        explain_record(record, config, as_json=as_json)
    if purpose_id is None:
        end("could_not_run", "Name the purpose: --purpose ID.", as_json=as_json)
    configuration = read_policy(config, as_json=as_json)
    purpose, party = _purpose_and_party(purpose_id, client, configuration, as_json=as_json)
    if made_up is not None:
        situation = _made_up(made_up, configuration, as_json=as_json)
    else:
        with trying(as_json=as_json):
            now = system_clock() if at is None else read_time(at)
            expected = Options(
                kind=MessageKind.RESPONSE,
                now=now,
                config=config,
                party=provider,
                unsafe_decrypt=unsafe_decrypt,
                reason=reason,
            )
        situation = _captured(str(response), expected, configuration, ask or (), as_json=as_json)
    on = situation.on or datetime.now(tz=UTC).date()
    facts = (situation.asked, (), purpose, party, situation.offered, on)
    boxes = explained(*facts, catalogue=configuration.catalogue).decision.optional
    refused = [AttributeName(name) for name in refuse or ()]
    for name in refused:
        if name not in boxes:
            said = ", ".join(boxes) or "none"
            end("not_found", f"{name} has no box to leave empty here. Boxes: {said}.", as_json=as_json)
    explanation = explained(*facts, catalogue=configuration.catalogue, refused=refused)
    if as_json:
        print(json.dumps(told(explanation, on, show_values=show_values), ensure_ascii=False))
    else:
        print_explanation(explanation, show_values=show_values)
    raise typer.Exit(YES if explanation.goes else NO)


def _made_up(file: Path, configuration: Configuration, *, as_json: bool) -> Situation:
    with trying(as_json=as_json):
        try:
            content = read_named(str(file))
        except OSError as error:
            end("unreadable", f"{file} cannot be read: {error.strerror}.", as_json=as_json)
        return load_situation(str(file), content, configuration.catalogue, datetime.now(tz=UTC).date())


def _captured(file: str, options: Options, configuration: Configuration, ask: Sequence[str], *, as_json: bool) -> Situation:
    """The content of a captured answer, as the connector reads it. A refused one ends the command as `inspect` does."""
    configure_logs()
    asked = tuple(_asked(text, configuration, as_json=as_json) for text in ask)
    with trying(as_json=as_json), ExitStack() as stack:
        result = inspect_file(file, inspector_of(options, system_clock, stack))
    accepted = result.accepted
    if accepted is None or accepted.offered is None:
        detail = page(result, MessageKind.RESPONSE)
        code = result.refusal.code if result.refusal else "assertion_rejected"
        end(code, detail, as_json=as_json, code=NO if result.tried else COULD_NOT_RUN)
    source = configuration.providers[ProviderId(options.party or "")]
    on = datetime.fromtimestamp(options.now, tz=UTC).date()
    offered = replace(accepted.offered, sphere=source.sphere, only_for=source.saml.only_for)
    return Situation(on=on, asked=asked, offered=offered)


def _asked(text: str, configuration: Configuration, *, as_json: bool) -> AskedAttribute:
    name, _, form = text.partition("=")
    found = (
        configuration.catalogue.form(AttributeName(name), form or "exact")
        if name in configuration.catalogue.attributes
        else None
    )
    if found is None:
        end("not_found", f"`{text}` is no attribute of the catalogue in a form that it has.", as_json=as_json)
    return AskedAttribute(AttributeName(name), found)


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
