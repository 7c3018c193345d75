"""`ciconia party overasking`: the services that ask for more than they may get, counted from the release ledger."""

from functools import cache
from typing import Annotated

import typer

from idp.audit.over_asking import over_asking
from idp.cli.console import answer, trying
from idp.cli.options import AsJson, Folder
from idp.cli.records.auditing import auditor_of
from idp.system.clock import system_clock
from idp.system.logs import configure_logs

DAY = 24 * 3600


def overasking(
    config: Folder,
    days: Annotated[int, typer.Option("--since", metavar="DAYS", min=1, max=36500, help="How many days back.")] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """Count what services asked for and could not have got from anybody: by service and attribute, without persons.

    It reads the release ledger with the keys of its openings, beside a running broker, and changes nothing.

    Example: ciconia party overasking --since 90 --config city

    Exit codes: 0 it is counted, 2 it could not be tried.
    """
    configure_logs()
    with trying(as_json=as_json):
        since = system_clock() - days * DAY
        with auditor_of(config) as auditor:
            counted = over_asking(
                auditor.engine,
                tenant=auditor.tenant,
                keys=auditor.keys,
                catalogue=auditor.configuration.catalogue,
                purpose_of=cache(auditor.purpose),
                since=since,
            )
    lines = [f"{sum(counted.logins.values())} logins of {len(counted.logins)} services in {days} days."]
    lines += [
        f"{one.client_id:<24} {one.attribute:<20} {one.reason:<16} in {one.logins} of {counted.logins[one.client_id]}"
        for one in counted.found
    ]
    lines += [] if counted.found else ["No service asked for more than it may get."]
    if counted.unreadable:
        lines.append(
            f"{counted.unreadable} records do not open with these keys and are not counted: ciconia ledger verify."
        )
    told = [
        {"client_id": one.client_id, "attribute": one.attribute, "reason": str(one.reason), "logins": one.logins}
        for one in counted.found
    ]
    rest = {"days": days, "logins": dict(counted.logins), "unreadable": counted.unreadable}
    answer({"overasked": told, **rest}, *lines, as_json=as_json)
