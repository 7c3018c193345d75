"""`ciconia why REFERENCE`: one sign-in as a timeline, each party on its own leg, and whose move it is."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from idp.cli.console import NO, answer, end, trying
from idp.cli.options import AsJson, Folder
from idp.config.settings import load_settings
from idp.inspect.plan import steps_before
from idp.monitoring.recorder.recorder import BROKER, COUNTRY, FAILED, SERVICE
from idp.monitoring.recorder.rows import RecordedStep, RecordedSteps
from idp.monitoring.recorder.timeline import WHOSE, Timeline, sentence, timeline
from idp.receipts.receipt_record import time_text
from idp.store.engine import disposed, open_engine
from idp.store.migrate import assert_current
from idp.system.clock import system_clock
from idp.system.logs import configure_logs

# The same whether it never was, is over, or is another broker's
NOTHING = (
    "Nothing is recorded under this reference. A sign-in is recorded while an incident is open (ciconia incident open), "
    "or if ciconia try began it, and is shown for 24 hours. The log has a line in any case."
)


class Leg(StrEnum):
    """A party's part of a sign-in."""

    SERVICE = SERVICE
    BROKER = BROKER
    COUNTRY = COUNTRY


def why(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The reference on the citizen's page.")],
    config: Folder,
    leg: Annotated[Leg | None, typer.Option("--leg", help="One party's leg alone, to hand to that party.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell a sign-in as a timeline: its steps, the checks that held and the one that failed, and whose move it is.

    It holds no value and no name of a citizen. With --leg it holds nothing of the other parties: --leg country is for the
    operator of the country, --leg service for that of the service.

    Example: ciconia why 3f9c2a7b10 --config city

    Exit codes: 0 it is told, 1 nothing is recorded, 2 it could not be tried.
    """
    configure_logs()
    with trying(as_json=as_json):
        settings = load_settings(config)
        with disposed(open_engine(settings.database_url)) as engine:
            assert_current(engine)
            steps = RecordedSteps(engine, settings.tenant).of(reference.strip().lower(), system_clock())
    found = timeline(reference.strip().lower(), steps, leg=leg or "")
    if found is None:
        end("not_found", NOTHING, as_json=as_json, code=NO)
    answer(found.as_json(held=_held), *_lines(found), as_json=as_json)


def _held(step: RecordedStep) -> list[str]:
    """The checks of a message that held before the one that failed, in the order of the code."""
    return list(steps_before(step.check_name)) if step.leg == COUNTRY and step.check_name else []


def _lines(found: Timeline) -> Iterator[str]:
    yield f"Sign-in {found.reference}. Whose move: {WHOSE[found.move]}."
    for step in found.steps:
        mark = "!" if step.step == FAILED else " "
        yield f"{mark} {time_text(step.time)}  {step.leg:<8}{step.party:<20}  {sentence(step)}"
        if held := _held(step):
            yield f"  {'':<50}Held before: {' '.join(held)}"
