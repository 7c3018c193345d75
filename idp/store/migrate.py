"""Migrations: the scripts lie in the package, so an installed broker migrates as a source tree does."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from idp.store.engine import create_file, database_file, open_engine, reading, writing
from policies.errors import Misconfigured, Problem

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(url: str) -> str:
    """Bring the database to the newest revision, making its file where there is none; returns the revision.

    One transaction: a migration that fails leaves the database as it was, and of two processes one waits for the other.
    """
    create_file(url)
    engine = open_engine(url)
    try:
        with reading(), writing(engine).begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return _head()
    except CommandError as error:
        what, fix = "a later version of this program made it.", "serve it with that version"
        raise Misconfigured((Problem(str(database_file(url)), 0, "database", what, fix),)) from error
    finally:
        engine.dispose()


def revision_of(engine: Engine) -> str:
    """The revision of a database, "" where it has none."""
    with reading(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def revisions() -> tuple[str, ...]:
    """Every revision that this program knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def assert_current(engine: Engine) -> None:
    """Raise `Misconfigured` where the database has another revision than this program's."""
    file = str(engine.url.database)
    fix = "run `ciconia migrate --config DIR` with the program that you serve with"
    if not database_file(engine.url.render_as_string(hide_password=False)).exists():
        raise Misconfigured((Problem(file, 0, "database", "there is no such file.", fix),))
    found = revision_of(engine)
    if found != _head():
        what = f"it has revision {found or 'none'}, this program needs {_head()}."
        raise Misconfigured((Problem(file, 0, "database", what, fix),))


def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
