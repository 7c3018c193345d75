"""`ciconia ledger grant`: two officers open a period, or one person, to a named auditor."""

import time
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from idp.application.change_desk import Identity
from idp.application.mandate_desk import MandateDesk, Step
from idp.audit.grants import AuditorGrant, grant_of
from idp.changes.mandates import GRANT
from idp.cli.console import answer
from idp.cli.options import AsJson, Folder, Reason
from idp.cli.records.mandate_options import Key, Name, Named, Signature, desk_of, signed_step
from idp.cli.records.report import Since, Until, seconds_of
from idp.ledger.canonical_json import Json

DAY = 86400
APPROVE = """Agree to a grant that another officer asked for. The ledger records it, and each approval that is refused.

Example: ciconia ledger grant approve 3f2a1c... --as juhan --key juhan.key --config city
"""
END = """End a grant for good. One officer is enough.

Example: ciconia ledger grant end 3f2a1c... --as juhan --key juhan.key --config city
"""
grant = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Open a period or one person to an auditor: two officers."
)


@grant.command()
def new(
    config: Folder,
    auditor: Annotated[str, typer.Option(metavar="NAME", help="The auditor, by the name of their entry at the desk.")],
    reason: Reason,
    record: Annotated[str, typer.Option(metavar="RECORD", help="One person: a record in a receipt of theirs.")] = "",
    since: Since = None,
    until: Until = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="How long the auditor may use it.")] = 7,
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a grant, and sign it. It counts when another officer has approved it.

    Example: ciconia ledger grant new --auditor liis --record 5b8efff7... --reason "case 7" --key mari.key --config city

    Exit codes: 0 it waits, 1 it is refused, 2 it could not be tried.
    """
    now = int(time.time())
    facts: dict[str, Json] = {"auditor": auditor, "begins": now, "ends": now + days * DAY, "reason": reason}
    begins, ends = seconds_of(since, until)
    facts |= {"record": record} if record else {"since": begins or 0, "until": ends or 0}
    if record and (len(record) != 32 or not set(record) <= set("0123456789abcdef")):  # noqa: PLR2004  hex of 16 bytes
        raise typer.BadParameter("a record has 32 digits of 0-9 and a-f", param_hint="--record")
    with desk_of(config, as_json=as_json) as desk:
        step = desk.ask(GRANT, facts, Identity(name, key, signature), now)
    _tell(step, now, as_json=as_json)


@grant.command("list")
def list_grants(config: Folder, *, as_json: AsJson = False) -> None:
    """Show every grant that there ever was, the newest first, and who signed it.

    Example: ciconia ledger grant list --config city
    """
    now = int(time.time())
    with desk_of(config, as_json=as_json) as desk:
        found = desk.grants.listed()
    lines = [_line(one, now) for one in found] or ["No grant was ever given."]
    answer({"grants": [dict(one.as_json(now)) for one in found]}, *lines, as_json=as_json)


@grant.command()
def document(
    grant_id: Named,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, to be signed with ssh-keygen -Y sign.")],
    config: Folder,
    *,
    to_end: Annotated[bool, typer.Option("--end", help="What is signed to end it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write what an officer signs, for a key in a FIDO token.

    Example: ciconia ledger grant document 3f2a1c... grant.json --config city
    """
    with desk_of(config, as_json=as_json) as desk:
        octets = desk.mandates.of(bytes.fromhex(grant_id)).document
    file.write_bytes(b"end " + octets if to_end else octets)
    answer({"file": str(file)}, f"Written: {file}.", as_json=as_json)


def _tell(step: Step, now: int, *, as_json: bool) -> None:
    shown = grant_of(step.mandate, {})
    told = {**shown.as_json(now), "officers": list(step.officers), "who": step.who}
    told["state"] = "ended" if step.mandate.ended else "open" if step.stands else "waiting"
    said = {
        "ended": "It has ended, and that is recorded.",
        "open": f"It is open until {written(shown.ends)}, and that is recorded.",
        "waiting": f"It waits for another officer: ciconia ledger grant approve {shown.grant.hex()}.",
    }
    answer(told, f"{shown.grant.hex()}  {said[str(told['state'])]}", as_json=as_json)


grant.command("approve", help=APPROVE)(signed_step(MandateDesk.approve, GRANT, _tell))
grant.command("end", help=END)(signed_step(MandateDesk.end, GRANT, _tell))


def _line(one: AuditorGrant, now: int) -> str:
    what = "one person" if one.record else f"{written(one.since)} to {written(one.until)}"
    who = ", ".join(one.officers) or "nobody who counts"
    return (
        f"{one.grant.hex()}  {one.state(now):<8} {one.auditor}: {what}, until {written(one.ends)}, by {who}: {one.reason}"
    )
