"""`ciconia ledger erase`: two officers have a person erased, or one of them takes that back."""

import time

import typer

from connectors.formats.grammar import written
from idp.application.change_desk import Identity
from idp.application.mandate_desk import MandateDesk, Step
from idp.changes.mandates import ERASURE
from idp.cli.console import answer
from idp.cli.options import AsJson, Folder, Reason
from idp.cli.records.mandate_options import Key, Name, Record, Signature, desk_of, signed_step

APPROVE = """Agree to an erasure. Fourteen days later the person's key is destroyed; until then it can be withdrawn.

Example: ciconia ledger erase approve 3f2a1c... --as juhan --key juhan.key --config city
"""
WITHDRAW = """Withdraw an erasure that officers began, before it is done. One officer is enough.

Example: ciconia ledger erase withdraw 3f2a1c... --as juhan --key juhan.key --config city
"""
erase = typer.Typer(no_args_is_help=True, add_completion=False, help="Have a person erased: two officers, fourteen days.")


@erase.command()
def new(
    record: Record,
    config: Folder,
    reason: Reason,
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask to erase the person whom a record is about. It begins when another officer has approved it.

    Example: ciconia ledger erase new 5b8efff7... --reason "request 12" --as mari --key mari.key --config city

    Exit codes: 0 it waits, 1 it is refused, 2 it could not be tried.
    """
    now = int(time.time())
    with desk_of(config, as_json=as_json) as desk:
        facts = {"reason": reason, "record": record}
        step = desk.ask(ERASURE, facts, Identity(name, key, signature), now)
    _tell(step, now, as_json=as_json)


@erase.command("list")
def list_erasures(
    config: Folder,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the erasures that wait, of persons and of officers. It names nobody.

    Example: ciconia ledger erase list --config city
    """
    with desk_of(config, as_json=as_json) as desk:
        found, operators = desk.erasures.listed(), desk.operators()
        asked = [one for one in desk.mandates.listed(ERASURE) if not one.ended and not one.stands(operators)]
    waiting = [{"erasure": one.erasure.hex(), "asked": one.asked, "due": one.due, "who": list(one.who)} for one in found]
    unsigned = [{"id": one.mandate.hex(), "officers": list(one.officers(operators))} for one in asked]
    lines = [f"{one.erasure.hex()}  by {', '.join(one.who)}, due {written(one.due)}" for one in found]
    lines += [f"{one.mandate.hex()}  waits for another officer" for one in asked]
    answer({"erasures": waiting, "unsigned": unsigned}, *(lines or ["None waits."]), as_json=as_json)


def _tell(step: Step, _now: int, *, as_json: bool) -> None:
    told: dict[str, object] = {"id": step.mandate.mandate.hex(), "who": step.who, "officers": list(step.officers)}
    told["due"] = step.erasure.due if step.erasure else None
    text = f"It waits for another officer: ciconia ledger erase approve {step.mandate.mandate.hex()}."
    if step.mandate.ended:
        text = "It is withdrawn, and that is recorded."
    elif step.erasure:
        text = f"It is recorded, and done on {written(step.erasure.due)}. Until then: ciconia ledger erase withdraw."
    answer(told, f"{told['id']}  {text}", as_json=as_json)


erase.command("approve", help=APPROVE)(signed_step(MandateDesk.approve, ERASURE, _tell))
erase.command("withdraw", help=WITHDRAW)(signed_step(MandateDesk.end, ERASURE, _tell))
