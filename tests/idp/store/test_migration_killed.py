"""A migration that is killed with -9 at any moment: the database is of the old revision or of the new one."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import insert, inspect, select

from idp.store import migrate as migration
from idp.store import tables
from idp.store.engine import create_file, open_engine, writing
from tests.postgres import server

pytestmark = [pytest.mark.slow, pytest.mark.spec("security.md §3 migration interrupted")]
OLD = "0004"
MARK = {"tenant": "storkhaven", "kind": "login", "digest": b"\1" * 32, "unit": b"\2" * 16, "ends": 4_000_000_000}


def before(url: str) -> frozenset[str]:
    """Make a database as the version before made it, with a mark in it. Returns its tables."""
    create_file(url)
    engine = open_engine(url)
    with writing(engine).begin() as connection:
        config = migration._config()
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
        connection.execute(insert(tables.marks).values(MARK))
    found = standing(url)[1]
    engine.dispose()
    return found


def standing(url: str) -> tuple[str, frozenset[str], list[bytes]]:
    """The revision of the database, its tables and its marks."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            marks = list(connection.scalars(select(tables.marks.c.digest)))
            names = frozenset(inspect(connection).get_table_names())
        return migration.revision_of(engine), names, marks
    finally:
        engine.dispose()


def killed(url: str, point: int) -> int:
    """Migrate in a process that dies at a point; returns 0, or how many points it passed if it lived on."""
    command = [sys.executable, "-m", "tests.idp.store.killed_migration", url, str(point)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return int(ended.stdout) if ended.returncode == 0 else 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_migration_killed_at_any_point_leaves_the_old_database_or_the_new_one(tmp_path: Path, database: str) -> None:
    def round_of(point: int) -> str:
        """Kill it at a point; returns the revision that it left."""
        url = fresh(point)
        assert not killed(url, point)
        left, names, marks = standing(url)
        assert marks == [MARK["digest"]], point
        assert left == head or (left == OLD and names == old), (point, left, names ^ old)
        # The next process goes through, wherever this one ended
        migration.migrate(url)
        revised, _, marks = standing(url)
        assert (revised, marks) == (head, [MARK["digest"]])
        return left

    def fresh(point: int) -> str:
        if database == "postgresql":
            return server().fresh(template.rpartition("/")[2])
        return f"sqlite:///{shutil.copy(tmp_path / 'old.db', tmp_path / f'{point}.db')}"

    template = f"sqlite:///{tmp_path / 'old.db'}" if database == "sqlite" else server().fresh()
    old = before(template)
    head = migration.revisions()[0]
    last = killed(fresh(0), 0)
    assert last > 20
    # Every sixth point, and each of those around the commit: the last one is after it
    points = [*range(1, last - 4, 6), *range(last - 4, last + 1)]
    left = [round_of(point) for point in points]
    assert left[-1] == head
    assert set(left[:-2]) == {OLD}
