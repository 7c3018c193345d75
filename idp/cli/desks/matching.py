"""`ciconia match`: an officer confirms that two identities are one person's, by the number that the person's page shows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from idp.application.change_desk import ActRefused, Identity
from idp.application.match_desk import CONFIRM, REFUSE, MatchDesk
from idp.application.operator_acts import Unsure, mend, opened_store
from idp.cli.console import NO, answer, end, trying
from idp.cli.options import AsJson, Folder, Reason
from idp.cli.records.mandate_options import Key, Name, Record, Signature
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys

match = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Confirm, as an officer, that a person had another identity before."
)


@contextmanager
def _desk_of(config: Path, *, as_json: bool) -> Iterator[MatchDesk]:
    with trying(as_json=as_json):
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin)
        with opened_store(settings, ledger) as store:
            try:
                yield MatchDesk(settings, store, ledger)
            except ActRefused as error:
                end("refused", str(error), as_json=as_json, code=NO)
            except Unsure as error:
                text = f"It is not known whether it counts: {error.detail}. {mend(error.detail)}"
                end(error.code, error.detail, as_json=as_json, text=text)


@match.command()
def show(number: Record, config: Folder, *, as_json: AsJson = False) -> None:
    """Show what waits under a number: both countries, the register's purpose, and which facts were compared. No value.

    Example: ciconia match show 5b8efff7... --config city

    Exit codes: 0 it waits, 1 nothing waits under it, 2 it could not be tried.
    """
    with _desk_of(config, as_json=as_json) as desk:
        found = desk.waiting(bytes.fromhex(number), int(time.time()))
    link, purpose = found.found.link, found.purpose
    facts = sorted(purpose.matching.facts) if purpose and purpose.matching else []
    lines = [
        f"{number}  asked {written(link.made)}, at the level {link.loa.label}",
        f"an identity of {found.found.country} was one of {link.country} before, says a register under {link.waits}",
        f"two of these agree: {', '.join(facts)}" if facts else "What is in force asks no officer any more: refuse it.",
    ]
    told = {
        "new": found.found.country,
        "earlier": link.country,
        "purpose": link.waits,
        "facts": facts,
        "level": link.loa.label,
    }
    answer({"number": number, "asked": link.made, **told}, *lines, as_json=as_json)


@match.command()
def document(
    number: Record,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, to be signed with ssh-keygen -Y sign.")],
    config: Folder,
    *,
    refuses: Annotated[bool, typer.Option("--refuse", help="What is signed to refuse it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write what an officer signs, for a key in a FIDO token.

    Example: ciconia match document 5b8efff7... match.json --config city
    """
    with _desk_of(config, as_json=as_json) as desk:
        file.write_bytes(desk.document(bytes.fromhex(number), REFUSE if refuses else CONFIRM))
    answer({"file": str(file)}, f"Written: {file}.", as_json=as_json)


@match.command()
def confirm(
    number: Record,
    config: Folder,
    reason: Reason,
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Confirm that the person before you is both. Look at their papers, and at the number on their page.

    Example: ciconia match confirm 5b8efff7... --reason "marriage certificate" --as mari --key mari.key --config city

    Exit codes: 0 it counts, 1 it is refused, 2 it could not be tried.
    """
    with _desk_of(config, as_json=as_json) as desk:
        who = desk.decide(bytes.fromhex(number), CONFIRM, reason, Identity(name, key, signature), int(time.time()))
    answer({"number": number, "who": who}, "It counts from now on, and that is recorded.", as_json=as_json)


@match.command()
def refuse(
    number: Record,
    config: Folder,
    reason: Reason,
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Refuse it. The person sees that, and may ask again.

    Example: ciconia match refuse 5b8efff7... --reason "another person" --as mari --key mari.key --config city

    Exit codes: 0 it is refused and recorded, 1 nothing waits under it, 2 it could not be tried.
    """
    with _desk_of(config, as_json=as_json) as desk:
        who = desk.decide(bytes.fromhex(number), REFUSE, reason, Identity(name, key, signature), int(time.time()))
    answer({"number": number, "who": who}, "It is refused, and that is recorded.", as_json=as_json)
