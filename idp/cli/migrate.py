"""`ciconia migrate`: the database at this version's tables."""

import json
from functools import partial
from pathlib import Path

import typer
from sqlalchemy import Connection

from idp.cli.console import failed, problems, say
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
    """Bring the database to this version's tables, of several tenants each one's. `serve` does the same before it listens.

    A database of another installation is refused, and stays as it is.

    Example: ciconia migrate --config city
    """
    if found := shut(config):
        problems(Misconfigured(found), as_json=as_json)
        raise typer.Exit(2)
    folders = tenant_folders(config)
    if not folders:
        failed("not_found", f"There is no tenant in {config / TENANTS}.", as_json=as_json)
    done = [_migrated(folder, folder.name if is_many(config) else "", as_json=as_json) for folder in folders]
    raise typer.Exit(0 if done and all(done) else 1)


def _migrated(folder: Path, tenant: str, *, as_json: bool) -> bool:
    """Whether the database of one folder is at this version, which is said with the tenant's name where it has one."""
    of, named = (f" of {tenant}", {"tenant": tenant}) if tenant else ("", {})
    database = ""
    try:
        settings = load_settings(folder)
        # A URL may have a password
        database = database_name(settings.database_url) if "://" in settings.database else settings.database
        revision = migrate_ours(settings)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        return False
    except Unconfirmed as error:
        what = f"The database {database}{of} is changed, but {error.detail}."
        failed(error.code, what, as_json=as_json, **named)
        return False
    except StoreUnavailable as error:
        what = f"The database {database}{of} cannot be changed: {explained(error.detail)}."
        failed(error.code, what, as_json=as_json, **named)
        return False
    if as_json:
        print(json.dumps({"ok": True, "database": database, "revision": revision, **named}))
    else:
        say(f"{database}{of} is at revision {revision}.")
    return True


def migrate_ours(settings: Settings) -> str:
    """Bring the database of these settings to this version's tables; returns their revision.

    Raises `Misconfigured`, where it is another installation's too, and `StoreUnavailable`.
    """
    return migrate_database(settings.database_url, partial(_assert_ours, settings))


def _assert_ours(settings: Settings, connection: Connection) -> None:
    """Raise where the database is another installation's. An empty one is nobody's, and needs no keys."""
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    assert_ours(connection, settings.tenant, keys)
