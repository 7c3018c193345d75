"""`ciconia migrate`: the database at this version's tables."""

from functools import partial
from pathlib import Path

import typer
from sqlalchemy import Connection

from idp.cli.console import COULD_NOT_RUN, NO, YES, answer, failed, problems
from idp.cli.options import AsJson, Folder
from idp.config.settings import TENANTS, Settings, is_many, load_settings, shut, tenant_folders
from idp.keys.ledger_files import load_ledger_keys
from idp.store.commits import Unconfirmed
from idp.store.engine import database_name
from idp.store.faults import explained
from idp.store.installation import assert_ours
from idp.store.migrate import migrate as migrate_database
from policies.errors import Misconfigured, StoreUnavailable


def migrate(config: Folder, *, as_json: AsJson = False) -> None:
    """Bring the database, or each tenant's, to this version's tables. `serve` does the same before it listens.

    It refuses the database of another installation, which stays as it is.

    Example: ciconia migrate --config city
    """
    if found := shut(config):
        problems(Misconfigured(found), as_json=as_json)
        raise typer.Exit(COULD_NOT_RUN)
    folders = tenant_folders(config)
    if not folders:
        failed("not_found", f"There is no tenant in {config / TENANTS}.", as_json=as_json)
    done = [_migrated(folder, folder.name if is_many(config) else "", as_json=as_json) for folder in folders]
    raise typer.Exit(YES if done and all(done) else NO)


def _migrated(folder: Path, tenant: str, *, as_json: bool) -> bool:
    """Migrates the database of one folder, and says how that went; whether it is at this version now."""
    of, named = (f" of {tenant}", {"tenant": tenant}) if tenant else ("", {})
    database = ""
    try:
        settings = load_settings(folder)
        database = told_database(settings)
        revision = migrate_ours(settings)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        return False
    except StoreUnavailable as error:
        what = f"cannot be changed: {explained(error.detail)}"
        if isinstance(error, Unconfirmed):
            what = f"is changed, but {error.detail}"
        failed(error.code, f"The database {database}{of} {what}.", as_json=as_json, **named)
        return False
    text = f"{database}{of} is at revision {revision}."
    answer({"database": database, "revision": revision, **named}, text, as_json=as_json)
    return True


def told_database(settings: Settings) -> str:
    """The database as a message names it, without the password that a URL may have."""
    return database_name(settings.database_url) if "://" in settings.database else settings.database


def migrate_ours(settings: Settings) -> str:
    """Brings the database of these settings to this version's tables; returns their revision.

    Raises `Misconfigured`, where it is another installation's too, and `StoreUnavailable`.
    """
    return migrate_database(settings.database_url, partial(_assert_ours, settings))


def _assert_ours(settings: Settings, connection: Connection) -> None:
    """Raises where the database is another installation's. An empty one is nobody's, and needs no keys."""
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    assert_ours(connection, settings.tenant, keys)
