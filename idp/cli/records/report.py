"""`ciconia ledger report`: an auditor's questions about the releases of a period, answered from the ledger."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.ledger_summary import summarise, unread
from idp.audit.questions.report import ReleaseReport, report_releases
from idp.audit.questions.summary import OF_LOGINS
from idp.cli.console import NO, YES, answer, progress, say, trying
from idp.cli.options import AsJsonLines, Folder
from idp.cli.records.auditing import auditor_of
from policies.purposes import Basis

DAY = "%Y-%m-%d"
# Reading more leaves than this takes longer than somebody expects
SOON = 20_000

Since = Annotated[
    datetime | None, typer.Option("--from", formats=[DAY], metavar="DAY", help="The first day (UTC): 2026-12-01.")
]
Until = Annotated[datetime | None, typer.Option("--to", formats=[DAY], metavar="DAY", help="The last day.")]


def seconds_of(since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """The first second of a period of days, and the first one behind it. Refuses one that ends early."""
    if since and until and since > until:
        raise typer.BadParameter("the period ends before it begins.", param_hint="--to")
    begins = None if since is None else max(0, int(since.replace(tzinfo=UTC).timestamp()))
    # The calendar ends on a last day
    ends = None if until is None else max(0, int(until.replace(tzinfo=UTC).timestamp()) + 86_400)
    return begins, ends


def report(
    config: Folder,
    since: Since = None,
    until: Until = None,
    service: Annotated[str, typer.Option(metavar="ID", help="A service's client id or entity id.")] = "",
    purpose: Annotated[str, typer.Option(metavar="ID", help="A purpose's id.")] = "",
    attribute: Annotated[str, typer.Option(metavar="NAME", help="One that was asked for, or that went.")] = "",
    country: Annotated[str, typer.Option(metavar="CODE", help="Where the person signed in: EE.")] = "",
    basis: Annotated[Basis | None, typer.Option(help="The lawful basis.")] = None,
    outcome: Annotated[str, typer.Option(metavar="|".join(OF_LOGINS), help="How the login ended.")] = "",
    *,
    as_json: AsJsonLines = False,
) -> None:
    """Say what was released: to whom, how often, in which form, what lacks what its purpose demands, who asks too much.

    It reads the ledger with the keys of its openings, beside a running broker, and checks each record against its leaf.
    The first report reads every leaf, and keeps sums without persons. A later one reads the new leaves alone.

    Example: ciconia ledger report --from 2026-11-01 --to 2026-11-30 --service parking --config city

    Exit codes: 0 it is said, 1 a record is not what was written and is left out, 2 it could not be tried.
    """
    if since and until and since > until:
        raise typer.BadParameter("the period ends before it begins.", param_hint="--to")
    if outcome and outcome not in OF_LOGINS:
        raise typer.BadParameter(f"an outcome is {', '.join(OF_LOGINS)}.", param_hint="--outcome")
    filters = LoginFilters(
        since=since.date() if since else None,
        until=until.date() if until else None,
        service=service,
        purpose=purpose,
        attribute=attribute,
        country=country,
        basis=basis.value if basis else "",
        outcome=outcome,
    )
    with trying(as_json=as_json), auditor_of(config) as auditor:
        leaves = unread(auditor)
        if leaves > SOON and not as_json:
            say(f"About {leaves} leaves are read for the first time. Later reports read new ones alone.", error=True)
        with progress(leaves, "report", as_json=as_json) as advance:
            ledger = summarise(auditor, advance=advance)
        found = report_releases(auditor, filters, ledger)
    answer({"ok": not found.changed, **found.as_json()}, *_lines(found), as_json=as_json)
    raise typer.Exit(NO if found.changed else YES)


def _lines(found: ReleaseReport) -> list[str]:
    """The report for people."""
    lines = [f"{found.size} leaves; root {found.root.hex()}", *found.notes]
    lines += ["", "1. Logins by service, purpose and basis"]
    lines += [
        f"   {one.service}  {one.purpose}  {one.basis}: {one.releases} releases, {one.refusals} refusals,"
        f" {one.cancellations} cancellations" + (f", {one.unsent} unsent" if one.unsent else "")
        for one in found.releases
    ] or ["   none"]
    lines += ["", "2. Attributes that went, by service and form"]
    lines += [f"   {one.service}  {one.attribute} as {one.form}: {one.releases}" for one in found.attributes] or ["   none"]
    lacking = found.lacking
    lines += ["", f"3. Releases that lack what their purpose demands, of {lacking.compared}"]
    lines += [
        f"   {one.lack}  {one.service}  {one.purpose}" + (f" ({one.detail})" if one.detail else "") + f": {one.releases}"
        for one in lacking.found
    ] or ["   none"]
    if lacking.pages_unknown:
        lines.append(f"   The language of {lacking.pages_unknown} is not known: another version showed their page.")
    lines += ["", "6. Services that asked for more than they get"]
    lines += [
        f"   {one.service}  {one.attribute}  {one.reason}: in {one.logins} of {one.of} logins" for one in found.over_asking
    ] or ["   none"]
    lines += ["", "7. Releases after a service, country or key was switched off"]
    for one in found.switched_off:
        off = f"{one.kind} {one.name}, off {_time(one.since)} to {_time(one.until) if one.until else 'now'}"
        late = "the record cannot tell" if one.late is None else f"{one.late} releases"
        signed = f", {one.checkpoints} checkpoints signed" if one.checkpoints else ""
        where = f" (leaves {', '.join(map(str, one.places))})" if one.places else ""
        lines.append(f"   {off}: {late}{signed}{where}")
    return lines if found.switched_off else [*lines, "   nothing was switched off"]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
