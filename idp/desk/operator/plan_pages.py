"""Pages that propose a change of a file, and show what waits. Nothing here is in force before `ciconia apply`."""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import unified_diff
from typing import NamedTuple

from connectors.formats.grammar import written
from idp.changes.assents import Assents
from idp.changes.bundle import SETTINGS, Bundle
from idp.changes.guard import WHOLE, Assent, missing
from idp.changes.plan import Plan
from idp.changes.proposals import CHANGEABLE, MAX_FILES, MAX_WHY, Changed, Proposal
from idp.config.folder import readable_files
from idp.desk.blocks import Block, Cell, Command, EditForm, Facts, Lines, Link, Notice, WithdrawForm, WrittenText
from idp.desk.operator.operator_page import OperatorPage, command, table
from idp.desk.operator.reading import OperatorQuestion, OperatorReader
from idp.system.files import MAX_TEXT
from policies.errors import Conflict, Misconfigured, NotFound, RequestRefused
from policies.visible import is_visible

DIGITS = 12
# Plans are made for so many proposals of the list; the page of each makes its own
MOST_PLANNED = 20
MOST_NAMES = 10
# How a proposal stands
STALE, BROKEN, NOBODY = "overtaken", "has problems", "nobody may approve"
OPEN, WAITING = "may be applied", "waits for an approval"


class PlannedProposal(NamedTuple):
    """A proposal as it stands: a word, its plan where there is one, and everybody who signed it."""

    state: str
    plan: Plan | None = None
    assents: Sequence[Assent] = ()


def plans(reader: OperatorReader, asked: OperatorQuestion) -> Sequence[Block]:
    """Everything that waits, or one proposal whole."""
    if wanted := asked.named.get("plan", ""):
        found = reader.proposals.find(wanted)
        if found is None:
            raise NotFound("no proposal of this digest")
        return [*_whole(reader, found)]
    waiting = reader.proposals.listed()
    names = reader.names()
    rows: list[tuple[Cell, ...]] = [
        (
            one.plan[:DIGITS],
            one.author if one.author in names else f"{one.author} (removed)",
            written(one.time),
            one.why,
            ", ".join(one.files),
            standing(reader, one).state if place < MOST_PLANNED else "",
        )
        for place, one in enumerate(waiting)
    ]
    links = [
        Link("desk.plans.link", f"/plans?plan={one.plan}", {"plan": one.plan[:DIGITS], "who": one.author})
        for one in waiting
    ]
    return [table("plans", "plan author time reason files state", rows), *links, *_folder(reader), command(reader, "plan")]


def _folder(reader: OperatorReader) -> Iterator[Block]:
    """Says which files of the folder are others than in force: a plan that `ciconia plan` shows."""
    now = reader.standing().bundle.files
    lying, unread = readable_files(reader.settings.folder)
    differ = [name for name in sorted({*now, *lying} - {SETTINGS}) if now.get(name) != lying.get(name)]
    if differ or unread:
        named = ", ".join([*differ[:MOST_NAMES], *(["…"] if len(differ) > MOST_NAMES else [])])
        yield Notice("desk.plans.folder", {"files": named or ", ".join(one.file for one in unread[:MOST_NAMES])})


def standing(reader: OperatorReader, one: Proposal) -> PlannedProposal:
    """How a proposal stands against what is in force now."""
    with reader.opened() as engine:
        try:
            plan = reader.plan_of(engine, one.files)
        except Misconfigured:
            return PlannedProposal(BROKEN)
        if plan.digest != one.plan:
            return PlannedProposal(STALE)
        found = Assents(engine=engine, tenant=reader.tenant, keys=reader.keys).of(plan)
    author = one.author.casefold()
    assents = [replace(each, planner=each.planner or each.who.casefold() == author) for each in found]
    if plan.needs and not plan.operators:
        return PlannedProposal(NOBODY, plan, assents)
    # If somebody who signed nothing yet applied it
    left = missing(plan.needs, (*assents, Assent(WHOLE, "", planner=True)))
    return PlannedProposal(WAITING if left else OPEN, plan, assents)


def _whole(reader: OperatorReader, one: Proposal) -> Iterator[Block]:
    found = standing(reader, one)
    yield Notice("desk.plans.stands", {"state": found.state})
    yield Facts(
        (
            ("desk.plans.plan", one.plan),
            ("desk.plans.author", f"{one.author}, {written(one.time)}"),
            ("desk.plans.why", one.why),
            ("desk.plans.base", str(one.base)),
        )
    )
    if found.plan is not None:
        yield from plan_blocks(found.plan)
        signed = [f"{each.who}{f' ({each.name})' if each.name else ''}" for each in found.assents]
        yield Lines("desk.plans.signed", signed or ["-"])
    yield from diffs(reader.standing().bundle, one.files)
    if found.plan is not None:
        who = ("--as", "NAME", "--key", "FILE")
        yield Command("desk.plans.look", reader.line("plan", "--proposal", one.plan))
        for need in found.plan.needs:
            part = ("--for", need.name) if need.name else ()
            yield Command("desk.plans.approve", reader.line("approve", one.plan, *part, *who))
        yield Command("desk.plans.apply", reader.line("apply", one.plan, *(who if found.plan.operators else ())))
        yield Link("desk.plans.on", f"/propose?on={one.plan}")
    yield WithdrawForm(one.plan)


