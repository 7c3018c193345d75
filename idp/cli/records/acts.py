"""`ciconia ledger acts`: what operators and the product did, and what the policy allowed on a day."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from idp.audit.questions.acts import Acts, acts_between
from idp.audit.questions.ledger_summary import summarise, unread
from idp.audit.questions.policy_on import PolicyInForce, policies_on
from idp.cli.console import NO, YES, answer, plain, progress, trying
from idp.cli.options import AsJsonLines, Folder
from idp.cli.records.auditing import NOT_RUN, auditor_of
from idp.cli.records.report import DAY, Since, Until, seconds_of
from idp.receipts.receipt_record import time_text

_ON = typer.Option(
    "--on", formats=[DAY], metavar="DAY", help="Say what the policy allowed on this day (UTC), and nothing else."
)


def acts(
    config: Folder,
    since: Since = None,
    until: Until = None,
    on: Annotated[datetime | None, _ON] = None,
    *,
    as_json: AsJsonLines = False,
) -> None:
    """List every record that is no sign-in, with who did it and why, and name each that is not what was written.

    Operators, the product and citizens on their page did these things; no person is shown. `ciconia audit events` has the
    operators' and the product's alone, by type, as a SIEM gets them.

    With --on: which configurations were in force on that day, who put them there, and what each purpose allowed.

    Example: ciconia ledger acts --from 2026-11-01 --config city

    Exit codes: 0 it is said, 1 a record is not what was written, or a configuration is not kept, 2 it could not be tried.
    """
    if on and (since or until):
        raise typer.BadParameter("a day has no period: leave out --from and --to.", param_hint="--on")
    begins, ends = seconds_of(since, until)
    with trying(as_json=as_json, what=NOT_RUN), auditor_of(config, judged=False) as auditor:
        if on:
            found = policies_on(auditor, on.date())
            kept = all(each.configuration for each in found)
            told = {"ok": kept, "day": on.strftime(DAY), "policies": [each.as_json() for each in found]}
            lines = [line for each in found for line in _policy(each)]
            answer(told, *(lines or ["No configuration was in force."]), as_json=as_json)
            raise typer.Exit(YES if kept else NO)
        with progress(unread(auditor), "acts", as_json=as_json) as advance:
            ledger = summarise(auditor, advance=advance)
        listed = acts_between(auditor, ledger, begins or 0, ends)
    answer({"ok": not listed.changed, **listed.as_json()}, *_lines(listed), as_json=as_json)
    raise typer.Exit(NO if listed.changed else YES)


def _lines(found: Acts) -> Iterator[str]:
    yield f"{found.size} leaves; root {found.root.hex()}"
    for act in found.acts:
        who = f" by {act.who}" if act.who else ""
        why = f": {act.why}" if act.why else ""
        rest = {name: value for name, value in act.facts.items() if name not in {"who", "reason", "widened"}}
        yield plain(f"{act.index}  {time_text(act.time)}  {act.kind}{who}{why}  {json.dumps(rest, ensure_ascii=False)}")
    if not found.acts:
        yield "No act is on record."
    for place in found.changed:
        yield f"DOES NOT FIT  leaves {place}: its record is not what was written: run ciconia ledger verify."


def _policy(found: PolicyInForce) -> Iterator[str]:
    applied = found.applied
    until = f" until {time_text(found.until)}" if found.until else ""
    approved = f", approved by {', '.join(found.approved)}" if found.approved else ""
    when = f"from {time_text(applied.time)}{until}"
    yield plain(f"Configuration {applied.number} {when}, put in force by {applied.who}{approved}.")
    yield from (plain(f"  It widened: {each}") for each in found.widened)
    if found.configuration is None:
        yield "  A file of it is gone or was changed: ciconia doctor."
    for purpose, services in found.purposes():
        needs = ", ".join(f"{name} ({need.form})" for name, need in sorted(purpose.needs.items()))
        head = f"  {purpose.purpose_id} ({purpose.basis.value}, {purpose.minimum_assurance.label})"
        yield plain(f"{head}: {needs}; for {', '.join(services) or 'nobody'}")
