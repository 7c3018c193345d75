"""`ciconia ledger tiles`: the log's hash tiles as a folder for a file server."""

from pathlib import Path
from typing import Annotated

import typer

from idp.audit.tile_folder import number_of_tiles, write_tiles
from idp.cli.console import NO, answer, end, progress, trying
from idp.cli.options import AsJsonLines, Folder
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.store.engine import disposed, open_engine
from idp.store.migrate import assert_current
from policies.errors import NotFound

FOR_AUDITORS = " The folder has the leaves, too: give it to auditors, and do not publish it."


def tiles(
    config: Folder,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new folder, or one that an earlier run wrote.")],
    *,
    entries: Annotated[bool, typer.Option("--entries", help="The leaves, too, for auditors alone.")] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Write the log's checkpoint and its hash tiles (C2SP tlog-tiles) to a folder, for a file server.

    A later run adds what is new: let a timer run it. The checkpoint is written last, so readers find each tile of its tree.

    Example: ciconia ledger tiles --to /srv/log --config /etc/ciconia

    Exit codes: 0 it is written, 1 there is no checkpoint yet, 2 it could not be tried.
    """
    with trying(as_json=as_json, what="The tiles were not written"):
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        try:
            with disposed(open_engine(settings.database_url)) as engine:
                assert_current(engine)
                number = number_of_tiles(engine, settings.tenant, entries=entries)
                with progress(number, "tiles", as_json=as_json) as advance:
                    size, written = write_tiles(
                        engine, tenant=settings.tenant, keys=keys, folder=to, entries=entries, advance=advance
                    )
        except NotFound as error:
            end(error.code, error.detail, as_json=as_json, code=NO)
        except OSError as error:
            detail = f"{to} could not be written: {error.strerror or type(error).__name__}"
            end("unwritable", detail, as_json=as_json, text=f"{detail}.")
    text = f"{to} has the tiles of {size} leaves and the checkpoint over them; {written} tiles are new."
    told = {"size": size, "tiles": written, "folder": str(to)}
    answer(told, text + (FOR_AUDITORS if entries else ""), as_json=as_json)