def plan_blocks(plan: Plan) -> Iterator[Block]:
    """A plan in citizens' words."""
    parts: Sequence[tuple[str, Sequence[str]]] = (
        ("wider", [one.sentence for one in plan.comparison.wider]),
        ("narrower", [one.sentence for one in plan.comparison.narrower]),
        ("meters", [one.sentence for one in plan.meters]),
        ("keys", [one.sentence for one in plan.keys]),
        ("stops", plan.stops),
        ("settings", plan.settings),
        ("approval", [why for need in plan.needs for why in need.why]),
    )
    yield from (Lines(f"desk.plan.{key}", lines) for key, lines in parts if lines)
    if not any(lines for _, lines in parts):
        yield Notice("desk.plan.nothing")


def diffs(before: Bundle, files: Changed) -> Iterator[Block]:
    """The lines that differ, of each file."""
    for path, octets in files.items():
        old, new = (each.decode("utf-8", "replace").splitlines() for each in (before.files.get(path, b""), octets or b""))
        yield WrittenText("desk.plans.diff", {"file": path}, "\n".join([*unified_diff(old, new, lineterm="", n=2)][2:]))


# -- one change of one file


def propose(reader: OperatorReader, asked: OperatorQuestion) -> Sequence[Block]:
    """A form with a file as it is in force, or in the proposal that this one is built on."""
    on = asked.named.get("on", "")
    file = asked.named.get("new_file", "") or asked.named.get("file", "")
    if not file:
        return [Notice("desk.propose.how"), command(reader, "plan")]
    held = {**reader.standing().bundle.files, **_earlier(reader, on)}.get(_checked(file))
    return [EditForm(file, (held or b"").decode("utf-8", "replace"), on=on), command(reader, "plan")]


def changeable(reader: OperatorReader) -> Sequence[str]:
    """The files that may be changed here, by path."""
    return sorted(filter(CHANGEABLE.fullmatch, reader.standing().bundle.files))


def look(reader: OperatorReader, given: Mapping[str, str], who: str) -> Sequence[Block] | str:
    """Show what a change would mean; or write the proposal of what was shown, and return the digest of its plan.

    Raises `Conflict` where something else is in force by now, or somebody proposed the same.
    """
    file, on, why = _checked(given.get("file", "")), given.get("on", ""), given.get("why", "").strip()
    text, gone = given.get("text", "").replace("\r\n", "\n"), "gone" in given
    octets = text.encode()
    if len(octets) > MAX_TEXT or len(why) > MAX_WHY or not is_visible(why):
        raise RequestRefused("a text that is too long, or no reason")
    files: Changed = {**_earlier(reader, on), file: None if gone else octets}
    if len(files) > MAX_FILES:
        raise RequestRefused("more files than a person reads")
    form = EditForm(file, text, why, on=on, gone=gone)
    now = reader.standing()
    try:
        with reader.opened() as engine:
            plan = reader.plan_of(engine, files)
    except Misconfigured as error:
        return [Lines("desk.propose.problems", [str(problem) for problem in error.problems]), form]
    if not plan.changes:
        return [Notice("desk.plan.nothing"), form]
    if given.get("act") != "write":
        return [*plan_blocks(plan), *diffs(now.bundle, files), replace(form, plan=plan.digest)]
    if not hmac.compare_digest(plan.digest.encode(), given.get("plan", "").encode()):
        raise Conflict("proposal", "something else is in force, or the text is another than was shown")
    made = Proposal(plan.digest, plan.base.number, who, reader.clock(), why, files)
    if not reader.proposals.write(made):
        raise Conflict("proposal", "the same is proposed already, or too much waits")
    return plan.digest


def _earlier(reader: OperatorReader, on: str) -> Changed:
    """The files of the proposal that another one is built on."""
    if not on:
        return {}
    found = reader.proposals.find(on)
    if found is None:
        raise NotFound("no proposal of this digest")
    return found.files


def _checked(file: str) -> str:
    if CHANGEABLE.fullmatch(file) is None:
        raise RequestRefused("no file that pages may change")
    return file


PLANS = OperatorPage("/plans", "desk.plans", ("plan",), plans)
PROPOSE = OperatorPage("/propose", "desk.propose", ("file", "new_file", "on"), propose)
