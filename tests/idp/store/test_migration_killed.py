"""A migration that is killed with -9 at any moment: the database is of the old revision or of the new one."""

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def killed(url: str, point: int) -> bool:
    """Migrate in a process that dies at a point. Whether it died there; else it went through."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.idp.store.killed_migration", url, str(point)], check=False, capture_output=True
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    return ended.returncode != 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_migration_killed_at_each_point_leaves_the_old_database_or_the_new_one(tmp_path: Path, database: str) -> None:
    def round_of(point: int) -> str:
        """Kill it at a point; returns the revision, "" if the point was never reached."""
        url = fresh(point)
        died = killed(url, point)
        revision, names, marks = standing(url)
        assert marks == [MARK["digest"]], point
        assert revision == head or (revision == OLD and names == old and died), (point, revision, names ^ old)
        # Whoever comes next goes through, wherever the one before ended
        assert not killed(url, 0)
        revised, _, marks = standing(url)
        assert (revised, marks) == (head, [MARK["digest"]])
        return revision if died else ""

    def fresh(point: int) -> str:
        if database == "postgresql":
            return server().fresh(template.rpartition("/")[2])
        return f"sqlite:///{shutil.copy(tmp_path / 'old.db', tmp_path / f'{point}.db')}"

    template = f"sqlite:///{tmp_path / 'old.db'}" if database == "sqlite" else server().fresh()
    old = before(template)
    head = migration.revisions()[0]
    found: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        while "" not in found:
            found += pool.map(round_of, range(len(found) + 1, len(found) + 11))
    points = found[: found.index("")]
    assert len(points) > 20, len(points)
    # The last point is after the commit, and every one before it leaves what was
    assert points[-1] == head
    assert set(points[:-2]) == {OLD}
    print(f"{database}: {len(points)} points")
