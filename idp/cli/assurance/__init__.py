"""`ciconia assurance`: the ladders of levels, and where a level of one leads on another.

Exit codes: 0 it leads somewhere, 1 it leads nowhere, or the configuration has problems; 2 it could not be tried.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import NO, YES, end, problems, say, trying
from idp.cli.options import AsJson
from idp.config.folder import read_configuration
from policies.assurance.ladders import Ladder, Ladders, Mapped, Rung, mapped
from policies.assurance.ladders import said as in_words
from policies.errors import Misconfigured, Problem
from policies.load.ladders import LADDERS_FILE, read_ladders, shipped
from policies.load.table import nearest, parse

assurance = typer.Typer(no_args_is_help=True, add_completion=False, help="Levels of assurance, and where each leads.")

Config = Annotated[
    Path | None,
    typer.Option("--config", readable=False, help="A configuration folder, for its assurance.toml.", metavar="DIR"),
]
LevelFrom = Annotated[
    str, typer.Argument(metavar="FROM", help="A level or a ladder; levels of one sign-in are joined by `+`.")
]
LevelTo = Annotated[str, typer.Argument(metavar="TO", help="A level or a ladder.")]


@assurance.command("list")
def list_ladders(
    ladder: Annotated[str, typer.Argument(metavar="LADDER", help="One ladder; else all.")] = "all",
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Lists the ladders, their levels from the lowest one up, and what each surely has.

    Example: ciconia assurance list spid
    """
    ladders = _ladders(config, as_json=as_json)
    if ladder != "all" and ladder not in ladders:
        end("unknown_level", f"`{ladder}` is no ladder: {nearest(ladder, ladders)}", as_json=as_json)
    shown = [one for name, one in ladders.items() if ladder in ("all", name)]
    if as_json:
        print(json.dumps({"ok": True, "ladders": [_ladder_json(one) for one in shown]}, ensure_ascii=False))
        return
    for one in shown:
        say(f"{one.ladder_id}: {one.title} ({one.reference})")
        for rung in one.rungs:
            names = ", ".join(rung.names)
            say(f"  {rung.key}{f' = {names}' if names else ''}: {in_words(rung.reaches.assurance)} ({rung.reaches.basis})")


@assurance.command("explain")
def explain(source: LevelFrom, target: LevelTo, *, config: Config = None, as_json: AsJson = False) -> None:
    """Says where levels lead on another ladder, why, and what is lost. Nothing is ever mapped upward.

    Example: ciconia assurance explain https://www.spid.gov.it/SpidL2 stork
    """
    ladders = _ladders(config, as_json=as_json)
    if source in ladders:
        sources: list[tuple[Rung, ...]] = [(rung,) for rung in ladders[source].rungs]
    else:
        sources = [tuple(_level(word.strip(), ladders, as_json=as_json) for word in source.split("+"))]
    only = None if target in ladders else _level(target, ladders, as_json=as_json)
    to = ladders[only.ladder if only else target]
    found = [(each, mapped(each, to, only)) for each in sources]
    if as_json:
        maps = [_mapped_json(each, one) for each, one in found]
        print(json.dumps({"ok": any(one.rung for _, one in found), "maps": maps}, ensure_ascii=False))
    else:
        for each, one in found:
            _say(each, one, to)
    raise typer.Exit(YES if any(one.rung for _, one in found) else NO)


def _ladders(config: Path | None, *, as_json: bool) -> Ladders:
    if config is None:
        return shipped()
    with trying(as_json=as_json):
        files = read_configuration(config)
    found: list[Problem] = []
    table = parse(LADDERS_FILE, files[LADDERS_FILE], found) if LADDERS_FILE in files else None
    ladders = read_ladders(table) if table else shipped()
    if found:
        problems(Misconfigured(tuple(found)), as_json=as_json)
        raise typer.Exit(NO)
    return ladders


def _level(word: str, ladders: Ladders, *, as_json: bool) -> Rung:
    """The rung of a name: `spid:L2`, one on the wire, or a label that one ladder has."""
    rungs = [rung for ladder in ladders.values() for rung in ladder.rungs]
    exact = [rung for rung in rungs if word == rung.key or (rung.ladder == "level" and word == rung.label)]
    found = exact or [rung for rung in rungs if word in (rung.label, *rung.names)]
    if len(found) == 1:
        return found[0]
    keys = ", ".join(rung.key for rung in found)
    detail = f"`{word}` is a level of several ladders: write one of {keys}." if keys else f"no ladder has a level `{word}`."
    return end("unknown_level", detail, as_json=as_json)


def _say(sources: tuple[Rung, ...], one: Mapped, to: Ladder) -> None:
    told = " + ".join(rung.key for rung in sources)
    names = f" = {one.rung.names[0]}" if one.rung and one.rung.names else ""
    say(f"{told} -> {one.rung.key if one.rung else f'nothing on {to.ladder_id}'}{names}")
    for step in one.steps:
        say(f"  {step.says}" + (f" ({step.basis}: {step.reference})" if step.reference else ""))
    for lost in one.lost:
        say(f"  Lost: {lost}")
    if one.rung and not one.lost:
        say("  Nothing is lost.")


def _mapped_json(sources: tuple[Rung, ...], one: Mapped) -> dict[str, object]:
    return {
        "from": [rung.key for rung in sources],
        "to": one.rung and one.rung.key,
        "names": [*one.rung.names] if one.rung else [],
        "lossless": one.rung is not None and not one.lost,
        "lost": [*one.lost],
        "steps": [{"says": step.says, "basis": step.basis, "reference": step.reference} for step in one.steps],
    }


def _ladder_json(one: Ladder) -> dict[str, object]:
    return {
        "id": one.ladder_id,
        "title": one.title,
        "reference": one.reference,
        "levels": [
            {
                "id": rung.key,
                "names": [*rung.names],
                "reaches": in_words(rung.reaches.assurance),
                "basis": rung.reaches.basis,
                "reference": rung.reaches.reference,
                "said_from": rung.said_from and in_words(rung.said_from.assurance),
                "said_basis": rung.said_from and rung.said_from.basis,
                "said_reference": rung.said_from and rung.said_from.reference,
            }
            for rung in one.rungs
        ],
    }
