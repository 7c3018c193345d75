"""`ciconia party overasking`: the services that ask for more than they may get, counted from the release ledger."""

from functools import cache
from typing import Annotated

import typer

from idp.audit.over_asking import over_asking
from idp.changes.history import History
from idp.cli.console import answer, trying
from idp.cli.options import AsJson, Folder
from idp.config.folder import read_configuration
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.store.engine import open_engine
from idp.store.migrate import assert_current
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.load import examine, load
from policies.purposes import Purpose

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
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        files = read_configuration(config)
        configuration = load(files)
        engine = open_engine(settings.database_url)
        assert_current(engine)
        since = system_clock() - days * DAY
        history = History(engine=engine, tenant=settings.tenant, keys=keys)
        today = {one.digest: one for one in configuration.purposes.values()}

        @cache
        def purpose_of(policy: str) -> Purpose | None:
            """Today's purpose, or the history's, with the attributes of today."""
            if policy in today or (text := history.purpose_text(policy)) is None:
                return today.get(policy)
            kept = {name: files[name] for name in ("catalogue.toml",) if name in files} | {"purposes/kept.toml": text}
            return next(iter(examine(kept)[0].purposes.values()), None)

        counted = over_asking(
            engine,
            tenant=settings.tenant,
            keys=keys,
            catalogue=configuration.catalogue,
            purpose_of=purpose_of,
            since=since,
        )
        engine.dispose()
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
