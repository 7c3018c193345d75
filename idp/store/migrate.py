"""Migrations. Their scripts lie in the package, so an installed broker migrates as a source tree does.

Two versions of this program serve one database while an operator replaces one by the other. So migrations only add (tables,
columns with a default or nullable, indices); a later step drops what no program uses any more. A script's `compatible_from`
names the oldest revision whose program may go on serving after it, and the database keeps the newest script's word. So a
program serves a database of an unknown revision if that word is a revision that it knows. A script that says nothing ends
the service of every older program.
"""

import functools
import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, delete, insert, inspect, select

from idp.store.commits import confirmed
from idp.store.engine import (
    create_file,
    database_file,
    database_name,
    is_postgres,
    open_engine,
    patiently,
    reading,
    single,
    writing,
)
from policies.errors import Misconfigured, Problem

SCRIPTS = Path(__file__).parent / "migrations"
# One row, beside alembic's own table: the oldest revision whose program may serve this database
compatible = Table("alembic_compatible", MetaData(), Column("from_revision", Text, nullable=False))
SEVERAL = ", "  # between the revisions of a database that has more than one
# Any number, always the same: the process that migrates PostgreSQL holds this lock
_LOCK = 0x43_49_43_4F
_ABSENT = (
    "look at `database` in ciconia.toml; where the file was there before, restore it from its backup; only a new broker's "
    "is made, empty, by `ciconia serve` or `ciconia migrate`"
)
# alembic keeps the migration that runs in variables of the process: threads take turns
_TURN = threading.Lock()


def migrate(url: str, look: Callable[[Connection], None] | None = None) -> str:
    """Bring the database to the newest revision, and make SQLite's file if there is none; returns the revision.

    One transaction: a migration that fails leaves the database as it was, and two processes wait for each other. If the
    revision is known, `look` is called before anything changes, and may raise. Raises `Unconfirmed` if it is done, and a
    standby may not have it.
    """
    create_file(url)
    engine = open_engine(url)
    try:
        with reading(), confirmed(writing(engine)) as connection:
            if is_postgres(connection):
                patiently(connection)
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK:d})")
            served, found = _served_by_us(connection), _found(connection)
            if look is not None and (served or found in revisions()):
                look(connection)
            if served:
                return found
            run_scripts(connection)
            _say_compatible(connection)
        return _head()
    except CommandError as error:
        what, fix = "a later version of this program made it.", "serve it with that version"
        raise Misconfigured((Problem(database_name(url), 0, "database", what, fix),)) from error
    finally:
        engine.dispose()


def run_scripts(connection: Connection) -> None:
    """Run each script that a database lacks, in the transaction of `connection`."""
    config = _config()
    config.attributes["connection"] = connection
    with _TURN:
        command.upgrade(config, "head")


def revision_of(engine: Engine) -> str:
    """The revision of a database; "" if it has none."""
    with reading(), single(engine).connect() as connection:
        return _found(connection)


def revisions() -> tuple[str, ...]:
    """Every revision that this program knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def assert_current(engine: Engine) -> None:
    """Raise `Misconfigured` if this program may not serve the database: see the head of this module."""
    url = engine.url.render_as_string(hide_password=False)
    fix = "run `ciconia migrate --config DIR` with the program that you serve with"
    if not is_postgres(engine) and not database_file(url).exists():
        raise Misconfigured((Problem(str(engine.url.database), 0, "database", "there is no such file.", _ABSENT),))
    with reading(), single(engine).connect() as connection:
        found = _found(connection)
        if found == _head() or _served_by_us(connection):
            return
    what = f"it has revision {found}, this program needs {_head()}."
    if not found:
        what = f"it has no tables of this program: it is empty, or another program's. Revision {_head()} is needed."
        fix = f"see that `database` names the right one; if it does, {fix}"
    raise Misconfigured((Problem(database_name(url), 0, "database", what, fix),))


def serves(engine: Engine) -> bool:
    """Whether the database is of this program's revision, or of a newer one that lets it go on."""
    with reading(), single(engine).connect() as connection:
        return _found(connection) == _head() or _served_by_us(connection)


def is_newest(connection: Connection) -> bool:
    """Whether the database is of this program's own revision."""
    return _found(connection) == _head()


def _found(connection: Connection) -> str:
    # No program of ours writes several, and alembic raises if one is asked for; and its table may hold what is no text
    return SEVERAL.join(map(str, MigrationContext.configure(connection).get_current_heads()))


def _served_by_us(connection: Connection) -> bool:
    """Whether a later program made the database, and says that this one may serve it."""
    known, found = revisions(), _found(connection)
    if found in ("", *known) or SEVERAL in found or not inspect(connection).has_table(compatible.name):
        return False
    return connection.scalar(select(compatible.c.from_revision)) in known


def _say_compatible(connection: Connection) -> None:
    script = ScriptDirectory.from_config(_config()).get_revision("head")
    oldest = getattr(script.module, "compatible_from", script.revision) if script is not None else ""
    if connection.scalars(select(compatible.c.from_revision)).all() == [oldest]:
        return  # so that nothing waits for a standby
    connection.execute(delete(compatible))
    connection.execute(insert(compatible).values(from_revision=oldest))


@functools.cache
def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
