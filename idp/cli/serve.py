"""`ciconia serve`: a running broker."""

import errno
import os
import signal
from typing import Annotated

import typer

from idp.application.auditor_desks import addresses
from idp.cli.console import COULD_NOT_RUN, NO, say
from idp.cli.options import Folder
from idp.cli.serve_plan import look, plan, tell
from idp.config.settings import shut
from idp.keys.file import forget_keys
from idp.monitoring.listener import serve as watched
from idp.monitoring.measures import SharedMeasures
from idp.server.http import Listening, bind
from idp.server.workers.slots import Board
from idp.server.workers.supervisor import Supervisor
from idp.system.logs import configure_logs
from policies.errors import Misconfigured, StoreUnavailable

MAX_WORKERS = 60


def serve(
    config: Folder,
    workers: Annotated[
        int, typer.Option(min=1, max=MAX_WORKERS, metavar="N", help="How many processes answer requests.")
    ] = 1,
    drain: Annotated[
        float, typer.Option(min=0, max=600, metavar="SECONDS", help="After SIGTERM, how long the proxy has to notice.")
    ] = 0.0,
) -> None:
    """Run the broker until Ctrl-C or SIGTERM, behind a proxy that speaks https. `ciconia.toml` says where it listens.

    It refuses settings that would leak or lose something: `ciconia doctor` explains them. SIGHUP reads the configuration
    anew; if that is broken, the former one goes on serving. A broken tenant is closed while the others serve.

    Example: ciconia serve --config city --workers 4
    """
    # Its default would end us now: it waits until the supervisor asks for it. A worker sets its own mask
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    configure_logs()
    try:
        looked = look(config)
    except (Misconfigured, StoreUnavailable) as error:
        tell(config, error)
        raise typer.Exit(COULD_NOT_RUN if shut(config) else NO) from None
    process = looked.process
    listening = _listen("listen", process.listen)
    desks = {address: _listen("auditor.listen", address) for address in addresses(looked.fixed.values())}
    metrics, beside = None, None
    if process.metrics_listen:
        told = _listen("metrics_listen", process.metrics_listen)
        metrics = shared = SharedMeasures()

        def beside(board: Board) -> None:
            forget_keys()
            watched(shared, told, board.draining)

    def ready() -> None:
        are = "is" if len(looked.issuers) == 1 else "are"
        say(f"{', '.join(looked.issuers)} {are} served at http://{process.listen}. Ctrl-C ends it.")
        for each in looked.desks:
            say(f"The auditor's desk {each.url} is served at http://{each.listen}.")
        if looked.nobody_may_ask:
            say("Nobody may ask it yet: put a file for each country's node into nodes/.")

    supervisor = Supervisor(
        listening, workers=workers, ready=ready, beside=beside, note=metrics.note_workers if metrics else None
    )
    try:
        raise typer.Exit(supervisor.run(plan(config, looked, metrics, drain, desks)))
    finally:
        if metrics is not None:
            metrics.close()


def _listen(key: str, address: str) -> Listening:
    host, _, port = address.rpartition(":")
    try:
        return bind(host.strip("[]"), int(port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        end = "End what listens there, or change" if error.errno == errno.EADDRINUSE else "Change"
        say(f"Cannot listen on {address}: {why}. {end} {key} in ciconia.toml.", error=True)
        raise typer.Exit(NO) from None
