"""The ladders of assurance: those that ship, and `assurance.toml` with a city's own.

[library-card]
title = "Library card"
reference = "Council decision 2026-17"
basis = "policy"
levels = [{ label = "card", names = ["urn:library:card"], reaches = "low" }]
"""

from collections.abc import Collection
from functools import cache
from pkgutil import get_data
from types import MappingProxyType

from policies.assurance import LevelOfAssurance, level_named
from policies.assurance.ladders import NOTHING, Assurance, Ground, Ladder, Ladders, Rung, at, faults
from policies.errors import Misconfigured, Problem
from policies.load.table import LEVELS, Table, nearest, parse

# Whoever registers by itself names none
NO_LADDERS: Ladders = MappingProxyType({})
LADDERS_FILE = "assurance.toml"
_BASES = {basis: basis for basis in ("law", "standard", "policy")}
_PARTS = ("identity", "authentication", "attribute")
_LEVELS_FIX = 'write levels = [{ label = "L1", names = ["urn:city:l1"], reaches = "low" }], the lowest first.'
_REACHES_FIX = 'write "low", "substantial" or "high", or { identity = "low" }, or leave it out.'


@cache
def shipped() -> Ladders:
    """The ladders that come with the product."""
    # A part of the program, as its modules are
    content = get_data("policies.assurance", "ladders.toml") or b""
    problems: list[Problem] = []
    table = parse("ladders.toml", content, problems)
    found = _read(table, {}) if table else {}
    if problems:
        raise Misconfigured(tuple(problems))
    return found


def read_ladders(table: Table) -> Ladders:
    """The shipped ladders and the city's own. Problems go to the table's list."""
    own = _read(table, shipped())
    return {**shipped(), **own}


def _read(table: Table, known: Ladders) -> dict[str, Ladder]:
    found: dict[str, Ladder] = {}
    for ladder_id in table.names():
        one = table.table(ladder_id, "write [NAME] with title, reference, basis and levels.")
        if one is None:
            continue
        if ladder_id in known:
            table.problem(ladder_id, "is a ladder that ships with Ciconia.", "give yours another name.")
        notified = not known and one.flag("notified")
        reference = one.text("reference", 'write reference = "the text that defines these levels".')
        whole = _Defaults(one, reference)
        rungs = tuple(
            whole.rung(row, ladder_id, rank, notified=notified)
            for rank, row in enumerate(one.tables("levels", _LEVELS_FIX))
        )
        title = one.text("title", 'write title = "Library card".')
        found[ladder_id] = Ladder(ladder_id, title, reference, rungs)
        _judge(one, found[ladder_id], known)
        one.close()
    return found


class _Defaults:
    """The values that the rows of one ladder have where they say nothing."""

    def __init__(self, table: Table, reference: str) -> None:
        self._basis = table.choice("basis", _BASES, "policy")
        self._why = table.text("why", "write the text that says so.", default=reference)
        self._said_basis = table.choice("said_basis", _BASES, self._basis, required=False)
        self._said_why = table.text("said_why", "write the text that says so.", default=reference)

    def rung(self, row: Table, ladder_id: str, rank: int, *, notified: bool) -> Rung:
        label = row.identifier("label")
        names = row.texts("names", 'write names = ["urn:city:l1"], or leave it out.', required=False)
        reaches = _assurance(row, "reaches", notified=notified)
        basis = row.choice("basis", _BASES, self._basis, required=False)
        ground = Ground(reaches or NOTHING, basis, row.text("why", "write the text.", default=self._why))
        said = _assurance(row, "said_from", notified=notified)
        said_basis = row.choice("said_basis", _BASES, self._said_basis, required=False)
        said_why = row.text("said_why", "write the text.", default=self._said_why)
        row.close()
        return Rung(ladder_id, label, rank, names, ground, Ground(said, said_basis, said_why) if said else None)


def _assurance(row: Table, key: str, *, notified: bool) -> Assurance | None:
    if key not in row:
        return None
    if isinstance(row.take(key), str):
        return at(row.choice(key, LEVELS, LevelOfAssurance.LOW), notified=notified)
    parts = row.table(key, _REACHES_FIX)
    if parts is None:
        return None
    given = {part: parts.choice(part, LEVELS, LevelOfAssurance.LOW) for part in _PARTS if part in parts}
    parts.close()
    if not given:
        row.problem(key, "is empty, and empty means nothing at all.", _REACHES_FIX)
    return Assurance(**given, notified=notified)


def _judge(table: Table, ladder: Ladder, known: Ladders) -> None:
    if not ladder.rungs:
        table.problem("levels", "is empty, and empty means nothing at all.", _LEVELS_FIX)
    for rung, what in faults(ladder):
        table.problem("levels", f"{rung.label} {what}", "levels are never mapped upward.", str(rung.rank))
    seen: set[str] = set()
    for rung in ladder.rungs:
        for name in rung.names:
            surely = [at(level)] if (level := level_named(name)) is not None else []
            surely += [one.reaches.assurance for each in known.values() for one in each.rungs if name in one.names]
            if known and any(not rung.reaches.assurance <= one for one in surely):
                what = f"{name} reaches less where it is known already, and levels are never mapped upward."
                table.problem("levels", what, "write a lower level.", str(rung.rank))
            for one in (one for each in known.values() for one in each.rungs if name in one.names):
                if any(not _as_known(one, each, name, known) for each in ladder.rungs[rung.rank :]):
                    what = f"{name} would be said of less than where it is known already."
                    table.problem(
                        "levels", what, "leave said_from and other names out, in it and above it.", str(rung.rank)
                    )
        for word in {rung.label, *rung.names} & seen:
            table.problem("levels", f"names {word} twice.", "give each level its own names.", str(rung.rank))
        seen |= {rung.label, *rung.names}


def _as_known(one: Rung, rung: Rung, name: str, known: Ladders) -> bool:
    """Whether a city's rung lets an answer say a name of `one`, which is known, only where `one` does.

    A sign-in of another name of the city's rung may be called so by the order of the ladder.
    """
    if name in rung.names and rung.said_from is not None and not one.said_by(rung.said_from.assurance):
        return False
    above = {word for each in known[one.ladder].rungs[one.rank :] for word in each.names}
    return one.said_by(rung.reaches.assurance) or {*rung.names} <= above


def read_ladder(table: Table, ladders: Ladders, key: str = "assurance") -> Ladder | None:
    """The one ladder that a key names; None (and a problem) where there is none."""
    return _named(table, key, table.text(key, f'write {key} = "spid".'), ladders)


def read_named(table: Table, ladders: Ladders, key: str = "assurance") -> tuple[Ladder, ...]:
    """The ladders that a key names, one or a list of them."""
    fix = f'write {key} = "spid", or {key} = ["spid", "se"].'
    names: Collection[str] = table.texts(key, fix) if table.is_list(key) else (table.text(key, fix),)
    return tuple([found for name in names if (found := _named(table, key, name, ladders)) is not None])


def _named(table: Table, key: str, name: str, ladders: Ladders) -> Ladder | None:
    found = ladders.get(name)
    if name and found is None:
        table.problem(key, f"`{name}` is no ladder of assurance.", nearest(name, ladders))
    return found
