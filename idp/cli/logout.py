"""`ciconia logout list|retry`: what services have not heard yet of sessions that ended, and of what persons took back.

Exit codes: 0 nothing was given up, or it is tried again; 1 something was given up; 2 it could not be tried.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import NO, answer, trying
from idp.cli.options import AsJson, Folder
from idp.config.settings import load_settings
from idp.store.engine import disposed, open_engine
from idp.store.logout_queue import LogoutQueue, QueuedLogout
from idp.store.migrate import assert_current
from idp.system.clock import system_clock
from idp.system.logs import configure_logs

logout = typer.Typer(no_args_is_help=True, add_completion=False)
OfService = Annotated[str, typer.Option("--service", metavar="NAME", help="This service's alone; else those of all.")]


@logout.callback()
def group() -> None:
    """Logouts and events that services have not heard of."""
    configure_logs()


@logout.command(name="list")
def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List the logout tokens and events that no service has taken: those tried again, and those that were given up.

    Example: ciconia logout list --config city
    """
    with _queue(config, as_json=as_json) as queue:
        found = queue.listed()
    lines = [_line(one) for one in found] or ["Every service has heard of all that it has to hear."]
    given_up = sum(one.due is None for one in found)
    answer({"ok": not given_up, "logouts": [_told(one) for one in found]}, *lines, as_json=as_json)
    if given_up:
        raise typer.Exit(NO)


@logout.command()
def retry(config: Folder, *, service: OfService = "", as_json: AsJson = False) -> None:
    """Try those again that were given up, from now on: after a service's address works again.

    Example: ciconia logout retry --service parking --config city
    """
    with _queue(config, as_json=as_json) as queue:
        count = queue.retry(system_clock(), service)
    answer({"retried": count}, f"{count} of them are tried again by the server, within seconds.", as_json=as_json)


@contextmanager
def _queue(config: Path, *, as_json: bool) -> Iterator[LogoutQueue]:
    with trying(as_json=as_json):
        settings = load_settings(config)
        with disposed(open_engine(settings.database_url)) as engine:
            assert_current(engine)
            yield LogoutQueue(engine=engine, tenant=settings.tenant)


def _line(one: QueuedLogout) -> str:
    state = "given up" if one.due is None else f"again at {_moment(one.due)}"
    what = "event of" if one.record else "ended"
    return f"{one.client_id:<24} {what} {_moment(one.made)}, {one.tries} tries, {state}; last: {one.failed or 'none yet'}"


def _told(one: QueuedLogout) -> dict[str, object]:
    due = None if one.due is None else _moment(one.due)
    told = {"service": one.client_id, "ended": _moment(one.made), "tries": one.tries}
    told["kind"] = "event" if one.record else "logout"
    return {**told, "due": due, "given_up": one.due is None, "failed": one.failed}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
