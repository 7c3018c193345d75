"""The simulator: what would become of a made-up person's attributes, step by step, as `ciconia policy explain` says it.

It decides by the configuration in force. Who it is about stands in the form alone: in no address, no log
and no file, and no value is shown.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from idp.desk.blocks import Block, Cell, Facts, Lines, Notice, SimulatorForm
from idp.desk.operator.operator_page import OperatorPage, command, table
from idp.desk.operator.reading import OperatorQuestion, OperatorReader, StandingConfiguration
from idp.system.toml_text import dumped
from policies.errors import Misconfigured, NotFound
from policies.examples import party_with_everything
from policies.explain import Explanation, explain
from policies.identifiability import about_one_in
from policies.load import load_situation
from policies.parties import ClientId, PurposeId
from policies.purposes import Purpose

# The parts of an example that say who signs in, and not what becomes of it
_OF_A_PERSON = ("on", "loa", "asked", "given", "refeds_assurance", "sphere", "only_for")
NOBODY = {"loa": "high", "asked": {}, "given": {"birthdate": "1990-02-28"}}
LINE_FILE = "PERSON.toml"


def simulator(reader: OperatorReader, asked: OperatorQuestion) -> Sequence[Block]:
    """The form, with the first example of a purpose."""
    now = reader.standing()
    if not now.configuration.purposes:
        return [Notice("desk.simulator.none")]
    purpose = asked.named.get("purpose", "") or next(iter(now.configuration.purposes))
    line = command(reader, "policy", "explain", "--purpose", purpose, "--from", LINE_FILE)
    return [_form(now, purpose, "", _example(now, _purpose(now, purpose))), line]


def simulate(reader: OperatorReader, given: Mapping[str, str]) -> Sequence[Block]:
    """The decision about a made-up person, and the form again."""
    now = reader.standing()
    configuration, text = now.configuration, given.get("person", "").replace("\r\n", "\n")
    purpose, client = _purpose(now, given.get("purpose", "")), given.get("service", "")
    form, today = _form(now, purpose.purpose_id, client, text), datetime.fromtimestamp(reader.clock(), UTC).date()
    party = configuration.parties.get(ClientId(client)) if client else None
    if client and party is None:
        raise NotFound("no service of this id")
    try:
        situation = load_situation(LINE_FILE, text.encode(), configuration.catalogue, today)
    except Misconfigured as error:
        return [Lines("desk.simulator.problems", [str(problem) for problem in error.problems]), form]
    found = explain(
        situation.asked,
        (),
        purpose,
        party or party_with_everything(purpose, configuration.catalogue),
        situation.offered,
        situation.on or today,
        catalogue=configuration.catalogue,
    )
    of_service = ("--client", client) if client else ()
    line = command(reader, "policy", "explain", "--purpose", purpose.purpose_id, *of_service, "--from", LINE_FILE)
    return [*_explained(found), line, form]


def _explained(found: Explanation) -> Iterator[Block]:
    yield Notice("desk.simulator.goes" if found.goes else "desk.simulator.stays")
    blocked, ended = ", ".join(found.decision.blocked) or "-", ", ".join(found.ended) or "-"
    released = f"{found.bits_released:.1f} (1 / {about_one_in(found.bits_released):,})"
    yield Facts(
        (
            ("desk.simulator.blocked", blocked),
            ("desk.simulator.ended", ended),
            ("desk.simulator.asked", f"{found.bits_asked:.1f}"),
            ("desk.simulator.released", released),
        )
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row.ruling.name,
            str(row.ruling.asked),
            *("-" if form is None else str(form) for form in (row.registered, row.needed, row.available, row.goes)),
            row.why,
            str(row.ruling.source),
        )
        for row in found.rows
    ]
    yield table("steps", "attribute asked registered needed available goes why where", rows)
    changes = [f"{row.ruling.name}: {change}" for row in found.rows for change in found.changes(row)]
    if changes:
        yield Lines("desk.simulator.changes", changes)


def _form(now: StandingConfiguration, purpose: str, service: str, person: str) -> SimulatorForm:
    return SimulatorForm(tuple(now.configuration.purposes), tuple(now.configuration.parties), purpose, service, person)


def _purpose(now: StandingConfiguration, purpose: str) -> Purpose:
    found = now.configuration.purposes.get(PurposeId(purpose))
    if found is None:
        raise NotFound("no purpose of this id")
    return found


def _example(now: StandingConfiguration, purpose: Purpose) -> str:
    """The person of a purpose's first example, as its file has them."""
    try:
        read = tomllib.loads(now.bundle.files[purpose.source.file].decode())
    except (KeyError, ValueError):
        read = {}
    example = next(iter(read.get("examples", ())), NOBODY)
    return dumped({name: example[name] for name in _OF_A_PERSON if name in example})


SIMULATOR = OperatorPage("/simulator", "desk.simulator", ("purpose",), simulator)
