"""This program and the next one on one database: what an upgrade of two machines, one after the other, looks like.

The next one is this tree with one more migration, which adds a table and a column and says from which revision on older
programs may go on. It is made here, so it shows the rule of migrations, and nothing about what a real next version changes.
"""

import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from idp.store.migrate import revisions
from tests.idp.cli.command import serving
from tests.idp.server.machines import Machines, sign_in, turns, verified

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
MIGRATION = '''"""A table and a column more."""

from alembic import op
from sqlalchemy import Column, Integer, Text

revision = "9000_next"
down_revision = "{head}"
branch_labels = None
depends_on = None
compatible_from = "{head}"


def upgrade() -> None:
    op.create_table("next_things", Column("tenant", Text, primary_key=True), Column("thing", Text))
    op.add_column("peers", Column("next_column", Integer, nullable=True))


def downgrade() -> None:
    raise NotImplementedError
'''


PEERS = 'peers = table(\n    "peers",\n    tenant(),\n'


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage")
    yield found
    found.close()


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The tree of the next program."""
    folder = tmp_path / "later"
    for package in ("idp", "connectors", "policies"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    script = folder / "idp" / "store" / "migrations" / "versions" / "9000_next.py"
    script.write_text(MIGRATION.format(head=revisions()[0]), encoding="utf-8")
    # The next program knows its own column
    tables = folder / "idp" / "store" / "tables.py"
    text = tables.read_text(encoding="utf-8")
    assert PEERS in text
    tables.write_text(text.replace(PEERS, f'{PEERS}    Column("next_column", Number, nullable=True),\n'), encoding="utf-8")
    return folder


def test_both_serve_one_login_together_and_the_older_one_starts_again_on_the_newer_database(
    stage: Machines, later: Path, tmp_path: Path
) -> None:
    party = stage.party()
    command = ["env", f"PYTHONPATH={later}", sys.executable, "-P", "-c", "from idp.cli import app; app()"]
    newer = [*command, "serve", "--config", str(stage.folders[1])]
    with (
        turns(stage.front, stage.ports) as given,
        stage.serving(0) as older,
        # An upgrade of the second machine, under the first one
        serving(stage.folders[1], tmp_path / "log of the later", newer),
    ):
        assert revision(stage) == "9000_next"
        for citizen in ("mari", "juhan"):
            sign_in(stage, party, citizen)
        assert older.end(signal.SIGTERM) == 0
        # A machine that was not upgraded yet and is restarted: the database is a later one's, and lets it serve
        with stage.serving(0):
            sign_in(stage, party, "mari")
            assert revision(stage) == "9000_next"
    assert len(set(given.given)) == 2
    party.close()
    assert verified(stage.folders[0], staged=True) == 3
    assert "Traceback" not in stage.log(0) + (tmp_path / "log of the later").read_text(encoding="utf-8")


def revision(stage: Machines) -> str:
    with closing(sqlite3.connect(stage.receiving / "ciconia.db")) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
